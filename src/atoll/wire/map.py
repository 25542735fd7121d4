"""The shapes of the zone map: columns instead of objects, so that 10,000 instances stay small.

GET  /api/projects/P/map             -> ZoneMap      ETag is the number of the newest event
GET  /api/projects/P/map?after=SEQ   -> MapChange    410 when more than 5,000 events follow SEQ: load the map again
GET  /api/projects/P/map/hour        -> MapHour      the last hour in half-minutes
GET  /api/projects/P/stream?after=SEQ               server-sent events: `change` (MapChange), `events`
                                                     (list[EventView]), `reload` when the reader is too far behind
"""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.zone import Zone, ZoneState
from atoll.wire.price import Price

BUSY, IDLE, STARTING, LEAVING, LOST = range(5)
"""The states of `MapInstances.state`, which set a square's colour."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A remembered failure in a zone: what is not launched there (empty: nothing is launched), why, and until when."""

    what: str
    why: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class MapZone:
    """A zone of a configured backend, or one that holds something. `key` is BACKEND/REGION/NAME."""

    key: str
    zone: Zone
    label: str
    state: ZoneState
    reason: str = ""
    until: datetime | None = None
    faults: bool = False
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class MapFleet:
    """A fleet. `nodes` is the requested number; `auto_created` marks one that a run brought."""

    id: str
    name: str
    status: str
    nodes: int
    strategy: str
    auto_created: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class MapVolume:
    """A network disk; `zone` is empty until one is chosen, `attached` says that an instance holds it."""

    name: str
    zone: str
    size_gb: float
    status: str
    attached: bool


@dataclass(frozen=True, slots=True)
class MapWaiting:
    """A run or fleet that waits, and why."""

    kind: str
    name: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class MapInstances:
    """Instances as columns of equal length. `zone`, `fleet`, `run` and `type` are places in the lists of names
    (`run` is -1 for an idle instance); `price` is USD an hour."""

    zones: tuple[str, ...]
    fleets: tuple[str, ...]
    runs: tuple[str, ...]
    types: tuple[str, ...]
    id: tuple[str, ...]
    zone: tuple[int, ...]
    fleet: tuple[int, ...]
    node: tuple[int, ...]
    state: tuple[int, ...]
    run: tuple[int, ...]
    type: tuple[int, ...]
    price: tuple[Price, ...]


@dataclass(frozen=True, slots=True)
class ZoneMap:
    """The whole map as of event `seq`. `lost` holds the ids of instances whose agent is silent."""

    seq: int
    zones: tuple[MapZone, ...]
    fleets: tuple[MapFleet, ...]
    volumes: tuple[MapVolume, ...]
    waiting: tuple[MapWaiting, ...]
    instances: MapInstances
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MapChange:
    """What differs after an earlier event: instances that changed, the ids of those that are gone, and the short lists
    whole where something of them changed (null: unchanged)."""

    seq: int
    instances: MapInstances
    gone: tuple[str, ...]
    lost: tuple[str, ...]
    zones: tuple[MapZone, ...] | None = None
    fleets: tuple[MapFleet, ...] | None = None
    volumes: tuple[MapVolume, ...] | None = None
    waiting: tuple[MapWaiting, ...] | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """A time in which a zone was out (`outage`) or left out after a failure (`left-out`); `end` null: not over."""

    zone: str
    kind: str
    start: datetime
    end: datetime | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class MapHour:
    """The last hour: for each half-minute from `start` the changes, launches and losses; and bands by zone."""

    start: datetime
    bins: tuple[tuple[int, int, int], ...]
    bands: tuple[Band, ...]
