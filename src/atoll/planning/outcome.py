"""What follows from a change of the world: which nodes are replaced and where, which runs move, wait or stop.

It follows the engine's own order: fleets get the nodes that they lack, then runs are placed on what there is by then.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from atoll.model.zone import Zone
from atoll.planning.growth import PlanFunction
from atoll.planning.plan import DocumentKind, DocumentPlan
from atoll.planning.request import ElasticFleet, FleetRequest, Request, RunRequest, VolumeRequest
from atoll.planning.shape import missing
from atoll.planning.snapshot import ExistingInstance, Snapshot, Usage
from atoll.planning.whatif import Edits, edited


@dataclass(frozen=True, slots=True)
class KeptFleet:
    """A fleet as it is kept: `target` nodes without those that came for runs; one that is `held` launches nothing."""

    request: FleetRequest
    target: int
    held: str = ""


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run with the instances (ids) of its jobs; with `retries` it starts again after the loss of one.

    A `patient` one waits where there is no place, others fail then. `waiting` are the nodes that have no place now.
    """

    request: RunRequest
    instances: tuple[str, ...] = ()
    retries: bool = False
    patient: bool = False
    waiting: RunRequest | None = None


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a project has: fleets of its own making (not those of runs), and runs that have not ended.

    `volumes` are those without a zone. Plans break ties by `id`.
    """

    id: str
    fleets: tuple[KeptFleet, ...] = ()
    runs: tuple[KeptRun, ...] = ()
    elastic: tuple[ElasticFleet, ...] = ()
    volumes: tuple[VolumeRequest, ...] = ()


class Effect(StrEnum):
    """What becomes of a run."""

    MOVES = "moves"
    """It starts again elsewhere."""
    WAITS = "waits"
    STOPS = "stops"
    """It fails: it is not retried after the loss of its machine, or has no place and does not wait for one."""
    STARTS = "starts"
    """It waited, and gets its place."""


@dataclass(frozen=True, slots=True)
class FleetOutcome:
    """A fleet that changes: nodes by zone `before` and `after`, `lost` ones, and the plan of what takes their place.

    `margin` is how many more zones it may lose and keep its nodes, -1 where it has too few already.
    """

    name: str
    lost: int
    before: Mapping[Zone, int]
    after: Mapping[Zone, int]
    plan: DocumentPlan | None
    margin: int
    held: str = ""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A run that changes: where it was, and where it is then; `plan` says why it waits."""

    name: str
    effect: Effect
    before: tuple[Zone, ...]
    after: tuple[Zone, ...] = ()
    plan: DocumentPlan | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows: `lost` instances, the fleets and runs that change, names of `volumes` out of reach.

    Prices are those of all instances of the project, in USD an hour.
    """

    lost: int
    fleets: tuple[FleetOutcome, ...]
    runs: tuple[RunOutcome, ...]
    volumes: tuple[str, ...]
    price_before: float
    price_after: float

    @property
    def replaced(self) -> int:
        """How many new nodes take the place of lost ones, those of runs among them."""
        return sum(len(fleet.plan.placements) for fleet in self.fleets if fleet.plan is not None)

    def count(self, effect: Effect) -> int:
        """How many runs this becomes of."""
        return sum(run.effect is effect for run in self.runs)


def outcome(holdings: Holdings, snapshot: Snapshot, edits: Edits, plan: PlanFunction) -> Outcome:
    """What follows from these changes of the snapshot."""
    terrain = edited(snapshot, edits)
    left = {instance.id for instance in terrain.instances}
    zones = {instance.id: instance.zone for instance in snapshot.instances}
    touched = [run for run in holdings.runs if not left.issuperset(run.instances)]
    terrain = _freed(terrain, [id for run in touched for id in run.instances])
    fleets, terrain, bought = _refilled(holdings, snapshot, terrain, edits, plan)
    lost = {run.request.name for run in touched}
    again = [run.request for run in touched if run.retries]
    again += [run.waiting for run in holdings.runs if run.waiting is not None and run.request.name not in lost]
    placed = _runs(holdings, again, terrain, edits, plan)
    runs = [_run(run, placed.get(run.request.name), zones, run.request.name in lost) for run in holdings.runs]
    bought += sum(one.price for one in placed.values())
    return Outcome(
        sum(instance.id not in left for instance in snapshot.instances),
        tuple(fleets),
        tuple(one for one in runs if one is not None),
        tuple(volume.name for volume in snapshot.volumes if volume.zone in edits.lost),
        sum(instance.price for instance in snapshot.instances),
        sum(instance.price for instance in terrain.instances if not instance.id.startswith(_NEW)) + bought,
    )


def each_zone(
    holdings: Holdings, snapshot: Snapshot, edits: Edits, plan: PlanFunction
) -> tuple[tuple[Zone, Outcome], ...]:
    """What follows from the loss of each zone alone that holds something, with the other changes each time."""
    held = {*(instance.zone for instance in snapshot.instances), *(volume.zone for volume in snapshot.volumes)}
    return tuple(
        (zone, outcome(holdings, snapshot, replace(edits, lost=edits.lost | {zone}), plan))
        for zone in sorted(held - edits.lost)
    )


_NEW = "new "
"""What the ids of planned nodes begin with."""


def _freed(terrain: Snapshot, ids: Collection[str]) -> Snapshot:
    """The world in which these instances have no job any more: their runs have several nodes, which take them whole."""
    free = frozenset(ids)
    instances = (
        replace(instance, busy=False, used_blocks=0) if instance.id in free else instance
        for instance in terrain.instances
    )
    return replace(terrain, instances=tuple(instances)) if free else terrain


def _refilled(
    holdings: Holdings, snapshot: Snapshot, terrain: Snapshot, edits: Edits, plan: PlanFunction
) -> tuple[list[FleetOutcome], Snapshot, float]:
    """The fleets that change, the world with what they get, and the price of that."""
    here, were = _by_fleet(terrain), _by_fleet(snapshot)
    requests, kept = [], [fleet for fleet in holdings.fleets if fleet.request.name not in edits.fleets]
    for fleet in kept:
        request = _resized(fleet, here.get(fleet.request.name, Counter()))
        if not fleet.held and missing(request.nodes, request.placement, here.get(request.name, Counter())):
            requests.append(request)
    made = plan(Request(holdings.id, tuple(requests)), terrain) if requests else None
    parts = {document.name: document for document in made.documents} if made is not None else {}
    found = []
    for fleet in kept:
        name = fleet.request.name
        before, staying, part = were.get(name, Counter()), here.get(name, Counter()), parts.get(name)
        after = staying + Counter(node.zone for node in (part.placements if part is not None else ()))
        lost = before.total() - staying.total()
        if lost or (part is not None and part.placements):
            found.append(FleetOutcome(name, lost, before, after, part, margin(fleet.request.nodes, after), fleet.held))
    return found, _with_nodes(terrain, parts.values()), sum(part.price for part in parts.values())


def margin(nodes: int, counts: Mapping[Zone, int]) -> int:
    """How many zones may be lost at once and `nodes` remain; -1 where there are fewer already."""
    left, zones = sum(counts.values()) - nodes, sorted(counts.values(), reverse=True)
    if left < 0:
        return -1
    for lost, count in enumerate(zones):
        left -= count
        if left < 0:
            return lost
    return len(zones)


def _resized(fleet: KeptFleet, counts: Counter[Zone]) -> FleetRequest:
    """The fleet's request: what it had grown to for runs is not replaced."""
    request = fleet.request
    if request.nodes <= fleet.target or not missing(request.nodes, request.placement, counts):
        return request
    return replace(request, nodes=max(fleet.target, min(request.nodes, counts.total())))


