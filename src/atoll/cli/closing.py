"""`atoll zone cordon`, `drain`, `evacuate`, `open`: closing zones for a time, emptying them, and opening them again."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar

import click

from atoll.cli import terminal, units
from atoll.cli.completion import existing
from atoll.cli.errors import CommandError
from atoll.cli.places import find
from atoll.cli.question import confirm
from atoll.cli.rebalance import bring_back
from atoll.client import Client, connect
from atoll.model.records import ClosureKind
from atoll.model.zone import Zone
from atoll.wire.closures import ClosurePreview, ClosureView, FleetMoves, NewClosure

DEFAULT = "24h"
"""How long a zone is closed where the command does not say."""
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options of all closing commands say."""

    span: str | None
    until: str | None
    reason: str
    own: bool
    max_unavailable: int = 0
    dry_run: bool = False
    yes: bool = False

    def closing(self, operation: ClosureKind, deadline: float | None = None) -> NewClosure:
        """The request. Raises UsageError."""
        if self.span and self.until:
            raise click.UsageError("give either `--for` or `--until`")
        end = moment(self.until, units.now()) if self.until else None
        seconds = None if end else duration(self.span or DEFAULT)
        return NewClosure(end, seconds, not self.own, self.reason, operation, self.max_unavailable, deadline)


def _common(function: Callable[..., None]) -> Callable[..., None]:
    """The zone, the closure's end, its reason and its scope, as `zone` and one value `wanted`."""
    names = [field.name for field in fields(Wanted)]

    @wraps(function)
    def packed(zone: str, **options: Any) -> None:
        wanted = Wanted(**{name: options.pop(name) for name in names if name in options})
        function(zone, wanted, **options)

    for decorate in (
        click.option("--project", "own", is_flag=True, help="For this project alone, not for all. For managers."),
        click.option("--reason", default="", metavar="TEXT", help="Why, for plans, lists and events."),
        click.option("--until", metavar="TIME", help="Until when: `16:00`, or `2026-12-24 10:00`, in local time."),
        click.option("--for", "span", metavar="TIME", help=f"How long: `90s`, `30m`, `2h`, `3d`. Default: {DEFAULT}."),
        click.argument("zone", shell_complete=existing("zone")),
    ):
        packed = decorate(packed)
    return packed


def _asking(function: F) -> F:
    for decorate in (
        click.option("-y", "--yes", is_flag=True, help="Skip the questions."),
        click.option("--dry-run", is_flag=True, help="Show what would move, and what would stay, and change nothing."),
        click.option(
            "--max-unavailable",
            type=click.IntRange(0, 100_000),
            default=0,
            show_default=True,
            help="How many nodes of each fleet may end before their successors are active.",
        ),
    ):
        function = decorate(function)
    return function


@click.command()
@_common
def cordon(zone: str, wanted: Wanted) -> None:
    """Close a zone for new work; what runs in it continues.

    The zone opens by itself at the end of the given time; `atoll zone open` opens it earlier. Without `--project` it is
    closed for all projects, which is for admins.
    """
    closing, client = wanted.closing(ClosureKind.CORDON), connect()
    place = find(client, zone).zone
    notes = client.preview_closure(place, closing).notes
    _report(client.close_zone(place, closing))
    for note in notes:
        terminal.note(f"  {note}")


@click.command()
@_asking
@_common
def drain(zone: str, wanted: Wanted) -> None:
    """Close a zone, and move what can move out of it.

    Nodes of fleets end when their successors in other zones are active. Jobs go on until they end; what cannot move
    stays, and `atoll closure get ZONE` says why. At the end of the given time the zone opens.
    """
    closing, client = wanted.closing(ClosureKind.DRAIN), connect()
    place = find(client, zone).zone
    agreed = _agreed(client, place, closing, wanted, lambda preview: [f"Drain {place}?"])
    if agreed is not None:
        _report(client.close_zone(place, agreed))


