"""The course of a rehearsal: what was noticed and when, what was missing, what it cost, by the engine's events."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

_FLEETS = """
SELECT id, name, nodes FROM fleets WHERE project = ? AND state = 'active' AND NOT auto_created ORDER BY name
"""
_READY = """
SELECT fleet_id, zone, count(*) FROM instances WHERE project = ? AND state = 'active' GROUP BY fleet_id, zone
"""
_RUNNING = "SELECT run, count(*) FROM jobs WHERE project = ? AND state = 'running' GROUP BY run"
_SILENT = """
SELECT count(*) FROM instances WHERE project = ? AND state = 'active' AND unreachable_since IS NOT NULL
"""
_ENDED = "SELECT name FROM runs WHERE project = ? AND state IN ('failed', 'stopped', 'done')"
_WAITS = """
SELECT 'fleet', name, message FROM fleets WHERE project = ? AND state = 'active' AND NOT auto_created AND message != ''
UNION SELECT 'run', name, message FROM runs
WHERE project = ? AND state IN ('submitted', 'provisioning') AND message != ''
ORDER BY 1, 2
"""
_INSTANCES = "SELECT id, fleet_id, fleet, zone, price FROM instances WHERE project = ?"
_EVENTS = """
SELECT time, kind, name, subject, from_state, to_state, reason, message FROM events
WHERE project = ? AND time >= ? AND kind IN ('instance', 'job', 'run', 'volume') ORDER BY seq
"""
_PAID = ("launching", "starting", "active", "terminating")


@dataclass(frozen=True, slots=True)
class FleetCourse:
    """A fleet: how many nodes it asks for, the fewest that were active, and where they were at the end."""

    name: str
    nodes: int
    lowest: int
    after: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RunCourse:
    """A run that ran before: how many of its jobs were lost, for how long in seconds it did not run, and whether it
    ended for good."""

    name: str
    lost: int
    away: float
    ended: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened, in `seconds` since the outage began."""

    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Course:
    """One rehearsal; times are in seconds since the outage began.

    `noticed` is when the engine first did something about it, `healed` when all fleets and runs were as before; None:
    never. When the outage ended, `waits` says what waited and why, and `silent` nodes had not answered for a while.
    `ready` are the active nodes by zone, at each change. Prices are those of the project's instances in USD an hour,
    before the outage and at the most.
    """

    noticed: float | None
    healed: float | None
    fleets: tuple[FleetCourse, ...]
    runs: tuple[RunCourse, ...]
    waits: tuple[tuple[str, str, str], ...]
    silent: int
    price_before: float
    price_peak: float
    moments: tuple[Moment, ...]
    ready: tuple[tuple[float, Mapping[str, int]], ...]


@dataclass(frozen=True, slots=True)
class LastLook:
    """What was so when the outage ended, at `at` in seconds of the clock."""

    at: float
    waits: tuple[tuple[str, str, str], ...]
    silent: int


class Watched:
    """The records of a project when the outage begins, and what is missing since. `raw` is the engine's database."""

    def __init__(self, raw: sqlite3.Connection, project: str, start: datetime) -> None:
        self.raw = raw
        self.project = project
        self.start = start
        self.fleets: dict[str, tuple[str, int]] = {
            id: (name, nodes) for id, name, nodes in raw.execute(_FLEETS, (project,))
        }
        self.ready = self._ready()
        self.running: dict[str, int] = dict(raw.execute(_RUNNING, (project,)))
        self.states = dict(raw.execute("SELECT id, state FROM instances WHERE project = ?", (project,)))

    def wanted(self, fleet: str) -> int:
        """How many nodes of a fleet are missed where they are not active: what it asks for, or had."""
        return min(self.fleets[fleet][1], sum(self.ready[fleet].values()))

    def whole(self) -> bool:
        """Whether all fleets and runs are as they were; runs that ended are not waited for."""
        ready, running = self._ready(), dict(self.raw.execute(_RUNNING, (self.project,)))
        ended = {name for (name,) in self.raw.execute(_ENDED, (self.project,))}
        return all(sum(ready[fleet].values()) >= self.wanted(fleet) for fleet in self.fleets) and all(
            running.get(run, 0) >= count for run, count in self.running.items() if run not in ended
        )

    def last_look(self, at: float) -> LastLook:
        """What waits now, and how many active nodes do not answer."""
        [(silent,)] = self.raw.execute(_SILENT, (self.project,))
        return LastLook(at, tuple(self.raw.execute(_WAITS, (self.project, self.project))), silent)

    def ended(self) -> set[str]:
        """The runs that were running, and have ended."""
        return {name for (name,) in self.raw.execute(_ENDED, (self.project,))} & self.running.keys()

    def _ready(self) -> dict[str, Counter[str]]:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for fleet, zone, count in self.raw.execute(_READY, (self.project,)):
            counts[fleet][zone] = count
        return counts


@dataclass(frozen=True, slots=True)
class _Change:
    """One event of the engine."""

    at: float
    kind: str
    name: str
    subject: str
    before: str
    after: str
    reason: str
    message: str


