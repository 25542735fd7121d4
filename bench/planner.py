"""What planning costs over catalogs of real size: AWS's own table of types and zones, and a million offers.

The catalogs are those of `bench.market`. Each plan is the whole of `planning.plan`: the placements, a reason for each
zone, all refused offers counted. The figures are medians over the runs after one warm-up, in wall time, and beside it
in CPU time of this process; the catalog is held between plans, as the server holds it. Memory is what tracemalloc sees
of one catalog read from its bytes and planned on once, with its tables, an offer. Loading is reading the file (which is
in the page cache) and making a catalog of it. Growth is the slope of the logarithms of CPU time over those of offers,
fitted by least squares to catalogs from 10,000 to 1,000,000 offers; the plot is `results/planner-growth.svg`.

For comparison, dstack (measured elsewhere, not here) needs 124 ms in the median, and 1.6 s the first time, for a plan
over 10,120 offers.
"""

import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from atoll.model.catalog import Catalog
from atoll.model.offer import Availability, Market, Offer
from atoll.model.packed import pack, unpack
from atoll.model.resources import GpuRequirement, InstanceType, Range, Resources
from atoll.model.zone import Zone
from atoll.planning import plan
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
from bench import market, shapes
from bench.measure import Measure
from bench.shapes import ANYTHING, snapshot

RUNS = 15
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
PLOT = Path(__file__).with_name("results") / "planner-growth.svg"

STRATEGIES = (Strategy.ANY, Strategy.CLUSTER, Strategy.SPREAD)
GPUS = Requirements(
    Resources(Range(4), Range(16), gpu=GpuRequirement(Range(1, 8), ("A100", "L4", "H100", "A10G"))),
    regions=market.REGIONS,
    availability_zones=("us-*", "eu-west-1a", "!us-east-1e"),
    spot_policy=SpotPolicy.AUTO,
    max_price=20,
)
THREE_REGIONS = Requirements(
    Resources(Range(4), Range(16)), backends=("aws",), regions=market.REGIONS, spot_policy=SpotPolicy.AUTO
)


def measures() -> Iterator[Measure]:
    """Each figure beside its target."""
    real, million = market.aws(), market.large(1_000_000)
    for catalog, reach in ((real, 5.0), (million, 30.0)):
        yield from _planned("1 node, a task for GPUs in three regions", one_run(GPUS), catalog, reach)
        yield from _planned("1 node, a task without any filter", one_run(ANYTHING), catalog, reach)
        yield from _planned("1 node, a fleet without any filter", one_fleet(ANYTHING), catalog, reach)
    yield from _planned("256 nodes spread over three regions, 8 volumes", spread(THREE_REGIONS), real, 50)
    yield from _planned("… and 8 tasks on them with the volumes", spread(THREE_REGIONS, tasks=8), real, 50)
    yield from _planned("… and all that in any region", spread(ANYTHING, tasks=8), real, None)
    yield from _planned("40 documents, each task in its fleet", many(named=True), real, 300)
    yield from _planned("40 documents, each task in any fleet", many(named=False), real, 300)
    there = market.instances(real, 10_000)
    for named, which in ((True, "its fleet"), (False, "any fleet")):
        name = f"40 documents, each task in {which}; 10,000 instances there, of which 2,000 are idle"
        yield from _planned(name, many(named), real, 100, there)
    for zones, nodes, reach in ((6, 320, 5.0), (6, 1_500, 10.0), (60, 2_000, 50.0), (200, 400, 50.0)):
        name = f"{nodes:,} nodes spread over {zones} equal zones that outlast one"
        yield from _planned(name, surviving(nodes), symmetric(zones), reach)
    others = (spread(THREE_REGIONS, tasks=8), many(named=False))
    for name, request, world, target in shapes.shapes(real, million, symmetric(60), others):
        yield from _measured(name, request, world, target)
    for name, request in impossible():
        yield from _planned(name, request, real, None, complete=False)
    yield Measure(f"memory of a catalog, {len(real):,} offers", (_memory(real),), "bytes an offer", 150)
    yield Measure(f"load a catalog from disk, {len(real):,} offers", _loads(real), "ms", 50)
    yield from _growth_of_documents(real)
    yield from _growth()


def one_run(requirements: Requirements) -> Request:
    """A task of one node."""
    return Request("one", (RunRequest("task", requirements=requirements),))


def one_fleet(requirements: Requirements) -> Request:
    """A fleet of one node."""
    return Request("one", (FleetRequest("fleet", 1, requirements),))


def spread(requirements: Requirements, tasks: int = 0) -> Request:
    """A fleet of 256 nodes, 8 volumes without a zone, and tasks of the fleet that each mount one."""
    fleet = FleetRequest("fleet", 256, requirements, Placement(Strategy.SPREAD))
    runs = [_task(f"task-{i}", (f"volume-{i}",), ANYTHING, ("fleet",)) for i in range(tasks)]
    return Request("spread", (fleet, *_volumes(8), *runs))


def surviving(nodes: int) -> Request:
    """A fleet that is spread and keeps its nodes when it loses any one zone."""
    return Request("one", (FleetRequest("fleet", nodes, ANYTHING, Placement(Strategy.SPREAD, survive_zones=1)),))


def symmetric(zones: int) -> Catalog:
    """One instance type at one price in each of this many zones, six to a region."""
    kind = InstanceType("m", 4, 16)
    places = [Zone("aws", f"region-{number // 6}", f"zone-{number}") for number in range(zones)]
    offers = [Offer(zone, kind, Market.ON_DEMAND, 1.0, Availability.AVAILABLE) for zone in places]
    return Catalog.from_offers(offers, market.AS_OF)