@click.command()
@click.option("--within", required=True, metavar="TIME", help="When what has not left is stopped: `30m`.")
@_asking
@_common
def evacuate(zone: str, wanted: Wanted, within: str) -> None:
    """Drain a zone, and stop what is left in it after a time.

    There are two questions: the second one names what would be stopped. Runs that are retried after an
    interruption go on in other zones; others are stopped. Volumes and their data stay.
    """
    closing, client = wanted.closing(ClosureKind.EVACUATE, duration(within)), connect()
    place = find(client, zone).zone

    def questions(preview: ClosurePreview) -> list[str]:
        left = _left(preview)
        stopping = [f"After {within}, stop {', '.join(left)} with what runs on them?"] if left else []
        return [f"Evacuate {place}?", *stopping]

    agreed = _agreed(client, place, closing, wanted, questions, within)
    if agreed is not None:
        _report(client.close_zone(place, agreed))


@click.command("open")
@click.argument("zone", shell_complete=existing("zone"))
@click.option("--project", "own", is_flag=True, help="End the closure for this project; needed if there are several.")
@click.option("--back", is_flag=True, help="Then rebalance the fleets of the project that are uneven.")
@click.option("-y", "--yes", is_flag=True, help="Skip the questions of `--back`.")
def open_zone(zone: str, own: bool, back: bool, yes: bool) -> None:
    """Open a closed zone now. What has not left it yet stays.

    With `--back` nodes move back into it: each fleet that is uneven is shown, and rebalanced after a yes.
    """
    if yes and not back:
        raise click.UsageError("`-y` goes with `--back`")
    if back and not yes and not terminal.interactive():
        raise click.UsageError("there is no terminal for the questions of `--back`: pass `-y` to skip them")
    client = connect()
    place = find(client, zone).zone
    closures = [one for one in client.closures() if one.zone == place and (one.project or not own)]
    if not closures:
        raise CommandError(f"zone {place} is not closed{' for this project alone' if own else ''}", "see `atoll zone`")
    if len({one.project for one in closures}) > 1:
        raise CommandError(
            f"zone {place} is closed twice: for all projects, and for project {client.project}",
            "`--project` ends the second one; end it first",
        )
    for closure in closures:
        client.end_closure(closure.id)
    terminal.out(f"zone {place} is open{_scope(closures[0])}")
    if back:
        bring_back(client, yes=yes)


uncordon = copy(open_zone)
"""What users of Kubernetes type."""
uncordon.name, uncordon.hidden = "uncordon", True


def _agreed(
    client: Client,
    place: Zone,
    closing: NewClosure,
    wanted: Wanted,
    questions: Callable[[ClosurePreview], list[str]],
    within: str | None = None,
) -> NewClosure | None:
    """Show what would happen and ask; if that changed meanwhile, show it and ask again.

    Returns the request with the instances that were shown, to which the server holds it; None after a dry run. Raises
    CommandError after a no, and with `-y` where more would end than was shown.
    """
    preview = client.preview_closure(place, closing)
    show_preview(place, preview, within)
    if wanted.dry_run:
        return None
    while True:
        for question in questions(preview):
            confirm(question, yes=wanted.yes)
        shown, preview = preview, client.preview_closure(place, closing)
        if _moves(preview) == _moves(shown):
            return replace(closing, agreed=tuple(sorted(_ending(preview))))
        terminal.note(" changed since it was shown; now:")
        show_preview(place, preview, within)
        more = sorted(_ending(preview) - _ending(shown))
        if wanted.yes and more:
            message = f"changed since it was shown: now it would end {', '.join(more)} too"
            raise CommandError(message, "the zone was not closed; look at it, then run the command again")


def _moves(preview: ClosurePreview) -> ClosurePreview:
    """The preview without the times that it takes, which change from moment to moment."""
    return replace(preview, fleets=tuple(replace(fleet, pace="", late="") for fleet in preview.fleets))


def _ending(preview: ClosurePreview) -> set[str]:
    """The instances that would end."""
    return {*preview.released, *(name for fleet in preview.fleets for name in fleet.replaced), *_left(preview)}


def _left(preview: ClosurePreview) -> list[str]:
    """The instances that may be in the zone for long."""
    waiting = (busy.instance for busy in preview.busy)
    return list(dict.fromkeys((*(stay.instance for stay in preview.stays), *waiting, *_without_successor(preview))))


