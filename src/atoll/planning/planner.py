"""`plan`: the one function that says where everything goes. Dry runs, apply, retries and what-if all call it.

It gathers what the other modules decide and explain into one document plan for each document of the request. Pure: the
same request over the same snapshot gives the same plan.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from atoll.model.zone import Zone
from atoll.planning.budget import Budget
from atoll.planning.facts import without_engine
from atoll.planning.filters.feasibility import FILTERS, PASSED
from atoll.planning.plan import DocumentKind, DocumentPlan, NodePlacement, Plan, Shortfall, ShortfallCode, Source
from atoll.planning.reasons import explain
from atoll.planning.reasons.cures import cures, saving
from atoll.planning.reasons.refusals import Reasons
from atoll.planning.reasons.remainder import Remainder
from atoll.planning.reasons.shortfalls import certain, fleet_shortfall, run_shortfall, undecided, volume_shortfall
from atoll.planning.request import Document, FleetRequest, Request, RunRequest, Strategy, VolumeRequest
from atoll.planning.shape import Member, excess, shape, skew_of
from atoll.planning.snapshot import ExistingInstance, Snapshot
from atoll.planning.solving.joint import Decider, Decision
from atoll.planning.solving.options import Option
from atoll.planning.solving.packing import packed
from atoll.planning.solving.problem import Share
from atoll.planning.terrain import Terrain
from atoll.planning.traffic import traffic
from atoll.planning.volumes import lone_zone

LEAST_SAVING = 0.0001
"""USD an hour that are worth a note: as much as is shown."""


def plan(request: Request, snapshot: Snapshot, budget: Budget | None = None, *, explained: bool = True) -> Plan:
    """Where the request's documents go in this world, and why not elsewhere. No placement is a result, too.

    The search takes its steps from `budget`, which is a user's unless another one is given. A plan that is not
    `explained` has placements and prices alone.
    """
    return Planner(budget or Budget())(request, snapshot, explained=explained)


class Planner:
    """`plan` for several requests of one question: they share a budget, and what is found of a world is found once."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._decider: Decider | None = None
        self._key: tuple[str, frozenset[tuple[str, ...]]] = ("", frozenset())
        self._decisions: dict[tuple[Document, ...], Decision] = {}

    def __call__(self, request: Request, snapshot: Snapshot, *, explained: bool = True) -> Plan:
        """Like `plan`, with the steps that are left."""
        decider = self._deciding(request, snapshot)
        if request.documents not in self._decisions:
            self._decisions[request.documents] = decider.decide()
        decision = self._decisions[request.documents]
        layout = Layout.of(decision, decider.terrain)
        if explained:
            reasons = Reasons(decider, decision, Remainder.after(decision.solution, decider.terrain))
            documents = tuple(_document(document, reasons, layout) for document in request.documents)
        else:
            fitting, is_open = frozenset(decision.placed), decision.undecided
            documents = tuple(_bare(d, d in fitting, d in is_open, layout) for d in request.documents)
        solution = decision.solution
        best = solution.cost - solution.slack
        gap = 0.0 if solution.proven else solution.slack / best if best > 0 else None
        return Plan(documents, sum(document.price for document in documents), solution.proven, gap)

    def _deciding(self, request: Request, snapshot: Snapshot) -> Decider:
        """A decider that knows what an earlier one found, where that was of the same world."""
        named = frozenset(d.instances for d in request.documents if isinstance(d, RunRequest) and d.instances)
        known = self._decider
        if known is None or known.terrain.snapshot is not snapshot or self._key != (request.id, named):
            self._key, self._decisions = (request.id, named), {}
            known = self._decider = Decider(Terrain.of(snapshot, request.id), request.documents, budget=self._budget)
        return known.trial(request.documents)