def many(named: bool) -> Request:
    """8 fleets of all strategies, 12 volumes without a zone, 20 tasks of one or two nodes, 12 of them with a volume.

    Where the tasks are `named` to a fleet, each fleet has nodes enough for its tasks.
    """
    fleets = [
        FleetRequest(
            f"fleet-{i}",
            max(2 + i, 6 if named else 0),
            GPUS if i % 3 == 0 else THREE_REGIONS,
            Placement(STRATEGIES[i % 3]),
        )
        for i in range(8)
    ]
    runs = []
    for i in range(20):
        requirements = Requirements(Resources(Range(2), Range(4 + i)), backends=("aws",), spot_policy=SpotPolicy.AUTO)
        mounts = (f"volume-{i}",) if i < 12 else ()
        runs.append(_task(f"task-{i}", mounts, requirements, (f"fleet-{i % 8}",) if named else None, nodes=1 + i % 2))
    return Request("many", (*fleets, *_volumes(12), *runs))


def impossible() -> Iterator[tuple[str, Request]]:
    """Requests of which one document does not fit: what would make it fit is computed too."""
    cheap = replace(GPUS, max_price=0.01)
    yield "1 node, dearer everywhere than its limit", one_run(cheap)
    documents = many(named=False).documents
    consumers = [d for d in documents if not isinstance(d, VolumeRequest)]
    for wrong, name in (
        (consumers[0], "40 documents, and one fleet is"),
        (consumers[-1], "40 documents, and one task is"),
    ):
        changed = replace(wrong, requirements=cheap)
        yield name, Request("many", tuple(changed if d is wrong else d for d in documents))


def _volumes(count: int) -> tuple[Document, ...]:
    return tuple(VolumeRequest(f"volume-{i}", 100, "aws") for i in range(count))


def _task(
    name: str, volumes: tuple[str, ...], requirements: Requirements, fleets: tuple[str, ...] | None, nodes: int = 1
) -> RunRequest:
    mounts = tuple(MountRequest((volume,), "/data") for volume in volumes)
    return RunRequest(
        name, tuple(NodeRequest(rank, () if rank else mounts) for rank in range(nodes)), requirements, fleets
    )


def _planned(
    name: str,
    request: Request,
    catalog: Catalog,
    reach: float | None,
    there: tuple[ExistingInstance, ...] = (),
    complete: bool = True,
) -> Iterator[Measure]:
    yield from _measured(name, request, snapshot(catalog, there), reach, complete)


def _measured(
    name: str, request: Request, world: Snapshot, reach: float | None, complete: bool = True
) -> Iterator[Measure]:
    answer = plan(request, world)
    explained = all(document.shortfall is None or document.shortfall.cures for document in answer.documents)
    if not (answer.proven and explained and answer.complete is complete):
        raise RuntimeError(f"{name}: not planned as expected")
    wall, cpu = _times(lambda: plan(request, world))
    yield Measure(f"{name}, {len(world.catalog):,} offers", wall, "ms", reach)
    yield Measure("    CPU time", cpu, "ms")


def _times(work: Callable[[], object]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Wall and CPU time of each run, in ms."""
    wall, cpu = [], []
    for _ in range(RUNS):
        start, used = time.perf_counter(), time.process_time()
        work()
        wall.append(1000 * (time.perf_counter() - start))
        cpu.append(1000 * (time.process_time() - used))
    return tuple(wall), tuple(cpu)


def _memory(catalog: Catalog) -> float:
    packed = pack(catalog)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    again = unpack(packed)
    plan(one_run(GPUS), snapshot(again))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / len(again)


def _loads(catalog: Catalog) -> tuple[float, ...]:
    with tempfile.TemporaryDirectory(prefix="atoll-bench-") as folder:
        path = Path(folder) / "catalog"
        path.write_bytes(pack(catalog))
        if unpack(path.read_bytes()) != catalog:
            raise RuntimeError("the catalog that was read is not the one that was written")
        wall, _ = _times(lambda: unpack(path.read_bytes()))
    return wall


def _growth() -> Iterator[Measure]:
    requests = {"a task without any filter": one_run(ANYTHING), "a task for GPUs in three regions": one_run(GPUS)}
    medians: dict[str, list[float]] = {name: [] for name in requests}
    for size in SIZES:
        world = snapshot(market.large(size))
        for name, request in requests.items():
            medians[name].append(_median(request, world))
    slopes = {name: float(np.polyfit(np.log(SIZES), np.log(times), 1)[0]) for name, times in medians.items()}
    _plot(medians, slopes)
    for name, slope in slopes.items():
        yield Measure(f"growth from {SIZES[0]:,} to {SIZES[-1]:,} offers, {name}", (slope,), "exponent", 1)


def _median(request: Request, world: Snapshot) -> float:
    plan(request, world)
    _, cpu = _times(lambda: plan(request, world))
    return float(np.median(cpu))


def _growth_of_documents(catalog: Catalog) -> Iterator[Measure]:
    plain = snapshot(catalog)
    for name, (make, counts) in shapes.GROWTH.items():
        times = [_median(*make(count, plain)) for count in counts]
        slope = float(np.polyfit(np.log(counts), np.log(times), 1)[0])
        yield Measure(f"growth from {counts[0]:,} to {counts[-1]:,} {name}", (slope,), "exponent", 1)


def _plot(medians: dict[str, list[float]], slopes: dict[str, float]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "atoll", "svg.fonttype": "none"}  # the same figures give the same small file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, times in medians.items():
        axes.loglog(SIZES, times, "o-", label=f"{name}: offers^{slopes[name]:.2f}")
    first = max(times[0] for times in medians.values())
    axes.loglog(SIZES, [first * size / SIZES[0] for size in SIZES], "k:", label="linear")
    axes.set_xlabel("offers")
    axes.set_ylabel("CPU time of one plan, ms")
    axes.legend()
    figure.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)
