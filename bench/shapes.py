"""Requests and worlds of shapes that planning could take long for: many equal documents, limits, lists, great numbers.

Each is a request, a world, and the CPU time in ms that is to be reached. `GROWTH` are those of which the number grows.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from atoll.model.catalog import Catalog
from atoll.model.offer import Market
from atoll.model.quota import Quota
from atoll.model.resources import Range, Resources
from atoll.model.zone import BackendInfo, Capacity, ZoneInfo
from atoll.planning.request import (
    Document,
    FleetRequest,
    MountRequest,
    NodeRequest,
    Placement,
    Request,
    Requirements,
    RunRequest,
    SpotPolicy,
    Strategy,
    VolumeRequest,
)
from atoll.planning.snapshot import ExistingInstance, Snapshot
from bench import market

ANYTHING = Requirements(spot_policy=SpotPolicy.AUTO)
"""No filter but the least sizes that every document has: all zones and most offers pass."""

Shape = tuple[str, Request, Snapshot, float]


def snapshot(catalog: Catalog, there: tuple[ExistingInstance, ...] = ()) -> Snapshot:
    """A world of these offers without any limit."""
    backends = tuple(BackendInfo(name) for name in sorted({zone.backend for zone in catalog.zones}))
    zones = tuple(ZoneInfo(zone) for zone in catalog.zones)
    return Snapshot(catalog, zones, market.AS_OF, backends, instances=there)


def with_quotas(world: Snapshot, count: int = 60) -> Snapshot:
    """The world with quotas of 5,000 CPUs, of which 100 are used, in its regions and two markets."""
    places = dict.fromkeys((zone.backend, zone.region) for zone in world.catalog.zones)
    quotas = (
        Quota(backend, region, kind, 5_000, 100)
        for backend, region in places
        for kind in (Market.ON_DEMAND, Market.SPOT)
    )
    return replace(world, quotas=tuple(quotas)[:count])


def with_capacities(world: Snapshot, count: int | None = None) -> Snapshot:
    """The world with a capacity in its first zones, as many as this, or in each."""
    limited = tuple(replace(info, capacity=Capacity(20_000, 80_000, 500)) for info in world.zones[:count])
    return replace(world, zones=(*limited, *world.zones[len(limited) :]))


def equal(count: int) -> Request:
    """Tasks that differ in nothing but their names."""
    return Request("equal", tuple(RunRequest(f"task-{i}") for i in range(count)))


def different(count: int, kinds: int | None = None) -> Request:
    """Tasks with requirements of this many kinds, each its own by default."""
    numbers = (number if kinds is None else number % kinds for number in range(count))
    resources = (Resources(Range(1 + n % 20), Range(2 + n)) for n in numbers)
    runs = (RunRequest(f"task-{i}", requirements=replace(ANYTHING, resources=one)) for i, one in enumerate(resources))
    return Request("different", tuple(runs))


def clustered() -> Request:
    """A fleet of eight nodes in one zone."""
    return Request("cluster", (FleetRequest("fleet", 8, ANYTHING, Placement(Strategy.CLUSTER)),))


def fleet_and_task() -> Request:
    """A fleet of two nodes and a task on it."""
    documents = (FleetRequest("fleet", 2, ANYTHING), RunRequest("task", requirements=ANYTHING, fleets=("fleet",)))
    return Request("both", documents)


def with_lists(tasks: int, volumes: int) -> Request:
    """Tasks of two nodes that each mount any one of a list of volumes without a zone."""
    names = tuple(f"volume-{i}" for i in range(volumes))
    nodes = tuple(NodeRequest(rank, (MountRequest(names, "/data"),)) for rank in range(2))
    documents: list[Document] = [VolumeRequest(name, 100) for name in names]
    return Request("lists", (*documents, *(RunRequest(f"task-{i}", nodes, ANYTHING) for i in range(tasks))))


def spread_nodes(count: int) -> Request:
    """A fleet of this many nodes, spread."""
    return Request("spread", (FleetRequest("fleet", count, ANYTHING, Placement(Strategy.SPREAD)),))


def one_task(nodes: int) -> Request:
    """A task of this many nodes."""
    return Request("task", (RunRequest("task", tuple(NodeRequest(rank) for rank in range(nodes)), ANYTHING),))


def shapes(real: Catalog, million: Catalog, symmetric: Catalog, others: tuple[Request, ...]) -> Iterator[Shape]:
    """All of them; `others` are the requests for 256 nodes with 8 tasks, and for 40 documents."""
    plain = snapshot(real)
    for count, reach in ((40, 20.0), (200, 60.0), (1_000, 250.0)):
        yield f"{count:,} equal tasks", equal(count), plain, reach
    yield "200 different tasks", different(200), plain, 500
    yield "1,000 tasks of ten kinds", different(1_000, kinds=10), plain, 2_000
    limited = ((with_quotas(plain), "60 quotas"), (with_capacities(plain), "a capacity in each zone"))
    spread, many = others
    for world, name in limited:
        yield f"a cluster of 8 nodes, {name}", clustered(), world, 40
        yield f"a fleet and its task, {name}", fleet_and_task(), world, 24
        yield f"256 nodes, 8 volumes and 8 tasks, {name}", spread, world, 122
        yield f"40 documents, {name}", many, world, 620
    yield "a cluster of 8 nodes", clustered(), snapshot(million), 50
    yield "12 tasks × 2 nodes with a list of 30 volumes, 60 zones", with_lists(12, 30), snapshot(symmetric), 2_000
    yield "a fleet of 100,000 nodes, the most that a document may have", spread_nodes(100_000), plain, 1_000
    yield "a task of 100,000 nodes", one_task(100_000), plain, 1_000


Growing = Callable[[int, Snapshot], tuple[Request, Snapshot]]
"""A request and a world of a size; the other worlds are made of the plain one."""


def _fleets_there(count: int, world: Snapshot) -> tuple[Request, Snapshot]:
    """A fleet and its task beside this many existing fleets, each of ten nodes of which two are idle."""
    return fleet_and_task(), replace(world, instances=market.instances(world.catalog, 10 * count, fleets=count))


NODES = (256, 1_024, 4_096, 16_384, 65_536)

GROWTH: dict[str, tuple[Growing, tuple[int, ...]]] = {
    "equal tasks": (lambda count, world: (equal(count), world), (40, 100, 200, 500, 1_000)),
    "nodes of a fleet, spread": (
        lambda count, world: (spread_nodes(count), world),
        (256, 1_024, 4_096, 16_384, 65_536),
    ),
    "nodes of a task": (lambda count, world: (one_task(count), world), (256, 1_024, 4_096, 16_384, 65_536)),
    "quotas, with a fleet and its task": (
        lambda count, world: (fleet_and_task(), with_quotas(world, count)),
        (4, 8, 16, 32, 64),
    ),
    "zones with a capacity, with a fleet and its task": (
        lambda count, world: (fleet_and_task(), with_capacities(world, count)),
        (5, 10, 20, 40, 80),
    ),
    "existing fleets of ten nodes, with a fleet and its task": (_fleets_there, (10, 40, 160, 640, 2_560)),
}