@dataclass(frozen=True, slots=True)
class Layout:
    """The solution with numbers for nodes: which node of a fleet, which rank of a run, stands where."""

    fleets: dict[str, tuple[NodePlacement, ...]]
    runs: dict[str, tuple[NodePlacement, ...]]

    @classmethod
    def of(cls, decision: Decision, terrain: Terrain) -> "Layout":
        """Fleets get their lowest free node numbers, zone by turns; runs take planned nodes in order."""
        fleets = {name: _fleet_nodes(name, bought, terrain) for name, bought in decision.solution.fleets.items()}
        # Nodes that take more of a planned machine first: so the others fill what is left.
        shares = [(name, share) for name in sorted(decision.solution.runs) for share in decision.solution.runs[name]]
        shares.sort(key=lambda entry: -entry[1].supply.blocks)
        free = _planned_nodes(fleets, [share for _, share in shares], terrain)
        taken: dict[object, int] = {}
        existing = {instance.id: instance for instance in terrain.snapshot.instances}
        runs: dict[str, list[NodePlacement]] = {name: [] for name in sorted(decision.solution.runs)}
        for name, share in shares:
            runs[name] += _run_nodes(share, free, taken, existing, terrain.zones[share.supply.zone].zone)
        return cls(fleets, {name: tuple(sorted(nodes, key=lambda node: node.node)) for name, nodes in runs.items()})


def _planned_nodes(
    fleets: Mapping[str, Sequence[NodePlacement]], shares: Iterable[Share], terrain: Terrain
) -> dict[tuple[object, ...], Iterator[int]]:
    """For each kind of planned node of a fleet the numbers of those that runs get, in the order of their shares."""
    taken: dict[tuple[object, ...], list[int]] = {}
    for share in shares:
        supply = share.supply
        if supply.fleet is not None and supply.option is not None:
            key = _alike(supply.fleet, terrain.zones[supply.zone].zone, supply.option)
            taken.setdefault(key, []).extend([supply.blocks] * len(share.ranks))
    alike: dict[tuple[object, ...], list[NodePlacement]] = {}
    for name, nodes in fleets.items() if taken else ():
        for node in nodes:
            alike.setdefault(_alike(name, node.zone, node), []).append(node)
    return {key: _numbers(alike[key], blocks) for key, blocks in taken.items()}


def _numbers(nodes: Sequence[NodePlacement], taken: Sequence[int]) -> Iterator[int]:
    return (nodes[place].node for place in packed(taken, nodes[0].blocks, len(nodes)))


def _alike(fleet: str, zone: Zone, machine: NodePlacement | Option) -> tuple[object, ...]:
    return (fleet, zone, machine.instance_type, machine.market)


def _fleet_nodes(name: str, bought: Iterable[tuple[Option, int]], terrain: Terrain) -> tuple[NodePlacement, ...]:
    by_zone: dict[int, list[Option]] = {}
    for option, count in sorted(bought, key=lambda entry: (entry[0].zone, entry[0].key)):
        by_zone.setdefault(option.zone, []).extend([option] * count)
    turns = [
        option
        for turn in range(max(map(len, by_zone.values()), default=0))
        for _, queue in sorted(by_zone.items())
        for option in queue[turn : turn + 1]
    ]
    there = {each.node for each in (*terrain.fleets.get(name, ()), *terrain.outdated.get(name, ()))}
    numbers = (number for number in range(len(there) + len(turns)) if number not in there)
    return tuple(
        NodePlacement(number, terrain.zones[o.zone].zone, o.instance_type, o.market, o.price, blocks=o.blocks)
        for number, o in zip(numbers, turns, strict=False)
    )