class _Tally:
    """What is active, runs and is paid for, while the events go by."""

    def __init__(self, watched: Watched) -> None:
        rows = watched.raw.execute(_INSTANCES, (watched.project,)).fetchall()
        self.of = {id: (fleet_id, fleet, zone) for id, fleet_id, fleet, zone, _ in rows}
        self._prices: dict[str, float] = {id: price for id, *_, price in rows}
        self._watched = watched
        self.ready = {fleet: Counter(zones) for fleet, zones in watched.ready.items()}
        self.running = Counter(watched.running)
        self._paid = {id for id, state in watched.states.items() if state in _PAID}

    @property
    def price(self) -> float:
        """What all cost now, in USD an hour."""
        return sum(sorted(self._prices[id] for id in self._paid))

    @property
    def zones(self) -> Mapping[str, int]:
        """The active nodes by zone."""
        total: Counter[str] = Counter()
        for zones in self.ready.values():
            total += zones
        return dict(sorted(total.items()))

    def missing(self, ended: set[str]) -> bool:
        """Whether a fleet or a run is not as it was."""
        watched = self._watched
        fleets = any(sum(self.ready.get(id, Counter()).values()) < watched.wanted(id) for id in watched.fleets)
        return fleets or any(self.running[run] < n for run, n in watched.running.items() if run not in ended)

    def take(self, change: _Change) -> None:
        """One event."""
        if change.kind == "instance":
            fleet, _, zone = self.of[change.subject]
            counts = self.ready.setdefault(fleet, Counter())
            counts[zone] += (change.after == "active") - (change.before == "active")
            (self._paid.add if change.after in _PAID else self._paid.discard)(change.subject)
        elif change.kind == "job":
            self.running[change.name.partition("/")[0]] += (change.after == "running") - (change.before == "running")


def course_of(watched: Watched, began: float, over: float, last: LastLook) -> Course:
    """The course of an outage that began at `began`, watched until `over`; times in seconds of the clock."""
    changes = [one for one in _changes(watched, began) if one.before != one.after]
    tally, done = _Tally(watched), watched.ended()
    lowest = {id: sum(watched.ready[id].values()) for id in watched.fleets}
    away: dict[str, float] = defaultdict(float)
    lost: Counter[str] = Counter()
    before = peak = tally.price
    ready = [(0.0, tally.zones)]
    healed: float | None = 0.0
    former = 0.0
    for change in changes:
        for run, count in watched.running.items():
            if run not in done and tally.running[run] < count:
                away[run] += change.at - former
        former = change.at
        tally.take(change)
        peak = max(peak, tally.price)
        if change.kind == "instance":
            for id in watched.fleets:
                lowest[id] = min(lowest[id], sum(tally.ready.get(id, Counter()).values()))
            if ready[-1][1] != tally.zones:
                ready.append((change.at, tally.zones))
        if change.kind == "job" and change.before == "running" and change.after == "failed":
            lost[change.name.partition("/")[0]] += 1
        if tally.missing(done):
            healed = None
        elif healed is None:
            healed = change.at
    ready.append((over - began, tally.zones))
    runs = tuple(
        RunCourse(run, lost[run], round(away[run], 1), run in done)
        for run in sorted(watched.running)
        if lost[run] or run in done or away[run]
    )
    fleets = tuple(
        FleetCourse(name, nodes, lowest[id], dict(sorted((+tally.ready.get(id, Counter())).items())))
        for id, (name, nodes) in watched.fleets.items()
    )
    noticed = changes[0].at if changes else None
    moments = (*_moments(changes, tally), Moment(last.at - began, "the outage is over"))
    return Course(
        *(noticed, healed, fleets, runs, last.waits, last.silent, before, peak),
        tuple(sorted(moments, key=lambda moment: moment.seconds)),
        tuple(ready),
    )


def _changes(watched: Watched, began: float) -> Iterator[_Change]:
    for time, *facts in watched.raw.execute(_EVENTS, (watched.project, "")):
        at = (datetime.fromisoformat(time).replace(tzinfo=watched.start.tzinfo) - watched.start).total_seconds() - began
        if at >= 0:
            yield _Change(at, *facts)


def _moments(changes: Sequence[_Change], tally: _Tally) -> Iterator[Moment]:
    """What happened, in lines: nodes of one fleet that change alike within a second are one line."""
    groups: dict[tuple[int, str, str, str, str], list[_Change]] = {}
    for change in changes:
        if change.kind == "instance":
            _, fleet, zone = tally.of[change.subject]
            if change.after in _NODES:
                groups.setdefault((int(change.at), fleet, change.after, zone, change.reason), []).append(change)
        elif change.kind in ("run", "volume"):
            groups[int(change.at), change.kind, change.name, change.after, change.reason] = [change]
    for (_, first, second, third, _), members in groups.items():
        change = members[0]
        why = f": {change.reason or change.message}" if change.reason or change.message else ""
        if change.kind == "instance":
            nodes = f"{len(members)} node" + "s" * (len(members) > 1)
            verb = _NODES[second][len(members) > 1]
            yield Moment(change.at, f"fleet {first}: {nodes} {verb} in {third}{why}")
        else:
            yield Moment(change.at, f"{first} {second}: {third}{why}")


_NODES = {
    "launching": ("is launched", "are launched"),
    "active": ("is active", "are active"),
    "terminated": ("has ended", "have ended"),
}
