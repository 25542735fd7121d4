"""`atoll why`: why something is where it is, or what it waits for, with the reason of every other zone."""

import sys

import click

from atoll.cli import plan_view, terminal, units
from atoll.cli.completion import existing
from atoll.cli.errors import CommandError
from atoll.cli.follow import Target, View, kind_of, view_of
from atoll.cli.noun import json_option, verbose_option
from atoll.cli.output import print_json
from atoll.cli.table import block
from atoll.client import ApiError, Client, connect
from atoll.wire.api import FleetView, RunView, VolumeView

NODES = 8
"""How many nodes of a run are listed."""
KINDS = ("run", "fleet", "volume")


@click.command(short_help="Say why something is where it is, or why it waits.")
@click.argument("name", shell_complete=existing("any"))
@click.option("--kind", type=click.Choice(KINDS), help="Which one, where a run, fleet and volume share the name.")
@verbose_option
@json_option
def why(name: str, kind: str | None, verbose: bool, as_json: bool) -> None:
    """Say why a run, fleet or volume is where it is, or why it waits, and what would change it.

    Its requirements are planned again as of now, as if it had no place yet: what was different when it was
    placed, such as prices and capacities, is not known any more. Nothing changes.
    """
    client = connect()
    view = find(client, name, (kind,) if kind else KINDS)
    plan = client.why(kind_of(view), name)
    if as_json:
        print_json(plan)
        return
    terminal.out("\n".join(_standing(view)))
    for document in plan.documents:
        title = "planned again as of now, as if it had no place" if _is_placed(view) else "planned as of now"
        lines = plan_view.document_lines(document, verbose=verbose)
        if document.shortfall and document.shortfall.waits and document.shortfall.cures:
            lines += [" it would fit now with", *(f"   {cure.message}" for cure in document.shortfall.cures)]
        terminal.out("\n".join([f"\n {terminal.paint(title, 'dim', sys.stdout)}", *lines]))
    if plan.note:
        terminal.out(f" note: {plan.note}")


def find(client: Client, name: str, kinds: tuple[str, ...]) -> View:
    """What bears the name. Raises CommandError for nothing, and for several."""
    found: list[View] = []
    for kind in kinds:
        try:
            found.append(view_of(client, Target(kind, name)))
        except ApiError as error:
            if error.status != 404:
                raise
    chosen = [view for view in found if not (isinstance(view, FleetView) and view.auto_created)] or found
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        kinds_found = units.listed([kind_of(view) for view in chosen])
        raise CommandError(f"`{name}` is a {kinds_found}", f"pass `--kind {kind_of(chosen[0])}`")
    what = units.listed(kinds) if len(kinds) == 1 else "run, fleet or volume"
    raise CommandError(f"there is no {what} `{name}`", "see `atoll ps -a`, `atoll fleet` and `atoll volume`")


def _standing(view: View) -> list[str]:
    """What is known of it: its state, its zones, and the reasons that it gives itself."""
    where = _zones(view)
    title = f" {kind_of(view)} {terminal.paint(view.name, 'bold', sys.stdout)}: {view.status}"
    lines = [title + (f" in {where}" if where else "")]
    if isinstance(view, RunView):
        lines += block([(str(job.rank), str(job.zone), job.instance or "", job.instance_type or "")
                        for job in view.jobs[:NODES] if job.zone], "   ")  # fmt: skip
    lines += [f"   {text}" for text in dict.fromkeys(_reasons(view)) if text]
    return lines


def _zones(view: View) -> str:
    if isinstance(view, VolumeView):
        return str(view.zone) if view.zone else ""
    places = view.instances if isinstance(view, FleetView) else view.jobs
    found = [place.zone for place in places if place.zone]
    return str(found[0]) if len(found) == 1 else units.zone_counts(found)


def _reasons(view: View) -> list[str]:
    if isinstance(view, FleetView):
        return [view.message, view.note, *(instance.message for instance in view.instances)]
    if isinstance(view, RunView):
        return [view.message, *(job.message for job in view.jobs)]
    return [view.message]


def _is_placed(view: View) -> bool:
    """Whether all of it has its place, so that the plan is one without it."""
    if isinstance(view, FleetView):
        return len(view.instances) >= view.nodes
    if isinstance(view, RunView):
        return all(job.zone for job in view.jobs)
    return view.zone is not None