def _run_nodes(
    share: Share,
    free: Mapping[tuple[object, ...], Iterator[int]],
    taken: dict[object, int],
    existing: dict[str, ExistingInstance],
    zone: Zone,
) -> Iterable[NodePlacement]:
    supply = share.supply
    for rank in share.ranks:
        if supply.pool is not None:
            place = taken[supply.pool.ids] = taken.get(supply.pool.ids, -1) + 1
            instance = existing[supply.pool.ids[place if supply.pool.blocks == 1 else 0]]
            used = NodePlacement(rank, zone, instance.instance_type, instance.market, 0, Source.EXISTING)
            blocks = supply.blocks
            yield replace(used, instance=instance.id, fleet=instance.fleet, volumes=share.volumes, blocks=blocks)
            continue
        option = supply.option
        assert option is not None
        node = NodePlacement(rank, zone, option.instance_type, option.market, option.price, volumes=share.volumes)
        if supply.fleet is None:
            yield node
            continue
        number = next(free[_alike(supply.fleet, zone, option)])
        planned = replace(node, price=0, source=Source.PLANNED, blocks=supply.blocks)
        yield replace(planned, fleet=supply.fleet, fleet_node=number)


def _bare(document: Document, fits: bool, is_open: bool, layout: Layout) -> DocumentPlan:
    """A document's placements without a word of explanation."""
    nodes: tuple[NodePlacement, ...] = ()
    kind, wanted = DocumentKind.VOLUME, 1
    if isinstance(document, FleetRequest):
        kind, nodes, wanted = DocumentKind.FLEET, layout.fleets.get(document.name, ()), document.nodes
    elif isinstance(document, RunRequest):
        kind, nodes, wanted = DocumentKind.RUN, layout.runs.get(document.name, ()) if fits else (), len(document.nodes)
    code = ShortfallCode.UNDECIDED if is_open else ShortfallCode.NOT_ENOUGH
    short = None if fits else Shortfall(wanted, len(nodes), code)
    return DocumentPlan(kind, document.name, nodes, shortfall=short, price=sum(node.price for node in nodes))


def _document(document: Document, reasons: Reasons, layout: Layout) -> DocumentPlan:
    if isinstance(document, FleetRequest):
        return _fleet(document, reasons, layout)
    if isinstance(document, RunRequest):
        return _run(document, reasons, layout)
    return _volume(document, reasons, layout)


def _used(nodes: Iterable[NodePlacement], reasons: Reasons) -> frozenset[int]:
    return frozenset(reasons.decider.terrain.number[node.zone] for node in nodes)


def _fleet(fleet: FleetRequest, reasons: Reasons, layout: Layout) -> DocumentPlan:
    terrain = reasons.decider.terrain
    nodes = layout.fleets.get(fleet.name, ())
    existing = terrain.fleets.get(fleet.name, ())
    placed = reasons.placed(fleet)
    whole = isinstance(placed, FleetRequest) and placed.nodes >= fleet.nodes
    refusals = reasons.of_fleet(fleet, _used(nodes, reasons), short=not whole)
    shortfall = None
    if fleet in reasons.decision.undecided:
        shortfall, refusals = undecided(fleet.nodes, len(existing)), certain(refusals)
    elif not whole:
        shortfall = fleet_shortfall(fleet, len(nodes) + len(existing), refusals, reasons)
        shortfall = replace(shortfall, cures=cures(fleet, reasons))
    notes: tuple[str, ...] = ()
    if whole and isinstance(placed, FleetRequest) and placed.placement.max_skew != fleet.placement.max_skew:
        notes = (explain.skew_note(placed.placement.max_skew, fleet.placement.max_skew),)
    removals = _removals(fleet, nodes, reasons) if whole else ()
    total = len(nodes) + len(existing) - sum(not removal.outdated for removal in removals)
    if whole and total > fleet.nodes and fleet.placement.survive_zones:
        notes = (*notes, explain.survive_note(total, fleet.nodes, fleet.placement.survive_zones))
    if whole and isinstance(placed, FleetRequest):
        notes = (*notes, *_shape_notes(placed, nodes, removals, reasons))
    return DocumentPlan(
        DocumentKind.FLEET,
        fleet.name,
        placements=nodes,
        refusals=refusals,
        offers=reasons.offers(reasons.decider.feasibility(fleet.requirements)),
        shortfall=shortfall,
        price=sum(node.price for node in nodes),
        notes=notes,
        removals=removals,
    )


