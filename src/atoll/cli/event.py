"""`atoll event`: every change of state, in one place."""

from datetime import datetime
from functools import partial
from typing import Any

import click

from atoll.cli import terminal, units
from atoll.cli.completion import existing
from atoll.cli.errors import CommandError
from atoll.cli.moment import moment
from atoll.cli.noun import NounGroup
from atoll.cli.output import Output, output_options
from atoll.cli.table import Table
from atoll.client import Client, connect
from atoll.wire.api import EventQuery, EventView

FOLLOW_SECONDS = 20.0
LAST, MOST = 50, 1000
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
    "--for",
    "related",
    metavar="NAME",
    shell_complete=existing("any"),
    help="All that concerns a run, fleet or volume: its own events, and those of its jobs or instances.",
)
@click.option(
    "--since",
    metavar="TIME",
    callback=moment,
    help="Only events since then: `10m`, `2h`, `7d` ago, or `2026-11-28T14:00`.",
)
@click.option("--until", metavar="TIME", callback=moment, help="Only events before then.")
@click.option(
    "--last",
    metavar="N",
    type=click.IntRange(1, 1000),
    help=f"Start with the N most recent of them. Default: {LAST}; with `--since` or `--until` {MOST}.",
)
@output_options
def list_events(*, follow: bool, last: int | None, output: Output, **selected: Any) -> None:
    """Show the most recent events, oldest first.

    With `--since` or `--until`, each has its local date and time.
    """
    wanted = EventQuery(**selected)
    if follow and wanted.until is not None:
        raise click.UsageError("`-f` shows events that are still to come: pass it without `--until`")
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise click.UsageError("`--since` is not before `--until`")
    dated = wanted.since is not None or wanted.until is not None
    count = last or (MOST if dated else LAST)
    if follow and (output.form in ("yaml", "name") or output.columns):
        raise click.UsageError("`-f` prints lines, or with `--json` an object a line")
    client = connect()
    found = client.events(last=count, wanted=wanted)
    if follow:
        _follow(client, found, wanted, output.form == "json")
        return
    if dated and last is None and len(found) == MOST:
        terminal.note(f"only the newest {MOST:,} are shown: choose a shorter time")
    output.show_all(found, partial(event_table, dated=dated), empty="no events")


@event.command("get")
@click.argument("seq", type=click.IntRange(min=1))
@output_options
def get_event(seq: int, output: Output) -> None:
    """Show one event, by its number."""
    found = [one for one in connect().events(after=seq - 1, limit=1) if one.seq == seq]
    if not found:
        raise CommandError(f"there is no event {seq}", "see `atoll event -v`")
    output.show_one(found[0], event_table)


def event_table(events: list[EventView], at: datetime, verbose: bool, *, dated: bool = False) -> Table:
    """The key facts; `verbose` adds number, region, zone id and reason code; `dated` shows times in place of ages."""
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
            table.add(
                units.dated(one.time) if dated else units.ago(one.time, at),
                one.kind,
                one.name,
                change(one),
                where,
                _why(one),
            )
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


def _follow(client: Client, events: list[EventView], wanted: EventQuery, as_json: bool) -> None:
    after = 0
    while True:
        for one in events:
            after = max(after, one.seq)
            _show(one, as_json)
        events = client.events(after=after, wait=FOLLOW_SECONDS, wanted=wanted)


def _show(one: EventView, as_json: bool) -> None:
    if not as_json:
        terminal.out(line(one))
        return
    import msgspec

    terminal.out(msgspec.json.encode(one).decode())
