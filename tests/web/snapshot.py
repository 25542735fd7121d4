"""A fixed map: what the page shows for it is known square by square, and kept as a picture."""

from datetime import UTC, datetime

import msgspec

from atoll.model.zone import Zone, ZoneState
from atoll.wire.map import (
    BUSY,
    IDLE,
    LEAVING,
    LOST,
    STARTING,
    LeftOut,
    MapFleet,
    MapInstances,
    MapVolume,
    MapWaiting,
    MapZone,
    ZoneMap,
)

LATER = datetime(2096, 3, 1, 16, 5, tzinfo=UTC)
STATES = (BUSY, BUSY, BUSY, IDLE, STARTING, LEAVING, LOST)
COUNTS = {"eu-1a": 40, "eu-1b": 25, "eu-1c": 31, "us-2a": 90, "us-2b": 12, "us-2c": 0, "ap-3a": 7, "ap-3b": 7}
FLEETS = ("web", "train", "batch")


def zone_map(times: int = 1, impaired: str = "eu-1b") -> ZoneMap:
    """The map, with this many times its instances and this zone impaired."""
    zones = tuple(_zone(name, impaired) for name in COUNTS)
    places = [at for at, name in enumerate(COUNTS) for _ in range(COUNTS[name] * times)]
    order = range(len(places))
    return ZoneMap(
        1,
        zones,
        tuple(MapFleet(name, name, "active", 70 * times, "spread", False) for name in FLEETS),
        (
            MapVolume("lake", zones[0].key, 100, "available", True),
            MapVolume("pond", zones[3].key, 10, "available", False),
        ),
        (MapWaiting("run", "large", "run `large` does not fit: no zone has 8 GPUs", LATER),),
        MapInstances(
            zones=tuple(zone.key for zone in zones),
            fleets=FLEETS,
            runs=("train-1",),
            types=("f.4x16 on-demand",),
            id=tuple(f"i-{at}" for at in order),
            zone=tuple(places),
            fleet=tuple(at % 3 for at in order),
            node=tuple(at // 3 for at in order),
            state=tuple(STATES[at % 7] for at in order),
            run=tuple(0 if STATES[at % 7] == BUSY else -1 for at in order),
            type=(0,) * len(places),
            price=(0.25,) * len(places),
        ),
    )


def encoded(view: ZoneMap) -> bytes:
    """As the server sends it."""
    return msgspec.json.encode(view)


def states_of(view: ZoneMap, label: str) -> list[int]:
    """The states of a zone's instances in the order of their squares: by fleet, state and node."""
    columns = view.instances
    at = [zone.label for zone in view.zones].index(label)
    rows = zip(columns.zone, columns.fleet, columns.state, columns.node, strict=True)
    return [state for zone, _, state, _ in sorted(rows) if zone == at]


def _zone(name: str, impaired: str) -> MapZone:
    zone = Zone("fake", name[:-1], name)
    key = f"fake/{name[:-1]}/{name}"
    if name == impaired:
        return MapZone(key, zone, name, ZoneState.IMPAIRED, "the provider reports a loss of power")
    if name == "us-2b":
        return MapZone(key, zone, name, ZoneState.CLOSED, "maintenance", LATER)
    if name == "ap-3a":
        left_out = (LeftOut("f.8x32", "no capacity", LATER),)
        return MapZone(key, zone, name, ZoneState.AVAILABLE, left_out=left_out)
    return MapZone(key, zone, name, ZoneState.AVAILABLE)
