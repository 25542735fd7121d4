"""Zone operations: rehearsals of an outage, a drain, and what the loss of each zone would do."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from atoll.backends.fake import FakeBackend, FakeCloud, Script, grid
from atoll.engine.requests.closing import Closing, close_zone
from atoll.engine.requests.whatif import what_if
from atoll.model.catalog import Catalog
from atoll.model.limits import TimeLimits
from atoll.model.records import ClosureKind, Fleet, Instance, Record
from atoll.model.zone import BackendInfo, Zone, ZoneInfo
from atoll.planning.whatif import Edits
from atoll.rehearsal.clock import VirtualClock
from atoll.rehearsal.cloud import clouds
from atoll.rehearsal.material import Material, Provider, gather
from atoll.rehearsal.memory import memory_engine
from atoll.rehearsal.outage import Outage, rehearse
from atoll.rehearsal.stage import staged
from atoll.wire.api import SourceFile, Submission
from bench.measure import Measure

START = datetime(2026, 1, 1, tzinfo=UTC)
FLEET = "type: fleet\nname: load\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: 2}}\n"
SEEDS, NODES, OUTAGE_SECONDS = 20, 60, 600.0
FLEETS, FLEET_NODES = 100, 100


def measures() -> Iterator[Measure]:
    """CPU seconds of a worker process."""
    material, zone = _world(3, 1, NODES)

    def simulate() -> None:
        for seed in range(SEEDS):
            rehearse(material, "main", Outage((zone,), OUTAGE_SECONDS), seed)

    yield _cpu(f"simulate outage, {NODES} instances, 10 virtual minutes, {SEEDS} seeds", simulate, 20)
    yield from _drain()
    template, _ = _world(3, 10, FLEET_NODES)
    many = replace(template, records=tuple(_copies(template.records)))
    yield Measure(
        f"what-if --each-zone, {FLEETS * FLEET_NODES} instances in 30 zones", (_every_zone(many),), "CPU s", reach=10
    )


def _drain() -> Iterator[Measure]:
    """A zone with 300 of 1,000 instances is drained: 900 nodes over three zones, 100 in the other two."""
    clock = VirtualClock(START)
    cloud = FakeCloud(Script(grid(3, 1, (2,)), latency={"*": (0.01, 0.01)}, boot=2), clock)
    empty = Material(START, "bench", (), (), (), Catalog.from_offers(grid(3, 1, (2,)), START), {})
    zone = cloud.script.zones[0]
    wide = FLEET.replace("load", "wide").format(nodes=900)
    beside = FLEET.replace("load", "beside").format(nodes=100) + f"availability_zones: [{_others(cloud, zone)}]\n"

    def working() -> int:
        where = "state = 'active' AND unreachable_since IS NULL AND end_reason = ''"
        [(count,)] = memory_engine().raw.execute(f"SELECT count(*) FROM instances WHERE {where}").fetchall()
        return int(count)

    async def main() -> tuple[float, float, int]:
        engine = await staged(empty, {"fake": FakeBackend(cloud)}, clock, 0)
        await engine.start()
        await engine.apply("main", Submission((SourceFile("bench.yml", f"{wide}---\n{beside}"),)))
        await _until(lambda: working() == 1000)
        began, cpu, least = clock.elapsed, time.process_time(), 1000
        await close_zone(engine.context, "main", zone, Closing(None, 3600, True, "", ClosureKind.DRAIN))
        while memory_engine().raw.execute("SELECT state FROM closures").fetchall() != [("empty",)]:
            await asyncio.sleep(0.1)
            least = min(least, working())
        took = clock.elapsed - began, time.process_time() - cpu, least
        await engine.close()
        return took

    seconds, cpu, least = clock.run(main())
    name = "drain of a zone with 300 of 1,000 instances"
    yield Measure(f"{name}, 2 s launch", (seconds,), "virtual s", reach=30)
    yield Measure(f"{name}: active instances at the lowest", (least,), "instances", reach=1000, at_least=True)
    yield Measure(f"{name}: the server's CPU", (cpu,), "CPU s", reach=30)


async def _until(true: Callable[[], bool]) -> None:
    while True:
        await asyncio.sleep(1)
        if true():
            return


def _others(cloud: FakeCloud, zone: Zone) -> str:
    return ", ".join(one.name for one in cloud.script.zones if one != zone)


def _cpu(name: str, work: Callable[[], None], reach: float) -> Measure:
    began = time.process_time()
    work()
    return Measure(name, (time.process_time() - began,), "CPU s", reach=reach)


def _world(zones: int, regions: int, nodes: int) -> tuple[Material, Zone]:
    """A fleet of `nodes` active nodes, and one of its zones."""
    catalog = Catalog.from_offers(grid(zones, regions, (2,)), START)
    infos = tuple(ZoneInfo(zone) for zone in catalog.zones)
    empty = Material(START, "bench", (), (), (Provider(BackendInfo("fake"), TimeLimits(), infos),), catalog, {})

    clock = VirtualClock(START)

    async def main() -> Material:
        engine = await staged(empty, clouds(empty, clock, 0), clock, 0)
        await engine.start()
        await engine.apply("main", Submission((SourceFile("bench.yml", FLEET.format(nodes=nodes)),)))
        while True:
            await asyncio.sleep(1)
            found = await gather(engine.context)
            if sum(isinstance(one, Instance) and one.started_at is not None for one in found.records) == nodes:
                await engine.close()
                return found

    return clock.run(main()), catalog.zones[0]


def _copies(records: tuple[Record, ...]) -> Iterator[Record]:
    """The fleet and its instances, `FLEETS` times under other names."""
    for number in range(FLEETS):
        for one in records:
            if isinstance(one, Fleet):
                yield replace(one, id=f"{one.id}-{number}", name=f"load-{number}")
            elif isinstance(one, Instance):
                yield replace(
                    one,
                    id=f"{one.id}-{number}",
                    fleet_id=f"{one.fleet_id}-{number}",
                    fleet=f"load-{number}",
                    backend_id=f"{one.backend_id}-{number}",
                )


def _every_zone(material: Material) -> float:
    clock = VirtualClock(START + timedelta(hours=1))

    async def main() -> float:
        engine = await staged(material, clouds(material, clock, 0), clock, 0)
        began = time.process_time()
        await what_if(engine.context, "main", Edits(), every_zone=True)
        return time.process_time() - began

    return clock.run(main())
