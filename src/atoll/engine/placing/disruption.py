"""Disruption budgets over the records: a fleet's own, and the server's for all fleets together.

Nodes that others are to take the place of, and that a budget keeps for now, are *held*: they count as nodes of their
fleet, so that no successor is launched before it is their turn, and take no new job.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from atoll.configuration.types.disruption import Disruption
from atoll.engine.placing.demand import members_of, spec_of
from atoll.engine.snapshots.closures import out_of_service
from atoll.model.records import Fleet, Instance
from atoll.model.states import FleetState
from atoll.model.zone import Zone, ZoneInfo
from atoll.planning.disruption import Allowance, Budget, Opening, Taken, allowance, forecast, in_words, taken_by
from atoll.planning.shape import Member
from atoll.planning.snapshot import Snapshot
from atoll.store.transaction import Transaction

OWN = "its `disruption`"
ALL = "the server's `disruption`"
Covered = tuple[Budget, Taken]


@dataclass(frozen=True, slots=True)
class Held:
    """The nodes (ids) that a budget keeps for now, which one, and when the next may go (None: when others have)."""

    ids: frozenset[str] = frozenset()
    why: str = ""
    resumes: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How long it takes at least until nodes have gone, without the time that each takes, and because of what."""

    least: timedelta = timedelta()
    budget: str = ""

    @property
    def text(self) -> str:
        """One line; empty without a budget."""
        if not self.budget:
            return ""
        return f"takes at least {in_words(self.least)}: {self.budget}" if self.least else f"within {self.budget}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets that bind a fleet, `own` and `common`, each with what it covers that is away.

    As many as `unavailable` nodes may be away at once by the fleet's own configuration (None: it says nothing), and at
    most `left` by the server's (None: no limit).
    """

    own: Covered | None = None
    common: Covered | None = None
    unavailable: int | None = None
    left: int | None = None

    @property
    def budgets(self) -> list[Covered]:
        """Those that limit times and places."""
        return [each for each in (self.own, self.common) if each is not None and each[0].binds]

    @property
    def bind(self) -> bool:
        """Whether what another transaction takes away at the same time matters."""
        return bool(self.budgets) or self.left is not None

    def away(self, otherwise: int = 0) -> int:
        """How many nodes may go before others take their place; `otherwise` where the fleet says nothing."""
        most = otherwise if self.unavailable is None else self.unavailable
        return most if self.left is None else min(most, self.left)

    def allows(self, member: Member, now: datetime) -> bool:
        """Whether a node that is not needed may go now."""
        return all(allowance(budget, [member], taken, now).ids for budget, taken in self.budgets)

    def pace(self, leaving: Iterable[Zone], now: datetime) -> Pace:
        """How fast nodes of these zones may go."""
        counts: Mapping[Zone, int] = Counter(leaving)
        if not counts:
            return Pace()
        paces = [Pace(forecast(budget, counts, now, taken), budget.text) for budget, taken in self.budgets]
        return max(paces, key=lambda pace: pace.least, default=Pace())


async def limits_of(tx: Transaction, common: Disruption | None, fleet: Fleet, but: str = "") -> Limits:
    """What binds a fleet, with the server's `common` budget; the instance `but` does not count as away."""
    own = spec_of(fleet).disruption
    limits = Limits()
    if own is not None:
        covered = await _covered(tx, _budget(own, OWN, fleet.nodes), fleet.id, but)
        limits = replace(limits, own=covered, unavailable=own.unavailable(fleet.nodes))
    if common is None:
        return limits
    sizes = await tx.fleets.readiness()
    nodes = sum(size for size, _ in sizes.values())
    most = common.unavailable(nodes)
    away = sum(max(0, size - ready) for id, (size, ready) in sizes.items() if id != fleet.id)
    covered = await _covered(tx, _budget(common, ALL, nodes), None, but)
    return replace(limits, common=covered, left=None if most is None else max(0, most - away))


