"""The worlds of the truth tests: small ones with requirements of all kinds, and ones whose fleets grow for runs.

Both have existing fleets with placement, closed zones, quotas, capacities and failures.
"""

from dataclasses import replace
from random import Random

from atoll.model.catalog import Catalog
from atoll.model.resources import Gpu, GpuRequirement, InstanceType, Range, Resources
from atoll.model.zone import ZoneState
from atoll.planning.request import (
    Document,
    ElasticFleet,
    FleetRequest,
    MountRequest,
    NodeRequest,
    Placement,
    Request,
    Requirements,
    RunRequest,
    Strategy,
    VolumeRequest,
)
from atoll.planning.snapshot import ExistingInstance, Snapshot
from tests.planning.worlds import NOW, SMALL, Case, case_of_seed

POOL = "pool"
"""The fleet that may grow."""

PLACEMENTS = (
    Placement(),
    Placement(Strategy.CLUSTER),
    Placement(Strategy.SPREAD),
    Placement(Strategy.SPREAD, min_zones=2),
    Placement(max_zones=1),
    Placement(max_share=0.5),
    Placement(max_share=0.34),
    Placement(survive_zones=1),
)


def truth_case(seed: int) -> Case:
    """A small world with ties, quotas, instances, failures; in every second one requirements of all kinds."""
    case, rng = case_of_seed(seed, SMALL), Random(seed)
    return _varied(case, rng) if seed % 2 else case


def _varied(case: Case, rng: Random) -> Case:
    """GPUs of two vendors and several abilities, and documents that require GPUs, disks and bounded ranges."""
    kinds: dict[InstanceType, InstanceType] = {}

    def kind_of(kind: InstanceType) -> InstanceType:
        if kind not in kinds:
            vendor = rng.choice(["nvidia", "nvidia", "amd"])
            ability = rng.choice([None, (8, 0), (9, 0)])
            gpu = kind.gpu and Gpu(kind.gpu.name, kind.gpu.count, kind.gpu.memory_gb, vendor, ability)
            disk = rng.choice([0, 50, 100, 200])
            kinds[kind] = replace(kind, gpu=gpu or _maybe_gpu(vendor, rng), disk_gb=disk)
        return kinds[kind]

    offers = [replace(offer, instance_type=kind_of(offer.instance_type)) for offer in case.snapshot.catalog]
    instances = tuple(replace(i, instance_type=kind_of(i.instance_type)) for i in case.snapshot.instances)
    documents = tuple(_demanding(document, rng) for document in case.request.documents)
    snapshot = replace(case.snapshot, catalog=Catalog.from_offers(offers, NOW), instances=instances)
    return Case(replace(case.request, documents=documents), snapshot)


def _maybe_gpu(vendor: str, rng: Random) -> Gpu | None:
    if rng.random() < 0.5:
        return None
    return Gpu(rng.choice(["A10G", "T4"]), rng.choice([1, 4]), rng.choice([16, 24]), vendor, rng.choice([None, (7, 5)]))


def _demanding(document: Document, rng: Random) -> Document:
    if isinstance(document, VolumeRequest) or rng.random() < 0.3:
        return document
    cpus = rng.choice([Range(1, None), Range(3, 3), Range(1, 3), Range(None, 1)])
    memory = rng.choice([Range(), Range(100, None), Range(5, 6)])
    disk = rng.choice([None, None, Range(150, None), Range(60, 90)])
    arch = rng.choice([None, None, "x86", "arm"])
    resources = Resources(cpus, memory, disk, arch, _gpu(rng) if rng.random() < 0.7 else None)
    return replace(document, requirements=replace(document.requirements, resources=resources))


def _gpu(rng: Random) -> GpuRequirement:
    return rng.choice(
        [
            GpuRequirement(names=("H100", "A100")),
            GpuRequirement(vendor="amd"),
            GpuRequirement(Range(3, 4)),
            GpuRequirement(memory_gb=Range(24, 30)),
            GpuRequirement(total_memory_gb=Range(100, None)),
            GpuRequirement(compute_capability=(9, 0)),
        ]
    )


def elastic_case(seed: int) -> Case:
    """A small world with a fleet of `nodes: 0..N` or with a target, some existing nodes, and runs that name it."""
    case, rng = case_of_seed(seed, SMALL), Random(f"elastic {seed}")
    some = [d.requirements for d in case.request.documents if not isinstance(d, VolumeRequest)]
    asked, other = (rng.choice([*some, Requirements(Resources(Range(), Range()))]) for _ in range(2))
    nodes = _nodes(case.snapshot, rng)
    fleet = FleetRequest(POOL, len(nodes), asked, rng.choice(PLACEMENTS))
    most = rng.choice([None, len(nodes), len(nodes) + 1, len(nodes) + 3])
    pool = ElasticFleet(fleet, most, rng.choice(["", "", "", "", "the last launch failed"]))
    runs = tuple(_run(f"run-{n}", rng.choice([asked, other]), case.snapshot, rng) for n in range(rng.randint(1, 2)))
    target = (replace(fleet, nodes=len(nodes) + 1),) if most != len(nodes) and rng.random() < 0.2 else ()
    request = Request(case.request.id, (*target, *runs), (pool,), confirmed=True)
    return Case(request, replace(_with_closures(case.snapshot, rng), instances=(*case.snapshot.instances, *nodes)))


def _nodes(snapshot: Snapshot, rng: Random) -> tuple[ExistingInstance, ...]:
    """Existing nodes of the pool, most of them busy."""
    offers = list(snapshot.catalog)
    found = []
    for number in range(rng.choice([0, 0, 1, 2, 3]) if offers else 0):
        one = rng.choice(offers)
        busy, kind, ident = rng.random() < 0.8, one.instance_type, f"i-{POOL}-{number}"
        found.append(ExistingInstance(ident, one.zone, kind, one.market, min(one.price, 9), POOL, number, busy))
    return tuple(found)


def _with_closures(snapshot: Snapshot, rng: Random) -> Snapshot:
    """Every eighth zone is closed for new work."""
    states = (ZoneState.CLOSED, ZoneState.DRAINED, ZoneState.IMPAIRED)
    closed = [replace(info, state=rng.choice(states)) if rng.random() < 0.12 else info for info in snapshot.zones]
    return replace(snapshot, zones=tuple(closed))


def _run(name: str, requirements: Requirements, snapshot: Snapshot, rng: Random) -> RunRequest:
    placement = Placement(rng.choice([Strategy.REGION, Strategy.REGION, *Strategy]))
    volumes = [volume.name for volume in snapshot.volumes]
    mounts = (MountRequest((rng.choice(volumes),), "/data"),) if volumes and rng.random() < 0.5 else ()
    nodes = tuple(NodeRequest(rank, () if rank else mounts) for rank in range(rng.randint(1, 3)))
    return RunRequest(name, nodes, requirements, (POOL,), may_create=rng.random() < 0.9, placement=placement)
