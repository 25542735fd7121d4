"""Which nodes of a fleet to replace so that its placement holds again and it keeps no spare node that it need not.

After an outage the nodes of a lost zone are in the others, and a changed placement moves nothing by itself. The
fewest moves bring them back: each one is a node that another one, in the zone that the plan chooses, takes the place
of. Nothing is moved without a placement for its successor, and what is balanced is not touched: a rebalanced fleet
needs no further move, unless zones were full.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import heapify, heapreplace

from atoll.model.zone import Zone, ZoneState
from atoll.planning.filters.eligible import eligible_zones
from atoll.planning.growth import PlanFunction
from atoll.planning.plan import DocumentPlan, NodePlacement, Refusal
from atoll.planning.request import FleetRequest, Placement, Request, Strategy
from atoll.planning.shape import Member, excess, extra_zones, missing, shape, zones_short
from atoll.planning.snapshot import ExistingInstance, Snapshot


class RebalanceCode(StrEnum):
    """What a rebalance would do, or why it moves nothing."""

    MOVES = "moves"
    BALANCED = "balanced"
    SETTLING = "settling"
    """The fleet gets nodes that it lacks, or gives up surplus ones: that comes first."""
    BUSY = "busy"
    """Only busy nodes could be moved."""
    LIMIT = "limit"
    """It needs more moves than the request allows."""
    NO_PLACE = "no-place"
    """No zone takes a successor now."""
    OUT_OF_REACH = "out-of-reach"
    """A limit of the placement is exceeded, and no move in the zones that the fleet may use helps."""


@dataclass(frozen=True, slots=True)
class Rebalance:
    """The answer: `leaving` are ids of nodes that others at `placements` take the place of.

    `before` and `after` count the fleet's nodes by zone. `needed` is the number of moves that the fleet needs, also
    where none is made, and `refusals` say then why the zones that could help take no node.
    """

    code: RebalanceCode
    before: Mapping[Zone, int]
    leaving: tuple[str, ...] = ()
    placements: tuple[NodePlacement, ...] = ()
    after: Mapping[Zone, int] | None = None
    needed: int = 0
    refusals: tuple[Refusal, ...] = ()

    @property
    def fewer(self) -> int:
        """How many nodes the fleet has less afterwards: spare ones that it no longer needs."""
        return 0 if self.after is None else sum(self.before.values()) - sum(self.after.values())


def rebalance(
    request: Request, snapshot: Snapshot, plan: PlanFunction, *, busy: bool = False, most: int | None = None
) -> Rebalance:
    """The moves that bring the request's one fleet back into shape; `busy` nodes only where that is said.

    `most` is the largest number of nodes that are moved.
    """
    [fleet] = request.documents
    assert isinstance(fleet, FleetRequest)
    members = [instance for instance in snapshot.instances if instance.fleet == fleet.name and not instance.outdated]
    before = Counter(member.zone for member in members)
    eligible = eligible_zones(fleet.requirements, snapshot)
    seen = shape(fleet.nodes, fleet.placement, [_member(member) for member in members], eligible)
    if seen.missing or seen.removals:
        return Rebalance(RebalanceCode.SETTLING, before)
    settled = [member for member in members if member.zone not in _out_of_service(snapshot)]
    needed = chosen(fleet, settled, eligible, members)
    if not needed:
        return _unmoved(fleet, request, snapshot, before, plan)
    movable = needed if busy else chosen(fleet, [each for each in settled if not each.in_use], eligible, members)
    if not movable:
        return Rebalance(RebalanceCode.BUSY, before, needed=len(needed))
    if most is not None and len(movable) > most and any(excess(fleet.nodes, fleet.placement, before, eligible)):
        movable = movable[:most]
    if not movable or (most is not None and len(movable) > most):
        return Rebalance(RebalanceCode.LIMIT, before, needed=len(needed))
    return _placed(request, snapshot, movable, before, plan)


def chosen(
    fleet: FleetRequest,
    movable: Sequence[ExistingInstance],
    eligible: Collection[Zone],
    members: Sequence[ExistingInstance],
) -> tuple[str, ...]:
    """The ids of the nodes that are to move, of those that may; `members` are all nodes of the fleet.

    Spare nodes that a better layout would not need go first: that layout is even, too. Otherwise one node after the
    other moves, until no limit of the placement is exceeded.
    """
    counts = Counter(member.zone for member in members)
    free: dict[Zone, list[ExistingInstance]] = {}
    for each in sorted(movable, key=lambda one: (not one.in_use, one.node)):
        free.setdefault(each.zone, []).append(each)  # the last one of each zone moves first
    usable = _usable(fleet.placement, counts, eligible)
    return _spared(fleet, counts, free, usable) or _shaped(fleet, counts, free, usable, eligible)


def better(nodes: int, placement: Placement, before: Mapping[Zone, int], after: Mapping[Zone, int],
           eligible: Collection[Zone]) -> bool:  # fmt: skip
    """Whether a fleet is in a better shape: enough nodes survive, no limit is exceeded by more, and one by less.

    Where none is, fewer nodes are better.
    """
    if missing(nodes, placement, after):
        return False
    now, former = (excess(nodes, placement, counts, eligible) for counts in (after, before))
    if now != former:
        return now.within(former)
    return sum(after.values()) < sum(before.values())


def _usable(placement: Placement, counts: Mapping[Zone, int], eligible: Collection[Zone]) -> list[Zone]:
    """The zones that the fleet is to be in: with `max_zones` those that hold most of it."""
    if placement.strategy is Strategy.CLUSTER:
        return []
    return placement.homes(counts, eligible)


def _spared(
    fleet: FleetRequest, counts: Counter[Zone], free: Mapping[Zone, list[ExistingInstance]], usable: Sequence[Zone]
) -> tuple[str, ...]:
    """Nodes to move so that the fleet needs fewer spare ones: the least even layout, as far as nodes may move."""
    if not fleet.placement.survive_zones or len(usable) <= fleet.placement.survive_zones:
        return ()
    ideal = _filled(fleet, Counter(), usable)
    kept = Counter(
        {zone: max(min(count, ideal[zone]), count - len(free.get(zone, ()))) for zone, count in counts.items()}
    )
    if _filled(fleet, kept, usable).total() >= counts.total():
        return ()
    moved = {zone: count - kept[zone] for zone, count in counts.items()}
    return tuple(each.id for zone in sorted(moved) if moved[zone] for each in reversed(free[zone][-moved[zone] :]))


def _filled(fleet: FleetRequest, counts: Mapping[Zone, int], usable: Sequence[Zone]) -> Counter[Zone]:
    """The counts with as many nodes more as the fleet needs, each in the emptiest zone."""
    filled = Counter(counts)
    emptiest = [(filled[zone], place) for place, zone in enumerate(usable)]
    heapify(emptiest)
    while (lacking := missing(fleet.nodes, fleet.placement, filled)) > 0:
        for _ in range(max(1, lacking // (len(usable) + 1))):
            count, place = emptiest[0]
            filled[usable[place]] = count + 1
            heapreplace(emptiest, (count + 1, place))
    return filled


def _shaped(
    fleet: FleetRequest,
    counts: Counter[Zone],
    free: Mapping[Zone, list[ExistingInstance]],
    usable: Sequence[Zone],
    eligible: Collection[Zone],
) -> tuple[str, ...]:
    """Nodes to move until no limit is exceeded, one after the other, each to the emptiest zone."""
    here, left, moved = Counter(counts), {zone: list(nodes) for zone, nodes in free.items()}, []
    while usable and any(excess(fleet.nodes, fleet.placement, here, eligible, usable)):
        emptiest = min(usable, key=lambda zone: (here[zone], zone))
        sources = [z for z in _sources(fleet, here, emptiest, eligible) if left.get(z)]
        if not sources:
            break
        source = min(sources, key=lambda zone: (-here[zone], left[zone][-1].in_use, zone))
        moved.append(left[source].pop().id)
        here[source] -= 1
        here[emptiest] += 1
    return tuple(moved)


def _sources(fleet: FleetRequest, here: Mapping[Zone, int], emptiest: Zone, eligible: Collection[Zone]) -> list[Zone]:
    """The zones of which a node moved to the emptiest one brings a fleet closer to the first limit that it exceeds."""
    placement, held = fleet.placement, here.get(emptiest, 0)
    most = placement.most_in_zone(max(fleet.nodes, sum(here.values())))
    if most is not None and held >= most:
        return []
    if extra := extra_zones(placement, here, eligible):
        return [zone for zone in extra if zone != emptiest]
    if most is not None and (heavy := [zone for zone, count in here.items() if count > most]):
        return heavy
    if zones_short(placement, here):
        return [zone for zone, count in here.items() if count > 1 and not held]
    return [zone for zone, count in here.items() if count - held > placement.max_skew]


def _placed(
    request: Request, snapshot: Snapshot, movable: tuple[str, ...], before: Counter[Zone], plan: PlanFunction
) -> Rebalance:
    """The moves that have places for the successors: all of them, or as many of the first as have."""
    [fleet] = request.documents
    assert isinstance(fleet, FleetRequest)
    eligible = eligible_zones(fleet.requirements, snapshot)
    refusals: tuple[Refusal, ...] = ()
    best: Rebalance | None = None
    fits, fails = 0, len(movable) + 1
    while fits + 1 < fails:
        count = len(movable) if fails > len(movable) else (fits + fails) // 2
        leaving = movable[:count]
        going = frozenset(leaving)
        kept = before - Counter(instance.zone for instance in snapshot.instances if instance.id in going)
        for asked in _evener(request):
            part = _plan(asked, _left_by(snapshot, leaving), plan)
            after = kept + Counter(node.zone for node in part.placements)
            if part.shortfall is None and better(fleet.nodes, fleet.placement, before, after, eligible):
                best = Rebalance(RebalanceCode.MOVES, before, leaving, part.placements, after, len(movable))
                fits = count
                break
            refusals = part.refusals
        else:
            fails = count
    return best or Rebalance(RebalanceCode.NO_PLACE, before, needed=len(movable), refusals=refusals)


def _evener(request: Request) -> Iterator[Request]:
    """The request with each bound on the skew, from the narrowest to its own.

    A bound is on the zones of new nodes, so that a wider one lets successors go beside the emptiest zones, and more
    moves would be needed to make up for that.
    """
    [fleet] = request.documents
    assert isinstance(fleet, FleetRequest)
    for skew in range(1, fleet.placement.max_skew) if fleet.placement.strategy is Strategy.SPREAD else ():
        placement = replace(fleet.placement, max_skew=skew)
        yield replace(request, documents=(replace(fleet, placement=placement),))
    yield request


def _unmoved(
    fleet: FleetRequest, request: Request, snapshot: Snapshot, before: Counter[Zone], plan: PlanFunction
) -> Rebalance:
    """Balanced over the zones that take nodes; or the zone that would help takes none now."""
    open_zones = tuple(
        replace(info, state=ZoneState.AVAILABLE) if info.zone in _out_of_service(snapshot) else info
        for info in snapshot.zones
    )
    lasting = replace(snapshot, zones=open_zones, failures=(), usage=(), quotas=())
    members = [instance for instance in snapshot.instances if instance.fleet == fleet.name and not instance.outdated]
    later = chosen(fleet, members, eligible_zones(fleet.requirements, lasting), members)
    if not later:
        over = any(excess(fleet.nodes, fleet.placement, before, eligible_zones(fleet.requirements, snapshot)))
        return Rebalance(RebalanceCode.OUT_OF_REACH if over else RebalanceCode.BALANCED, before)
    refusals = _plan(request, _left_by(snapshot, later), plan).refusals
    return Rebalance(RebalanceCode.NO_PLACE, before, needed=len(later), refusals=refusals)


def _out_of_service(snapshot: Snapshot) -> frozenset[Zone]:
    """The zones in which nothing is ended without need."""
    states = (ZoneState.CLOSED, ZoneState.IMPAIRED, ZoneState.DRAINED)
    return frozenset(info.zone for info in snapshot.zones if info.state in states)


def _member(instance: ExistingInstance) -> Member:
    return Member(instance.id, instance.zone, instance.node, instance.in_use)


def _left_by(snapshot: Snapshot, ids: Collection[str]) -> Snapshot:
    leaving = frozenset(ids)
    return replace(
        snapshot,
        instances=tuple(
            replace(instance, outdated=instance.outdated or instance.id in leaving) for instance in snapshot.instances
        ),
    )


def _plan(request: Request, snapshot: Snapshot, plan: PlanFunction) -> DocumentPlan:
    return plan(request, snapshot).documents[0]