def _shape_notes(
    fleet: FleetRequest, nodes: Sequence[NodePlacement], removals: Sequence[ExistingInstance], reasons: Reasons
) -> Iterator[str]:
    """What remains of a fleet that gives up nodes, and how it differs from what its placement requires.

    `fleet` is the document as it was placed: the least skew that was to be had is said already.
    """
    terrain, going = reasons.decider.terrain, {removal.id for removal in removals}
    staying = [each.zone for each in terrain.fleets.get(fleet.name, ()) if each.id not in going]
    counts = Counter([*staying, *(node.zone for node in nodes)])
    if removals:
        yield explain.counts_note(counts)
    bounds = tuple(explain.bounds_notes(fleet.nodes, fleet.placement, counts))
    uneven = tuple(_uneven(fleet, counts, reasons)) if fleet.placement.strategy is Strategy.SPREAD else ()
    yield from bounds
    yield from uneven
    usable = _passing(fleet, reasons)
    if staying and any(excess(fleet.nodes, fleet.placement, counts, usable)):
        note = explain.rebalance_note(fleet.name, fleet.nodes, fleet.placement, len(usable))
        emptier = [zone for zone in usable if counts[zone] < max(counts.values())]
        if emptier and not any(_takes_one(fleet, zone, reasons) for zone in emptier):
            note = explain.no_room_note(emptier)
        yield f"existing nodes stay where they are: {note}"


def _takes_one(fleet: FleetRequest, zone: Zone, reasons: Reasons) -> bool:
    """Whether a zone could take one more node beside all that is planned."""
    decider = reasons.decider
    return reasons.remainder.refusal(decider.feasibility(fleet.requirements), decider.terrain.number[zone]) is None


def _uneven(fleet: FleetRequest, counts: Counter[Zone], reasons: Reasons) -> Iterator[str]:
    """The zones that a spread leaves out for now, and a skew over its limit."""
    terrain = reasons.decider.terrain
    feasibility = reasons.decider.feasibility(fleet.requirements)
    shut = {terrain.zones[zone].zone: FILTERS[stage] for zone, stage in feasibility.shut}
    usable = _passing(fleet, reasons)
    if shut and counts:
        yield explain.fewer_zones_note(len(usable), shut)
    skew, emptiest = skew_of(fleet.placement, counts, usable)
    if emptiest is not None and skew > fleet.placement.max_skew:
        yield explain.uneven_note(skew, fleet.placement.max_skew, emptiest, counts[emptiest])


def _passing(fleet: FleetRequest, reasons: Reasons) -> list[Zone]:
    """The zones with an offer that passes all filters of a fleet."""
    zones = reasons.decider.terrain.zones
    return [zones[zone].zone for zone in reasons.decider.feasibility(fleet.requirements).passing]


def _removals(fleet: FleetRequest, nodes: Sequence[NodePlacement], reasons: Reasons) -> tuple[ExistingInstance, ...]:
    """The nodes that go once the planned ones work."""
    terrain = reasons.decider.terrain
    existing = [*terrain.fleets.get(fleet.name, ()), *terrain.outdated.get(fleet.name, ())]
    if not existing:
        return ()
    members = [Member(each.id, each.zone, each.node, each.in_use, outdated=each.outdated) for each in existing]
    planned = [Member(f"planned {node.node}", node.zone, node.node, busy=True) for node in nodes]
    level = reasons.decider.feasibility(fleet.requirements).level
    usable = [info.zone for info, stage in zip(terrain.zones, level, strict=True) if stage == PASSED]
    going = shape(fleet.nodes, fleet.placement, [*members, *planned], usable).removals
    by_id = {each.id: each for each in existing}
    return tuple(by_id[id] for id in going if id in by_id)


