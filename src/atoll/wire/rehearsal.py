"""The shapes of the HTTP API about rehearsals.

POST   /api/projects/P/rehearsals  <- NewRehearsal -> RehearsalView    changes nothing
"""

from dataclasses import dataclass
from typing import Literal

from atoll.model.zone import Zone

MOST_SEEDS = 50
LONGEST_SECONDS = 6 * 3600.0

Manner = Literal["dead", "dark", "dry"]


@dataclass(frozen=True, slots=True)
class NewRehearsal:
    """Zones that are out together for a number of `seconds`, rehearsed `seeds` times with other launch times.

    `how` is `dead` (the machines end), `dark` (nothing answers, and the machines run on) or `dry` (nothing new starts).
    """

    zones: tuple[Zone, ...]
    seconds: float = 600
    how: Manner = "dead"
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds in half and in 95 of 100 of the rehearsals at most, of those in which it happened."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class RehearsedFleet:
    """A fleet that asks for `nodes` nodes.

    `lowest` is the fewest that were active in any rehearsal, `short` the number of rehearsals in which it had fewer
    than it asks for, `after` where its nodes are at the end of the first one.
    """

    name: str
    nodes: int
    lowest: int
    short: int
    after: dict[str, int]


@dataclass(frozen=True, slots=True)
class RehearsedRun:
    """A run with the number of rehearsals in which it was `stopped`, and in which it `ended` for good.

    `away` is for how long it did not run in the others.
    """

    name: str
    stopped: int
    ended: int
    away: Spread | None = None


@dataclass(frozen=True, slots=True)
class RehearsedWait:
    """What waited when the outage ended, and why, in `seeds` rehearsals."""

    kind: str
    name: str
    reason: str
    seeds: int


@dataclass(frozen=True, slots=True)
class RehearsedMoment:
    """What happened in the first rehearsal, in `seconds` since the outage began."""

    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class RehearsedNodes:
    """The active nodes by zone in the first rehearsal, from `seconds` since the outage began."""

    seconds: float
    zones: dict[str, int]


@dataclass(frozen=True, slots=True)
class RehearsalView:
    """What an outage would do, over all rehearsals.

    `noticed` is when the server first did something about it, `healed` when all fleets and runs were as before, in
    seconds since the outage began; `unhealed` is the number of rehearsals in which they never were. `silent`
    nodes, at most, did not answer when it ended. Prices are those of the project's instances in USD an hour, before it
    and at the most. `assumptions` say what the rehearsal does not know.
    """

    seeds: int
    noticed: Spread | None = None
    healed: Spread | None = None
    unhealed: int = 0
    silent: int = 0
    fleets: tuple[RehearsedFleet, ...] = ()
    runs: tuple[RehearsedRun, ...] = ()
    waits: tuple[RehearsedWait, ...] = ()
    price_before: float = 0
    price_peak: float = 0
    timeline: tuple[RehearsedMoment, ...] = ()
    nodes: tuple[RehearsedNodes, ...] = ()
    assumptions: tuple[str, ...] = ()
