"""The shapes of the HTTP API about closed zones.

POST   /api/projects/P/zones/B/R/Z/closures        <- NewClosure -> ClosureView  (409 zone-closed, changed-since-shown)
POST   /api/projects/P/zones/B/R/Z/closures/preview <- NewClosure -> ClosurePreview      changes nothing
GET    /api/projects/P/closures[?ended=1]          -> list[ClosureView]   those in force; with `ended` the newest of all
GET    /api/projects/P/closures/ID                 -> ClosureView
DELETE /api/projects/P/closures/ID                 -> ClosureView         opens the zone
"""

from dataclasses import dataclass, field
from datetime import datetime

from atoll.model.records import ClosureKind
from atoll.model.states import ClosureState
from atoll.model.zone import Zone
from atoll.wire.price import Price


@dataclass(frozen=True, slots=True)
class NewClosure:
    """A zone to close, until a time or for a number of seconds. With `server_wide` it binds all projects (admins).

    `max_unavailable` nodes of a fleet may end before their successors are active; `deadline_seconds` from now an
    evacuation stops what is left. With `agreed` a drain or an evacuation is refused where it concerns more instances of
    the project than these (names).
    """

    until: datetime | None = None
    seconds: float | None = None
    server_wide: bool = False
    reason: str = ""
    operation: ClosureKind = ClosureKind.CORDON
    max_unavailable: int = 0
    deadline_seconds: float | None = None
    agreed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ClosureView:
    """A closed zone: who closed it, why, and until when. `project` is empty where it binds all projects.

    A zone that is emptied began with `total` instances; `message` says what remains, and why.
    """

    id: str
    zone: Zone
    state: ClosureState
    project: str
    actor: str
    reason: str
    created_at: datetime
    until: datetime
    ended_at: datetime | None = None
    message: str = ""
    operation: ClosureKind = ClosureKind.CORDON
    max_unavailable: int = 0
    total: int = 0
    gone: int = 0
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class FleetMoves:
    """A fleet whose instances (names) leave the zone: where successors go, their price per hour, and what is amiss.

    `pace` says what disruption budgets make of it, and `late` by how much that exceeds the closure's time, as `2h 10m`.
    """

    fleet: str
    replaced: tuple[str, ...]
    zones: dict[str, int] = field(default_factory=dict)
    price: Price = 0
    shortfall: str = ""
    pace: str = ""
    late: str = ""


@dataclass(frozen=True, slots=True)
class InstanceStay:
    """An instance that stays in the zone, and why."""

    instance: str
    code: str
    message: str
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BusyInstance:
    """An instance that is to be replaced, and the runs on it, which end first."""

    instance: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClosurePreview:
    """What emptying a zone would do to a project.

    Of the instances to be replaced, the `busy` ones leave when their runs have ended. `others` counts the instances of
    other projects in the zone, `notes` say who cannot do without the zone.
    """

    fleets: tuple[FleetMoves, ...] = ()
    released: tuple[str, ...] = ()
    stays: tuple[InstanceStay, ...] = ()
    others: int = 0
    busy: tuple[BusyInstance, ...] = ()
    notes: tuple[str, ...] = ()