def _with_nodes(terrain: Snapshot, parts: Collection[DocumentPlan]) -> Snapshot:
    new = [
        ExistingInstance(
            f"{_NEW}{part.name}-{node.node}",
            node.zone,
            node.instance_type,
            node.market,
            node.price,
            part.name,
            node.node,
            blocks=node.blocks,
        )
        for part in parts
        for node in part.placements
    ]
    usage = tuple(Usage(each.zone, each.instance_type.capacity) for each in new)
    return replace(terrain, instances=(*terrain.instances, *new), usage=(*terrain.usage, *usage)) if new else terrain


def _runs(
    holdings: Holdings, again: Sequence[RunRequest], terrain: Snapshot, edits: Edits, plan: PlanFunction
) -> dict[str, DocumentPlan]:
    """The plans of the runs that look for a place."""
    if not again:
        return {}
    elastic = tuple(one for one in holdings.elastic if one.fleet.name not in edits.fleets)
    mounted = {name for run in again for node in run.nodes for mount in node.mounts for name in mount.volumes}
    volumes = tuple(volume for volume in holdings.volumes if volume.name in mounted)
    made = plan(Request(holdings.id, (*again, *volumes), elastic), terrain)
    names = {run.name for run in again}
    return {
        document.name: document
        for document in made.documents
        if document.name in names and document.kind is DocumentKind.RUN
    }


def _run(run: KeptRun, part: DocumentPlan | None, zones: Mapping[str, Zone], touched: bool) -> RunOutcome | None:
    """What becomes of a run; None where nothing changes."""
    name, before = run.request.name, tuple(sorted({zones[id] for id in run.instances if id in zones}))
    if touched and not run.retries:
        return RunOutcome(name, Effect.STOPS, before)
    if part is None:
        return None
    if part.shortfall is not None:
        if not touched:
            return None
        return RunOutcome(name, Effect.WAITS if run.patient else Effect.STOPS, before, (), part)
    after = tuple(sorted({node.zone for node in part.placements}))
    return RunOutcome(name, Effect.MOVES if touched else Effect.STARTS, before, after, part)


def _by_fleet(snapshot: Snapshot) -> dict[str, Counter[Zone]]:
    found: dict[str, Counter[Zone]] = {}
    for instance in snapshot.instances:
        if not instance.outdated:
            found.setdefault(instance.fleet, Counter())[instance.zone] += 1
    return found
