"""`atoll init`: writes a first configuration, and shows where it would go."""

import sys
from pathlib import Path
from typing import Any

import click

from atoll.cli import configuration, errors, folders, task_document, terminal, units
from atoll.cli.apply import pointing_into
from atoll.cli.errors import CommandError
from atoll.client import connect
from atoll.wire.api import PlanResponse, SourceFile, Submission

COMMAND = 'echo "hello from node $ATOLL_NODE_RANK in $ATOLL_ZONE"'
"""What the task runs where nothing else is chosen."""
NODES = 3
HEAD = """\
# A fleet over the zones, and a task on it.
#   atoll plan     shows where everything would go, and why not elsewhere
#   atoll apply    makes it so, and follows the task
#   atoll delete -f {file}    ends it all
"""
FLEET = """\
type: fleet
name: {name}
nodes: {nodes}
placement: spread            # over the zones; `any` takes the cheapest, `cluster` one zone
{reach}# idle_duration: 1h          # how long a machine without a run is kept
"""
ANYWHERE = "# availability_zones: []     # names, ids or globs; without it all zones of the backends\n"
TASK = """\
---
type: task
name: {name}-task
fleets: [{name}]
{body}# retry: {{on_events: [no-capacity, interruption], duration: 1h}}
"""


@click.command(short_help="Write a first configuration: a fleet over the zones, and a task.")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("-n", "--name", metavar="NAME", help="The name of the fleet; by default the folder's.")
@click.option("--command", metavar="TEXT", help="The shell line that the task runs.")
@task_document.demand_options("fleets")
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask: take the defaults.")
def init(
    *, file: Path | None, name: str | None, command: str | None, demand: task_document.Demand, force: bool, yes: bool
) -> None:
    """Write a first configuration to FILE, by default `.atoll.yml` in this folder: a fleet over the zones and a task.

    On a terminal it asks for what no option says. Nothing is created; the plan of the file is checked, for
    which this machine's server is started if none runs.
    """
    path = file or Path(folders.DEFAULTS[0])
    if not str(path).endswith(folders.DEFAULTS):
        raise click.UsageError(f"`{path}` would not be found: end it in `.atoll.yml`")
    if path.exists() and not force:
        raise CommandError(f"`{path}` exists", "`atoll plan` shows what it means; `--force` overwrites it")
    ask = terminal.interactive() and not yes
    default = task_document.plain_name(Path.cwd().name) or "first"
    name = _answer("Name", name, default, ask)
    command = _answer("Command that the task runs", command, COMMAND, ask)
    nodes = int(_answer("Machines, spread over the zones", demand.nodes, NODES, ask, click.IntRange(1, 1000)))
    text = _text(path, name, nodes, command, demand.keys())
    answer = _checked(SourceFile(str(path), text))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write `{path}`: {error.strerror}", "name another FILE") from error
    terminal.out(f"wrote {path}")
    _report(answer, "" if file is None else f" {path}")


def _answer(question: str, given: Any, default: Any, ask: bool, kind: Any = None) -> Any:
    if given is not None:
        return given
    return click.prompt(question, default=default, type=kind) if ask else default


def _text(path: Path, name: str, nodes: int, command: str, keys: dict[str, Any]) -> str:
    """The file. What says where and on which machines is the fleet's, what says what runs is the task's."""
    volumes = keys.pop("volumes", None)
    keys.pop("nodes", None)
    reach = task_document.written([keys]) + ("" if "availability_zones" in keys else ANYWHERE)
    task = {"nodes": nodes, "commands": [command], **({"volumes": volumes} if volumes else {})}
    fleet = FLEET.format(name=name, nodes=nodes, reach=reach)
    body = task_document.written([task])
    return HEAD.format(file=path) + fleet + TASK.format(name=name, body=body)


def _checked(file: SourceFile) -> PlanResponse:
    """The plan of the file. Raises InvalidFiles for values that cannot be."""
    sent = Submission((file,))
    with pointing_into(sent):
        answer = connect().plan(sent)
    if answer.diagnostics:
        errors.show_diagnostics(answer.diagnostics, configuration.sources(sent))
    return answer


def _report(answer: PlanResponse, argument: str) -> None:
    for document in answer.plan.documents:
        if document.shortfall:
            help = next((cure.message for cure in document.shortfall.cures), "`atoll offer` shows what there is")
            errors.warn(f"{document.kind} `{document.name}` does not fit now: {document.shortfall.message}", help)
            return
    nodes = [node for document in answer.plan.documents if document.kind == "fleet" for node in document.nodes]
    places = sorted({units.zone_name(node.region, node.zone) for node in nodes})
    price = f", {units.hourly(answer.plan.price)}" if answer.plan.price != 0 else ""
    terminal.out(f" it fits: {units.count(len(nodes), 'machine')} in {units.shortened(places)}{price}")
    terminal.out(terminal.paint(f" next: `atoll apply{argument}`", "bold", sys.stdout))