def _run(run: RunRequest, reasons: Reasons, layout: Layout) -> DocumentPlan:
    placed = reasons.placed(run) is not None
    nodes = layout.runs.get(run.name, ()) if placed else ()
    refusals = reasons.of_run(run, _used(nodes, reasons), short=not placed)
    shortfall = None
    if run in reasons.decision.undecided:
        shortfall, refusals = undecided(len(run.nodes), 0), certain(refusals)
    elif not placed:
        shortfall = replace(run_shortfall(run, refusals, reasons), cures=cures(run, reasons))
    zones = {node.zone for node in nodes}
    unseen = sorted(
        {z.backend for z in zones if not reasons.decider.terrain.backend(z.backend).mounts_at_path}
        if any(node.volumes for node in nodes)
        else ()
    )
    return DocumentPlan(
        DocumentKind.RUN,
        run.name,
        placements=nodes,
        refusals=refusals,
        offers=reasons.offers(reasons.decider.feasibility(run.requirements)) if run.buys else (),
        shortfall=shortfall,
        price=sum(node.price for node in nodes),
        traffic=traffic(zones),
        notes=(
            *(explain.path_note(name) for name in unseen),
            *explain.distance_notes(zones),
            *(() if placed else _engine_notes(run, reasons)),
            *(_together_notes(run, zones, reasons) if placed else ()),
        ),
    )


def _engine_notes(run: RunRequest, reasons: Reasons) -> Iterator[str]:
    """The machines that a run does not get because they have no container engine, wherever they are."""
    if run.requirements.containers:
        there = (
            instance
            for instance in reasons.decider.terrain.snapshot.instances
            if run.fleets is None or instance.fleet in run.fleets
        )
        names = [each.instance_type.name for each in there if each.instance_type.containers == ""]
        if names:
            yield explain.engine_note(without_engine(names))


def _together_notes(run: RunRequest, zones: Collection[Zone], reasons: Reasons) -> Iterator[str]:
    """What a run would cost less if its nodes could be apart."""
    saved = saving(run, reasons)
    if saved >= LEAST_SAVING:
        first = min(zones)
        place = str(first) if run.strategy is Strategy.CLUSTER else first.region
        yield explain.together_note(run.strategy.value, place, saved)


def _volume(volume: VolumeRequest, reasons: Reasons, layout: Layout) -> DocumentPlan:
    terrain, decision = reasons.decider.terrain, reasons.decision
    zone: Zone | None = None
    placed = reasons.placed(volume) is not None
    existing = terrain.volumes.get(volume.name)
    if existing is not None:
        zone = existing.zone
    elif volume.name in decision.solution.disks:
        zone = terrain.zones[decision.solution.disks[volume.name]].zone
    elif placed and not volume.follows:
        groups = [*layout.fleets.values(), *_runs_naming(volume, decision.placed, layout)]
        nodes = [terrain.number[node.zone] for group in groups for node in group]
        number = lone_zone(volume, terrain, [*nodes, *terrain.zones_of(terrain.snapshot.instances)])
        zone = None if number is None else terrain.zones[number].zone
    refusals = reasons.of_volume(volume, frozenset() if zone is None else frozenset({terrain.number[zone]}))
    shortfall = None
    if volume in reasons.decision.undecided:
        shortfall, refusals = undecided(1, 0), certain(refusals)
    elif not placed:
        shortfall = replace(volume_shortfall(volume, refusals), cures=cures(volume, reasons))
    if zone is None and placed:
        refusals = ()
    return DocumentPlan(DocumentKind.VOLUME, volume.name, zone=zone, refusals=refusals, shortfall=shortfall)


def _runs_naming(
    volume: VolumeRequest, documents: Iterable[Document], layout: Layout
) -> Iterable[tuple[NodePlacement, ...]]:
    """The nodes of runs that could have taken the volume and took another of the list."""
    for run in documents:
        mounts = [mount for node in run.nodes for mount in node.mounts] if isinstance(run, RunRequest) else []
        if any(volume.name in mount.volumes for mount in mounts):
            yield layout.runs.get(run.name, ())
