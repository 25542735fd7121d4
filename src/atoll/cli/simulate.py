"""`atoll simulate`: rehearsals of what may go wrong, in virtual time."""

from pathlib import Path

import click

from atoll.cli import rehearsal_report, terminal, units
from atoll.cli.closing import duration
from atoll.cli.completion import existing
from atoll.cli.errors import CommandError
from atoll.cli.output import Output, output_options
from atoll.cli.places import find
from atoll.cli.rehearsal_report import MANNERS, fleet_text, healed_text, run_text, spread_text
from atoll.client import connect
from atoll.wire.rehearsal import LONGEST_SECONDS, MOST_SEEDS, NewRehearsal, RehearsalView

SUFFIXES = (".md", ".json")


@click.group()
def simulate() -> None:
    """Rehearse outages in virtual time."""


@simulate.command()
@click.option(
    "--zone",
    "names",
    multiple=True,
    required=True,
    metavar="ZONE",
    shell_complete=existing("zone"),
    help="The zone that is out. May be repeated: they are out together.",
)
@click.option("--for", "span", default="10m", show_default=True, metavar="TIME", help="How long: `90s`, `30m`, `2h`.")
@click.option(
    "--how",
    type=click.Choice(tuple(MANNERS)),
    default="dead",
    show_default=True,
    help="`dead`: machines end. `dark`: nothing answers, machines run on. `dry`: nothing new starts.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, MOST_SEEDS),
    default=1,
    show_default=True,
    help="How often it is rehearsed, each time with other launch times.",
)
@click.option(
    "--report",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a report: `.md`, with a plot beside it as `.svg`, or `.json`.",
)
@output_options
def outage(output: Output, names: tuple[str, ...], span: str, how: str, seeds: int, file: Path | None) -> None:
    """Rehearse an outage of zones: what is lost, where it comes back, how long that takes, and what waits.

    The server's own planner and engine work on a copy of its records, with the offers of its backends and the launch
    times of the last seven days. Nothing real is called or changed. The same seeds have the same courses.
    """
    if file is not None and file.suffix not in SUFFIXES:
        raise click.UsageError(f"`{file}` is no report: name a file that ends in `.md` or `.json`")
    seconds = duration(span)
    if seconds > LONGEST_SECONDS:
        raise click.UsageError(f"an outage lasts at most {LONGEST_SECONDS / 3600:g} hours")
    client = connect()
    zones = tuple(dict.fromkeys(find(client, name).zone for name in names))
    question = NewRehearsal(zones, seconds, MANNERS[how], seeds)
    found = client.rehearse(question)
    if file is not None:
        _write(file, question, found)
    if output.of_objects:
        output.objects(found)
        return
    _show(found)


def _write(file: Path, question: NewRehearsal, found: RehearsalView) -> None:
    try:
        for path, text in rehearsal_report.files(file, question, found):
            path.write_text(text, encoding="utf-8")
            terminal.note(f"wrote {path}")
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error


def _show(found: RehearsalView) -> None:
    """The outcome, in lines."""
    if found.noticed is None and not (found.runs or found.waits or found.silent or found.unhealed):
        terminal.out(" nothing would be lost, moved or waited for")
        return
    if found.noticed is not None:
        terminal.out(f" noticed after {spread_text(found.noticed, found.seeds)}")
        terminal.out(f" {healed_text(found)}")
    if found.silent:
        terminal.out(f" {units.count(found.silent, 'node')} did not answer at the end of the outage")
    for fleet in found.fleets:
        terminal.out(f" fleet {fleet.name} {fleet_text(fleet, found.seeds)}")
    for run in found.runs:
        terminal.out(f" run {run.name} {run_text(run, found.seeds)}")
    for wait in found.waits:
        terminal.out(f" {wait.kind} {wait.name} waits: {wait.reason}")
    if found.price_before or found.price_peak:
        terminal.out(f" cost: {units.price(found.price_before)}/h, at most {units.price(found.price_peak)}/h")
    for text in found.assumptions:
        terminal.out(f" assumed: {text}")