async def held_back(
    tx: Transaction, common: Disruption | None, fleet: Fleet, limits: Limits, zones: Sequence[ZoneInfo]
) -> Held:
    """The fleet's leaving nodes that budgets keep for now; the server's is shared by all fleets in one order."""
    if not limits.budgets:
        return Held()
    mine = await _candidates(tx, fleet, zones)
    first = _allowed(limits.own, mine, tx.now)
    admitted = [each for each in mine if each.id in first.ids]
    second = Allowance(first.ids)
    if limits.common is not None and limits.common[0].binds:
        second = _allowed(limits.common, await _line(tx, fleet, admitted), tx.now)
    ids = frozenset(each.id for each in mine).difference(set(first.ids) & set(second.ids))
    if not ids:
        return Held()
    return Held(ids, first.held or second.held, first.resumes or second.resumes)


async def without_held(
    tx: Transaction, common: Disruption | None, snapshot: Snapshot, zones: Sequence[ZoneInfo], project: str
) -> Snapshot:
    """The snapshot in which held nodes of the project's fleets are nodes of them that take no job."""
    leaving = {instance.fleet for instance in snapshot.instances if instance.outdated}
    ids: set[str] = set()
    for fleet in await tx.fleets.listing(project) if leaving else ():
        if fleet.name in leaving and fleet.state is FleetState.ACTIVE and not fleet.auto_created:
            ids |= (await held_back(tx, common, fleet, await limits_of(tx, common, fleet), zones)).ids
    if not ids:
        return snapshot
    instances = tuple(
        replace(instance, outdated=False, busy=True) if instance.id in ids else instance
        for instance in snapshot.instances
    )
    return replace(snapshot, instances=instances)


async def take_turn(tx: Transaction) -> None:
    """Let no other transaction take nodes away within a budget until this one ends."""
    await tx.settings.set("disruption", tx.now.isoformat())


async def _line(tx: Transaction, fleet: Fleet, admitted: Sequence[Member]) -> list[Member]:
    """The candidates of all fleets for the server's budget; fleets that wait for capacity come last."""
    fleets: defaultdict[str, list[Instance]] = defaultdict(list)
    for each in await tx.fleets.live_instances():
        if each.leaves and each.fleet_id != fleet.id:
            fleets[each.fleet_id].append(each)
    entries = [((fleet.waiting_since is not None, each.zone, fleet.id), each) for each in admitted]
    for id in sorted(fleets):
        other = await tx.get(Fleet, id)
        if other is None or other.state is not FleetState.ACTIVE or other.auto_created:
            continue
        own = (await limits_of(tx, None, other)).own
        theirs = await _candidates(tx, other, ())
        ids = _allowed(own, theirs, tx.now).ids
        entries += [((other.waiting_since is not None, each.zone, id), each) for each in theirs if each.id in ids]
    return [each for _, each in sorted(entries, key=lambda entry: entry[0])]


async def _candidates(tx: Transaction, fleet: Fleet, zones: Sequence[ZoneInfo]) -> list[Member]:
    """The working nodes that others are to take the place of, in the order in which they go.

    Those that only no longer fit stay anyway while their zone is out of service.
    """
    instances = [instance for instance in await tx.fleets.instances(fleet) if instance.leaves]
    still = out_of_service(zones)
    stay = {instance.id for instance in instances if not instance.leaving_for and instance.zone in still}
    members = [each for each in members_of(instances, await tx.runs.claims()) if each.ready and each.id not in stay]
    return sorted(members, key=lambda each: (each.zone, each.busy, -each.node))


def _allowed(covered: Covered | None, members: Sequence[Member], now: datetime) -> Allowance:
    if covered is None:
        return Allowance(tuple(member.id for member in members))
    return allowance(covered[0], members, covered[1], now)


def _budget(spec: Disruption, owner: str, nodes: int) -> Budget:
    opening = None if spec.opening is None else Opening(spec.opening[0], timedelta(seconds=spec.opening[1]))
    per = None if spec.per is None else timedelta(seconds=spec.per)
    return Budget(owner, max(1, spec.unavailable(nodes) or 1), per, spec.one_zone_at_a_time, opening)


async def _covered(tx: Transaction, budget: Budget, fleet_id: str | None, but: str) -> Covered:
    if budget.per is None and not budget.one_zone_at_a_time:
        return budget, Taken()
    since = tx.now - (budget.per or timedelta())
    return budget, taken_by(*await tx.fleets.departures(since, fleet_id, but))
