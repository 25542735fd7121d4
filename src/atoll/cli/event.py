"""`atoll event`: every change of state, in one place."""

from datetime import datetime

import click

from atoll.cli import terminal, units
from atoll.cli.errors import CommandError
from atoll.cli.noun import NounGroup
from atoll.cli.output import Output, output_options
from atoll.cli.table import Table
from atoll.client import Client, connect
from atoll.wire.api import EventView

FOLLOW_SECONDS = 20.0
_STEPS = {
    "fleet": frozenset({"active"}),
    "instance": frozenset({"pending", "launching", "starting", "active"}),
    "volume": frozenset({"submitted", "creating"}),
    "attachment": frozenset({"attaching", "attached"}),
    "run": frozenset({"submitted", "provisioning", "done"}),
    "job": frozenset({"submitted", "placed", "starting", "running", "done"}),
}
"""The states on the way to what was applied, by kind."""


@click.group(cls=NounGroup)
def event() -> None:
    """Show and follow state changes. Default: list."""


@event.command("list")
@click.option("-f", "--follow", is_flag=True, help="Follow new events until Ctrl-C.")
@click.option("--name", metavar="NAME", help="Only events of the resource with this name.")
@click.option(
    "--kind",
    metavar="KIND",
    help="Only events of this kind: fleet, instance, volume, attachment, run, job, closure, project, member, secret, "
    "zone.",
)
@click.option(
    "--last", type=click.IntRange(min=1), default=50, show_default=True, help="Start with the N most recent events."
)
@output_options
def list_events(follow: bool, name: str | None, kind: str | None, last: int, output: Output) -> None:
    """Show the most recent events, oldest first."""
    if follow and (output.form in ("yaml", "name") or output.columns):
        raise click.UsageError("`-f` prints lines, or with `--json` an object a line")
    client = connect()
    found = client.events(last=last, name=name, kind=kind)
    if follow:
        _follow(client, found, (name, kind), output.form == "json")
    else:
        output.show_all(found, event_table, empty="no events")


@event.command("get")
@click.argument("seq", type=click.IntRange(min=1))
@output_options
def get_event(seq: int, output: Output) -> None:
    """Show one event, by its number."""
    found = [one for one in connect().events(after=seq - 1, limit=1) if one.seq == seq]
    if not found:
        raise CommandError(f"there is no event {seq}", "see `atoll event -v`")
    output.show_one(found[0], event_table)


def event_table(events: list[EventView], at: datetime, verbose: bool) -> Table:
    """The key facts; `verbose` adds number, region, zone id and reason code."""
    if verbose:
        headings = (
            "SEQ",
            "TIME",
            "KIND",
            "NAME",
            "FROM",
            "TO",
            "BACKEND",
            "REGION",
            "ZONE",
            "ZONE ID",
            "REASON",
            "BY",
            "MESSAGE",
        )
        table = Table(headings, optional=("ZONE ID", "REASON", "BY", "MESSAGE"))
    else:
        table = Table(("TIME", "KIND", "NAME", "CHANGE", "ZONE", "MESSAGE"), optional=("MESSAGE",))
    for one in events:
        where = units.place(one.zone)
        if verbose:
            backend, region = (one.zone.backend, one.zone.region) if one.zone else ("-", "-")
            table.add(str(one.seq), one.time.isoformat(timespec="milliseconds"), one.kind, one.name,
                      one.from_state or "-", one.to_state, backend, region, where, units.zone_id(one.zone), one.reason,
                      one.actor, one.message)  # fmt: skip
        else:
            table.add(units.ago(one.time, at), one.kind, one.name, change(one), where, _why(one))
    return table


def change(one: EventView) -> str:
    """`launching → idle`, or the request."""
    if one.from_state == one.to_state:
        return one.reason
    return f"{one.from_state} → {one.to_state}" if one.from_state else one.to_state


def _why(one: EventView) -> str:
    return one.message or ("" if one.from_state == one.to_state else one.reason)


def is_step(one: EventView) -> bool:
    """Whether a change is one that everything goes through and that says nothing more."""
    return one.to_state in _STEPS.get(one.kind, ()) and one.from_state != one.to_state and not one.message


def line(one: EventView) -> str:
    """One event as one line of progress."""
    where = f" in {one.zone}" if one.zone and one.kind != "zone" else ""
    why = _why(one)
    because = f": {why}" if why not in ("", one.to_state) else ""
    return f" {units.clock(one.time)}  {one.kind} {one.name}: {change(one)}{where}{because}"


def _follow(client: Client, events: list[EventView], filters: tuple[str | None, str | None], as_json: bool) -> None:
    after = 0
    while True:
        for one in events:
            after = max(after, one.seq)
            _show(one, as_json)
        events = client.events(after=after, wait=FOLLOW_SECONDS, name=filters[0], kind=filters[1])


def _show(one: EventView, as_json: bool) -> None:
    if not as_json:
        terminal.out(line(one))
        return
    import msgspec

    terminal.out(msgspec.json.encode(one).decode())