def show_preview(zone: Zone, preview: ClosurePreview, within: str | None) -> None:
    """What would move where, what would end, and what would stay."""
    terminal.out(f" {zone}")
    for fleet in preview.fleets:
        terminal.out(f"   {_fleet_line(fleet)}")
        if fleet.pace:
            late = f"; not all leave: the time given is {fleet.late} too short" if fleet.late else ""
            terminal.out(f"     {fleet.pace}{late}")
        if fleet.shortfall:
            terminal.out(f"     stays until there are successors: {fleet.shortfall}")
    for busy in preview.busy:
        end = f", which {'is' if len(busy.runs) == 1 else 'are'} stopped after {within}" if within else ""
        terminal.out(f"   {busy.instance} leaves after run{'s'[: len(busy.runs) - 1]} {', '.join(busy.runs)}{end}")
    if preview.released:
        terminal.out(f"   ends {units.shortened(preview.released, 8)}: idle, and no longer needed")
    for stay in preview.stays:
        end = f", and is stopped after {within}" if within else ""
        terminal.out(f"   {stay.instance} stays{end}: {stay.message}")
    if preview.others:
        terminal.out(f"   and {units.count(preview.others, 'instance')} of other projects")
    for note in preview.notes:
        terminal.out(f"   {note}")
    if not (preview.fleets or preview.released or preview.stays or preview.others):
        terminal.out("   nothing is in this zone")


def _fleet_line(fleet: FleetMoves) -> str:
    line = f"fleet {fleet.fleet} replaces {units.shortened(fleet.replaced, 8)}"
    if not fleet.zones:
        return line
    zones = ", ".join(f"{zone} {count}" for zone, count in sorted(fleet.zones.items()))
    cost = f"; until then both cost {units.hourly(fleet.price)} more" if fleet.price != 0 else ""
    return f"{line} by {zones}, once these are active{cost}"


def _without_successor(preview: ClosurePreview) -> list[str]:
    return [name for fleet in preview.fleets if fleet.shortfall for name in fleet.replaced]


def _report(closed: ClosureView) -> None:
    what = {
        ClosureKind.CORDON: "is closed for new work",
        ClosureKind.DRAIN: "is being drained, and closed",
        ClosureKind.EVACUATE: "is being evacuated, and closed",
    }[closed.operation]
    terminal.out(f"zone {closed.zone} {what} until {units.until(closed.until)}{_scope(closed)}")
    if closed.operation is not ClosureKind.CORDON:
        terminal.out(f"  `atoll closure get {closed.zone}` shows how far it is")
    terminal.out(f"  `atoll zone open {closed.zone}` opens it earlier")


def duration(text: str) -> float:
    """Seconds. Raises UsageError."""
    from pydantic_core import PydanticCustomError

    from atoll.configuration.types.base import duration as seconds_of

    try:
        seconds = seconds_of(text)
    except PydanticCustomError:
        seconds = None
    if not seconds:
        raise click.UsageError(f"`{text}` is no duration such as `90s`, `30m`, `2h`, `3d`")
    return seconds


def moment(text: str, now: datetime) -> datetime:
    """The time that a text like `16:00` or `2026-12-24 10:00` means on this machine's clock. Raises UsageError."""
    here = now.astimezone()
    try:
        if len(text) <= 5:
            clock = datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - its zone is this machine's
            found = datetime.combine(here.date(), clock).astimezone()
        else:
            found = datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise click.UsageError(f"`{text}` is no time such as `16:00` or `2026-12-24 10:00`") from None
    if found <= here:
        tomorrow = (found + timedelta(days=1)).strftime("%Y-%m-%d %H:%M")
        help = f"; `--until '{tomorrow}'` is tomorrow" if len(text) <= 5 else ""
        raise click.UsageError(f"`{text}` has passed: it is {here:%Y-%m-%d %H:%M}{help}")
    return found


def _scope(closed: ClosureView) -> str:
    return f", for project {closed.project}" if closed.project else ""
