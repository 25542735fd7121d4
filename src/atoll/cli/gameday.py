"""`atoll gameday run`: zones fail or are closed as a file says, and what follows is held against what was expected."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import click

from atoll.cli import gameday_file, terminal, units
from atoll.cli.errors import CommandError
from atoll.cli.follow import newest_event
from atoll.cli.gameday_file import Deed, Expected, GameDay, Step
from atoll.cli.places import find
from atoll.cli.question import confirm
from atoll.client import Client, ClientError, connect
from atoll.model.zone import Zone
from atoll.wire.api import FleetView, ZoneView
from atoll.wire.closures import NewClosure

LOOK_SECONDS = 1.0
"""How often fleets and runs are looked at where no event comes."""
CLOSED_SECONDS = 86_400.0
"""When a closure ends by itself, should the command be killed."""
ACTIVE = ("idle", "busy")
ENDED = ("failed", "stopped")


@click.group()
def gameday() -> None:
    """Rehearse outages for real."""


@gameday.command()
@click.argument("file", type=click.Path())
@click.option("-y", "--yes", is_flag=True, help="Skip the question.")
def run(file: str, yes: bool) -> None:
    """Let zones fail as FILE says, and check what follows.

    The zones of backends that can simulate an outage (`local`, `fake`) really fail: what runs there ends. Others can
    be closed for new work. At the end, and after Ctrl-C, failed zones are restored and closed ones are opened. The exit
    code is 1 where something is not as expected.
    """
    day = gameday_file.read(file)
    client = connect()
    zones = {step.zone: find(client, step.zone) for step in day.steps if step.zone}
    _check(day, zones)
    before = _Before(client)
    unknown = sorted(day.expected.lowest.keys() - before.active.keys())
    if unknown:
        raise CommandError(f"{file}: there is no fleet `{unknown[0]}`", "`atoll fleet list` shows them all")
    for step in day.steps:
        terminal.out(f" {step}")
    failing = sorted({str(zones[step.zone].zone) for step in day.steps if step.deed is Deed.FAIL})
    confirm(f"Let {', '.join(failing)} fail, with all that runs there?" if failing else "Begin?", yes=yes)
    played = _Played(client, before)
    with _put_right(client, played):
        for step in day.steps:
            played.take(step, zones)
        if day.expected.heal is not None and played.healed is None:
            played.heal(day.expected.heal)
    failures = list(_failures(day.expected, played))
    for text in failures:
        terminal.out(f" not as expected: {text}")
    if not failures:
        terminal.out(f" {day.name}: as expected")
    click.get_current_context().exit(1 if failures else 0)


def _check(day: GameDay, zones: Mapping[str, ZoneView]) -> None:
    """Raises CommandError before anything is done for a step that cannot be done."""
    failed: set[Zone] = set()
    closed: set[Zone] = set()
    for step in day.steps:
        if not step.zone:
            continue
        view = zones[step.zone]
        match step.deed:
            case Deed.FAIL:
                if not view.faults:
                    raise CommandError(
                        f"the {view.zone.backend} backend does not support simulated outages", f"`close: {view.zone}`"
                    )
                failed.add(view.zone)
            case Deed.CLOSE:
                closed.add(view.zone)
            case Deed.RESTORE | Deed.OPEN:
                known = failed if step.deed is Deed.RESTORE else closed
                if view.zone not in known:
                    did = "fails" if step.deed is Deed.RESTORE else "closes"
                    raise CommandError(f"`{step.deed}: {step.zone}`: no step before {did} this zone")


class _Before:
    """The project as it was: active instances and running runs."""

    def __init__(self, client: Client) -> None:
        fleets = client.fleets()
        own = [fleet for fleet in fleets if not fleet.auto_created]
        self.active = {fleet.name: len(_active(fleet)) for fleet in own}
        self.wanted = {fleet.name: min(fleet.nodes, self.active[fleet.name]) for fleet in own}
        self.places = {id: zone for fleet in fleets for id, zone in _active(fleet).items()}
        self.runs = _running(client)
        self.seq = newest_event(client)


def _active(fleet: FleetView) -> dict[str, Zone]:
    return {instance.id: instance.zone for instance in fleet.instances if instance.status in ACTIVE}


def _running(client: Client) -> set[str]:
    return {run.name for run in client.runs() if run.status == "running"}


class _Played:
    """A GameDay under way. Times are in seconds since the first zone failed or was closed."""

    def __init__(self, client: Client, before: _Before) -> None:
        self._client = client
        self._before = before
        self._seq = before.seq
        self._began: float | None = None
        self._counts = Counter(before.active)
        self.failed: dict[Zone, None] = {}
        self.closed: dict[Zone, str] = {}
        self.lowest = dict(before.active)
        self.healed: float | None = None
        self.ended: list[str] = []

    @property
    def seconds(self) -> float:
        """Since the first zone failed or was closed."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def take(self, step: Step, zones: Mapping[str, ZoneView]) -> None:
        """One step. Raises ClientError."""
        terminal.out(f" {self.seconds:6.1f} s  {step}")
        if step.deed is Deed.WAIT:
            self._watch(step.seconds)
        elif step.deed is Deed.HEAL:
            self.heal(step.seconds)
        else:
            self._change(step.deed, zones[step.zone].zone)

    def heal(self, seconds: float) -> None:
        """Wait until all is as before, for so long at most."""
        limit = time.monotonic() + seconds
        while not self._whole() and time.monotonic() < limit:
            self._watch(min(LOOK_SECONDS, max(limit - time.monotonic(), 0)))
        if self.healed is not None:
            terminal.out(f" {self.healed:6.1f} s  as before")

    def _change(self, deed: Deed, zone: Zone) -> None:
        if deed in (Deed.FAIL, Deed.CLOSE):
            self.healed = None
            self._began = time.monotonic() if self._began is None else self._began
        match deed:
            case Deed.FAIL:
                self.failed[zone] = None
                self._client.fail_zone(zone)
            case Deed.RESTORE:
                self._client.restore_zone(zone)
                self.failed.pop(zone, None)
            case Deed.CLOSE:
                closing = NewClosure(seconds=CLOSED_SECONDS, reason="GameDay")
                self.closed[zone] = self._client.close_zone(zone, closing).id
            case _:
                self._client.end_closure(self.closed.pop(zone))

    def _watch(self, seconds: float) -> None:
        """Follow the events for so long: the fewest active nodes, and what ends."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            events = self._client.events(after=self._seq, wait=min(left, LOOK_SECONDS))
            for event in events:
                self._seq = event.seq
                fleet = event.name.rpartition("-")[0]
                if event.kind == "instance" and fleet in self.lowest:
                    self._counts[fleet] += (event.to_state == "active") - (event.from_state == "active")
                    self.lowest[fleet] = min(self.lowest[fleet], self._counts[fleet])
                elif event.kind == "run" and event.name in self._before.runs and event.to_state in ENDED:
                    self.ended.append(event.name)
                    terminal.out(f" {self.seconds:6.1f} s  run {event.name} {event.to_state}: {event.reason}")
            self._whole()

    def _whole(self) -> bool:
        """Whether all is as before; runs that ended do not count, and nothing is left of what a failed zone held."""
        fleets = {fleet.name: fleet for fleet in self._client.fleets()}
        active = {name: _active(fleet) for name, fleet in fleets.items()}
        lost = {id for id, zone in self._before.places.items() if zone in self.failed}
        whole = (
            all(len(active.get(name, {})) >= count for name, count in self._before.wanted.items())
            and not any(lost & found.keys() for found in active.values())
            and self._before.runs - {*self.ended} <= _running(self._client)
        )
        if not whole:
            self.healed = None
        elif self.healed is None:
            self.healed = self.seconds
        return whole


@contextmanager
def _put_right(client: Client, played: _Played) -> Iterator[None]:
    """At the end, however it comes, restore what failed and open what was closed."""
    try:
        yield
    finally:
        for zone in tuple(played.failed):
            undo: Callable[[], object] = partial(client.restore_zone, zone)
            _undone(f"zone {zone} is restored", f"atoll zone restore {zone}", undo)
        for zone, id in tuple(played.closed.items()):
            _undone(f"zone {zone} is open", f"atoll zone open {zone}", partial(client.end_closure, id))


def _undone(done: str, command: str, undo: Callable[[], object]) -> None:
    try:
        undo()
        terminal.out(f" {done}")
    except ClientError as error:
        terminal.note(f"{error}: run `{command}`")


def _failures(expected: Expected, played: _Played) -> Iterator[str]:
    """What is not as expected."""
    if expected.heal is not None and played.healed is None:
        yield f"not as before within {expected.heal:g} s"
    elif expected.heal is not None and played.healed is not None and played.healed > expected.heal:
        yield f"as before after {played.healed:.1f} s, not within {expected.heal:g} s"
    for fleet, least in sorted(expected.lowest.items()):
        if played.lowest[fleet] < least:
            yield f"fleet {fleet} had {units.count(played.lowest[fleet], 'active node')}, {least} are the least"
    if expected.ended_runs is not None and len(played.ended) > expected.ended_runs:
        names = units.shortened(sorted(played.ended), 8)
        yield f"{units.count(len(played.ended), 'run')} ended: {names}"
