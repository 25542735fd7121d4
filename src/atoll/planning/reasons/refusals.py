"""One reason for each zone that a document does not use, the nearest miss first, and the chief reason when it fails.

The filters have recorded how far each offer came; what they cannot know (volumes, strategies, what the plan itself
took) is added here from the decision.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from atoll.model.catalog import TypeTable
from atoll.model.offer import UNKNOWN_PRICE
from atoll.planning.facts import Facts, facts, offer_facts, without_engine
from atoll.planning.filters.amounts import amount_of, of_all
from atoll.planning.filters.blocks import parts
from atoll.planning.filters.feasibility import FILTERS, PASSED, STAGE, Feasibility, markets, type_stages
from atoll.planning.filters.groups import Group
from atoll.planning.plan import Cure, Fact, Refusal, RefusalCode
from atoll.planning.reasons.lack import Lack
from atoll.planning.reasons.remainder import Remainder
from atoll.planning.reasons.unneeded import Unneeded
from atoll.planning.request import Document, FleetRequest, Requirements, RunRequest, Strategy, VolumeRequest
from atoll.planning.snapshot import ExistingInstance
from atoll.planning.solving.components import may_use
from atoll.planning.solving.groups import reusable
from atoll.planning.solving.joint import Decider, Decision
from atoll.planning.solving.limits import Limits
from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import FleetGroup, Pool
from atoll.planning.solving.reductions.kinds import kind_of

_OF_ZONE = FILTERS[: STAGE[RefusalCode.IMPAIRED] + 1]
_OF_OFFERS = FILTERS[STAGE[RefusalCode.IMPAIRED] + 1 :]
ORDER = (
    *_OF_ZONE,
    # Where a run's volume is not, nothing that its machines lack matters.
    RefusalCode.NO_VOLUMES,
    RefusalCode.VOLUME_ZONE,
    RefusalCode.FLEET,
    *_OF_OFFERS,
    RefusalCode.INSTANCE_BUSY,
    RefusalCode.VOLUME_ATTACHED,
    RefusalCode.CLUSTER,
    RefusalCode.SPREAD,
    RefusalCode.NOT_NEEDED,
)
"""All codes, from the farthest miss to the nearest."""

_NEARNESS = {code: i for i, code in enumerate(ORDER)}


@dataclass(frozen=True, slots=True)
class _Case:
    """What all zones of one document have in common.

    `short` says that it did not fit as required; `mounts` that it has volumes; in the zones `planned` are machines of
    the request's fleets that it might use; `idle` are the instances that it might, in the zones `reusable`.
    """

    short: bool
    unneeded: Unneeded
    mounts: bool = False
    planned: frozenset[int] = frozenset()
    idle: frozenset[str] = frozenset()
    reusable: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Home:
    """The zones where one mount finds a volume, the facts about any other, and the volume of one that has no zone."""

    zones: frozenset[int]
    facts: Facts
    waiting: str | None


@dataclass(frozen=True, slots=True)
class Reasons:
    """Answers why, for the documents of one decision."""

    decider: Decider
    decision: Decision
    remainder: Remainder
    cures: dict[RunRequest, tuple[Cure, ...]] = field(default_factory=dict)
    """The cures of runs that do not fit, by what equal ones have in common."""
    _without: dict[str, Remainder] = field(default_factory=dict)
    _groups: dict[str, FleetGroup] = field(default_factory=dict)
    _cheap: dict[str, dict[int, list[Option]]] = field(default_factory=lambda: defaultdict(dict))
    _offered: dict[Requirements, dict[str, str]] = field(default_factory=dict)
    _of_runs: dict[tuple[object, ...], tuple[Refusal, ...]] = field(default_factory=dict)
    _of_offers: dict[Requirements, tuple[Refusal, ...]] = field(default_factory=dict)
    _at_stages: dict[tuple[object, ...], list[Refusal]] = field(default_factory=dict)
    _placed: dict[tuple[type, str], Document] = field(default_factory=dict)

    def placed(self, document: Document) -> Document | None:
        """The document as it was placed, or None."""
        if not self._placed:
            self._placed.update({(type(d), d.name): d for d in self.decision.placed})
        return self._placed.get((type(document), document.name))

    def of_fleet(self, fleet: FleetRequest, new: frozenset[int], short: bool) -> tuple[Refusal, ...]:
        """Why the zones without a `new` node get none; `short` says that the fleet did not fit as required.

        A zone that holds nodes of the fleet is in use, and has a reason only where it cannot take another one.
        """
        feasibility = self.decider.feasibility(fleet.requirements)
        unneeded = Unneeded.of_fleet(fleet.name, self.decision.solution, self.remainder, feasibility)
        case = _Case(short, unneeded)
        holding = Counter(self.decider.terrain.zones_of(self.decider.terrain.fleets.get(fleet.name, ())))
        grows = short or bool(new)
        found = []
        for zone in self._others(new):
            if zone in holding and not grows:
                continue
            code, data, count = self._static(feasibility, zone)
            if code is None:
                code, data = self._of_strategy(fleet, feasibility, zone, case)
            if zone in holding:
                if code is RefusalCode.NOT_NEEDED:
                    continue
                data = {**data, "holds": holding[zone]}
            found.append((zone, self._refusal(zone, code, data, count)))
        return _ordered(found)

    def of_run(self, run: RunRequest, used: frozenset[int], short: bool) -> tuple[Refusal, ...]:
        """Why the other zones are not used for a run."""
        shares = self.decision.solution.runs.get(run.name, ())
        paid = frozenset(share.supply.option.price for share in shares if share.supply.option is not None)
        key = (kind_of(run), used, short, paid, frozenset(share.supply.source for share in shares))
        if key not in self._of_runs:
            self._of_runs[key] = _ordered(self._run_refusals(run, used, short))
        return self._of_runs[key]

    def _run_refusals(self, run: RunRequest, used: frozenset[int], short: bool) -> list[tuple[int, Refusal]]:
        feasibility = self.decider.feasibility(run.requirements)
        pools = self._idle(run)
        idle = frozenset[str]().union(*(pool.ids for pool in pools))
        unneeded = Unneeded.of_run(run, self.decision.solution, self.remainder, feasibility)
        mounts = any(node.mounts for node in run.nodes)
        case = _Case(short, unneeded, mounts, self._planned(run), idle, frozenset(pool.zone for pool in pools))
        zone_level, found, homes = feasibility.level, [], self._homes(run)
        plain: Collection[int] = ()
        if run.buys and not (short or mounts or self.remainder.is_limited()):
            plain = frozenset(feasibility.passing) - case.planned - case.reusable
        zones = self.decider.terrain.zones
        for zone in self._others(used):
            if zone in plain:
                found.append((zone, Refusal(zones[zone].zone, RefusalCode.NOT_NEEDED, unneeded.of(zone))))
                continue
            if zone_level[zone] < PASSED:
                code = FILTERS[zone_level[zone]]
                data, count = facts(code, feasibility, zone, self.decider.terrain), 1
                found.append((zone, self._refusal(zone, code, data, count)))
                continue
            elsewhere = self._volume_elsewhere(homes, zone)
            if elsewhere is not None:
                found.append((zone, self._refusal(zone, *elsewhere, 1)))
                continue
            unfit, data, count = self._of_machines(run, zone, feasibility, case)
            if unfit is None:
                unfit, data = self._of_choice(run, feasibility, zone, case)
            found.append((zone, self._refusal(zone, unfit, data, count)))
        return found

    def of_volume(self, volume: VolumeRequest, used: frozenset[int]) -> tuple[Refusal, ...]:
        """Why the other zones are not used for a volume."""
        refused = self.decider.volume_refusals(volume)
        home = self.decision.solution.disks.get(volume.name)
        unused: Facts = {"why": "volume"}
        if home is not None:
            unused = {"why": "consumer", "home": str(self.decider.terrain.zones[home].zone)}
        found = []
        for zone in self._others(used):
            code, data = refused.get(zone, (RefusalCode.NOT_NEEDED, unused))
            found.append((zone, self._refusal(zone, code, data, 1)))
        return _ordered(found)

    def offers(self, feasibility: Feasibility) -> tuple[Refusal, ...]:
        """The refused offers of zones that are not out as a whole, counted by zone and code."""
        requirements = feasibility.requirements
        if requirements not in self._of_offers:
            self._of_offers[requirements] = tuple(self._offer_refusals(feasibility))
        return self._of_offers[requirements]

    def _offer_refusals(self, feasibility: Feasibility) -> list[Refusal]:
        found: list[Refusal] = []
        for stage in range(PASSED - 1, STAGE[RefusalCode.IMPAIRED], -1):
            if stage in feasibility.possible:
                found.extend(self._refused_at(feasibility, stage))
        return found

    def _refused_at(self, feasibility: Feasibility, stage: int) -> list[Refusal]:
        """The refused offers of one stage, by zone; found once for requirements that this filter cannot tell apart."""
        code = FILTERS[stage]
        wanted = amount_of(code, feasibility.requirements.resources)
        if wanted is None:
            return self._counted(feasibility, stage)
        key = (*feasibility.alike(code), wanted)
        if key not in self._at_stages:
            self._at_stages[key] = self._counted(feasibility, stage)
        return self._at_stages[key]

    def _counted(self, feasibility: Feasibility, stage: int) -> list[Refusal]:
        """The refused offers of one stage, by zone; those that name a price in the order of their prices."""
        zones, group, code = self.decider.terrain.zones, feasibility.group(stage), FILTERS[stage]
        facts_in = offer_facts(code, feasibility, self.decider.terrain)
        found = []
        for zone, count in zip(group.zones, group.counts, strict=True):
            data = facts_in(zone)
            kind = _named_type(data) if count == 1 else None
            found.append(Refusal(zones[zone].zone, code, data, kind, None, count))
        if found and isinstance(found[0].data.get("price"), float):
            found.sort(key=_price)
        return found

    def _others(self, used: frozenset[int]) -> Iterable[int]:
        return (zone for zone in range(len(self.decider.terrain.zones)) if zone not in used)

    def _refusal(self, zone: int, code: RefusalCode, data: Facts, count: int) -> Refusal:
        return Refusal(self.decider.terrain.zones[zone].zone, code, data, count=count)

    def _static(self, feasibility: Feasibility, zone: int) -> tuple[RefusalCode | None, Facts, int]:
        stage = feasibility.zones[zone]
        if stage == PASSED:
            return None, {}, 1
        terrain = self.decider.terrain
        code = FILTERS[stage]
        absent = self._absent_type(feasibility, zone) if code is RefusalCode.INSTANCE_TYPE else None
        if absent is not None:
            return RefusalCode.NOT_OFFERED, {"instance_type": absent}, 1
        count = max(1, feasibility.group(stage).count(zone))
        if code in (RefusalCode.PRICE, RefusalCode.PRICE_UNKNOWN):
            data = self._dear(feasibility, zone)
            return priced(data["price"]), data, count
        return code, facts(code, feasibility, zone, terrain), count

    def _dear(self, feasibility: Feasibility, zone: int) -> Facts:
        """The lowest limit at which the zone serves; and what is in the way `besides`, where none would do alone."""
        limit = feasibility.requirements.max_price
        free = self.decider.feasibility(replace(feasibility.requirements, max_price=None))
        offer = self.remainder.cheapest(free, zone)
        if offer is not None:
            data: Facts = {"instance_type": offer.instance_type.name, "market": offer.market.value}
            return {**data, "price": offer.price, "max_price": limit}
        stage = free.zones[zone]
        taken = self.remainder.refusal(free, zone) if stage == PASSED else None
        code, data = taken or (FILTERS[stage], facts(FILTERS[stage], free, zone, self.decider.terrain))
        return {**data, "price": free.group(stage).price(zone), "max_price": limit, "besides": code.value}

    def _absent_type(self, feasibility: Feasibility, zone: int) -> str | None:
        """A requested type that the backend has elsewhere and not here."""
        requirements = feasibility.requirements
        if requirements not in self._offered:
            self._offered[requirements] = self._types_of_backends(requirements.instance_types or ())
        return self._offered[requirements].get(self.decider.terrain.zones[zone].zone.backend)

    def _types_of_backends(self, names: Iterable[str]) -> dict[str, str]:
        """For each backend that has any type of these names, the one in its first zone."""
        terrain = self.decider.terrain
        catalog = terrain.snapshot.catalog
        wanted = np.zeros(len(catalog.table), dtype=bool)
        wanted[[place for name in names for place in catalog.table.by_name.get(name.casefold(), ())]] = True
        group = Group(wanted[catalog.columns.type], terrain)
        first: dict[str, str] = {}
        for zone, row in zip(group.zones, group.rows[group.starts].tolist(), strict=True):
            first.setdefault(terrain.zones[zone].zone.backend, catalog.table.types[catalog.columns.type[row]].name)
        return first

    def _of_strategy(
        self, fleet: FleetRequest, feasibility: Feasibility, zone: int, case: _Case
    ) -> tuple[RefusalCode, Facts]:
        """Why a zone with an offer that passes gets no node."""
        taken = self.remainder.refusal(feasibility, zone)
        if taken is not None:
            return taken
        terrain, placement = self.decider.terrain, fleet.placement
        group = self.group(fleet)
        if placement.strategy is Strategy.CLUSTER:
            if group.home is not None and group.home != zone and group.missing:
                return RefusalCode.CLUSTER, {"home": str(terrain.zones[group.home].zone)}
            fits = self.most(fleet, [zone])
            if fits < group.missing:
                then = self._then(feasibility, zone, group.options, fits)
                return RefusalCode.CLUSTER, {**then, "fits": fits, "wanted": group.missing}
        if case.short:
            if not self.decider.has_enough_zones(fleet):
                serving = len(self.decider.serving_zones(fleet))
                return RefusalCode.SPREAD, {"min_zones": placement.min_zones or 0, "eligible": serving}
            if zone not in group.eligible:
                return RefusalCode.SPREAD, {"max_zones": placement.max_zones or 0}
            return RefusalCode.SPREAD, {"fits": self.most(fleet, [zone]), "wanted": group.missing}
        if not group.missing and not placement.survive_zones:
            return RefusalCode.NOT_NEEDED, {"why": "complete"}
        return self._bounded(group, zone) or (RefusalCode.NOT_NEEDED, case.unneeded.of(zone))

    def _bounded(self, group: FleetGroup, zone: int) -> tuple[RefusalCode, Facts] | None:
        """The limit of zones, or of nodes in one zone, that keeps new nodes of a fleet out of this one."""
        most, held = group.placement.max_zones, group.existing.get(zone, 0)
        bought = self.decision.solution.fleets.get(group.name, ())
        used = {option.zone for option, _ in bought}.union(z for z, count in group.existing.items() if count)
        if most is not None and (zone not in group.eligible or (not held and len(used) >= most)):
            return RefusalCode.SPREAD, {"max_zones": most}
        if group.cap is not None and not group.cap_varies and held >= group.cap:
            return RefusalCode.SPREAD, {"allowed": group.cap}
        return None

    def most(self, fleet: FleetRequest, zones: Collection[int]) -> int:
        """How many of the nodes that a fleet is missing these zones can take together, all other documents fixed."""
        group = self.group(fleet)
        if fleet.name not in self._without:
            solution, terrain = self.decision.solution, self.decider.terrain
            own = solution.fleets.get(fleet.name, ())
            self._without[fleet.name] = Remainder.after(solution, terrain, own, self.remainder.budget)
        remainder = self._without[fleet.name]
        if not self._cheap[fleet.name]:
            for option in group.options:
                self._cheap[fleet.name].setdefault(option.zone, []).append(option)
        cheap = self._cheap[fleet.name]
        most = remainder.most([option for zone in sorted(zones) for option in cheap.get(zone, ())], group.missing)
        if most == group.missing or not any(self.decider.terrain.shared(zone) for zone in zones):
            return most
        options = self.decider.fleet_group(fleet, (), None, Limits.of(self.decider.terrain)).options
        return remainder.most([option for option in options if option.zone in zones], group.missing)

    def _then(self, feasibility: Feasibility, zone: int, options: Iterable[Option], count: int) -> Facts:
        """What keeps a zone from one more machine when it has taken `count` of these options; no facts if not plain."""
        here = [option for option in options if option.zone == zone]
        refused = self.remainder.refusal_after(feasibility, zone, here, count)
        return {} if refused is None else {**refused[1], "then": refused[0].value}

    def group(self, fleet: FleetRequest) -> FleetGroup:
        """A fleet of the request in numbers."""
        if fleet.name not in self._groups:
            self._groups[fleet.name] = self.decider.fleet_group(fleet, (), None)
        return self._groups[fleet.name]

    def _homes(self, run: RunRequest) -> list[_Home]:
        """Where the volumes of each mount of a run are or may be."""
        placed, zones = self.decision.solution.disks, self.decider.terrain.zones
        homes = []
        for node in run.nodes:
            for mount in node.mounts:
                disks = [d for name in mount.volumes if (d := self.decider.disk_of(name)) is not None]
                where = {d.name: (placed[d.name],) if d.name in placed else d.zones for d in disks}
                waiting = all(disk.new and disk.name not in placed for disk in disks)
                data: Facts = {
                    "volumes": mount.volumes,
                    "waiting": waiting,
                    "zones": tuple(str(zones[z].zone) for z in sorted({z for all in where.values() for z in all})),
                    "rank": node.rank,
                }
                usable = frozenset(zone for disk in disks for zone in where[disk.name] if zone in disk.zones)
                homes.append(_Home(usable, data, disks[0].name if waiting and disks else None))
        return homes

    def _volume_elsewhere(self, homes: Iterable[_Home], zone: int) -> tuple[RefusalCode, Facts] | None:
        """A mount none of whose volumes is or may be in this zone."""
        for home in homes:
            if zone in home.zones:
                continue
            refused = None if home.waiting is None else self.decider.volume_refused(home.waiting, zone)
            if refused is not None and refused[0] is RefusalCode.NO_VOLUMES:
                return refused
            return RefusalCode.VOLUME_ZONE, home.facts
        return None

    def _of_machines(
        self, run: RunRequest, zone: int, feasibility: Feasibility, case: _Case
    ) -> tuple[RefusalCode | None, Facts, int]:
        """Why no machine of this zone would do; no code when one would."""
        if zone in case.planned or zone in case.reusable:
            held = self._attached(run, zone, case)
            return (None, {}, 1) if held is None else (*held, 1)
        if not run.buys:
            return _of_instances(run, self.decider.terrain.instances_in(zone, run.fleets))
        code, data, count = self._static(feasibility, zone)
        if code is RefusalCode.OWNED:
            # The hosts of a fleet are offered to no other, and a run may reuse them: what they lack is the reason.
            of_hosts = _of_instances(run, self.decider.terrain.instances_in(zone))
            if of_hosts[0] is RefusalCode.CONTAINERS:
                return of_hosts
        if code is None and (held := self._attached(run, zone, case)) is not None:
            return (*held, 1)
        return code, data, count

    def _planned(self, run: RunRequest) -> frozenset[int]:
        """The zones where fleets of the request have machines planned that the run might use."""
        solution = self.decision.solution
        fleets = (d.name for d in self.decision.placed if isinstance(d, FleetRequest) and may_use(run, d.name))
        return frozenset(option.zone for fleet in fleets for option, _ in solution.fleets.get(fleet, ()))

    def _idle(self, run: RunRequest) -> list[Pool]:
        """The instances that are free for a run."""
        pools = self.decider.pools()
        mine = reusable(run, [sample for _, sample in pools])
        return [pool for pool, sample in pools if sample.id in mine]

    def _attached(self, run: RunRequest, zone: int, case: _Case) -> tuple[RefusalCode, Facts] | None:
        """A mount all of whose volumes in this zone are attached to machines that the run may not use."""
        if not case.mounts:
            return None
        free = case.idle - {i.id for i in self.decider.terrain.instances_in(zone) if i.used_blocks}
        for node in run.nodes:
            for mount in node.mounts:
                disks = [d for name in mount.volumes if (d := self.decider.disk_of(name)) and zone in d.zones]
                held = [d for d in disks if d.holders and not d.shared and d.holders.isdisjoint(free)]
                if disks and len(held) == len(disks):
                    instances = self._named(held[0].holders)
                    return RefusalCode.VOLUME_ATTACHED, {"volume": held[0].name, "instances": instances}
        return None

    def _named(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Instances by the names that users see; another project's by id."""
        known = {i.id: f"{i.fleet}-{i.node}" for i in self.decider.terrain.snapshot.instances}
        return tuple(sorted(known.get(ident, ident) for ident in ids))

    def _of_choice(
        self, run: RunRequest, feasibility: Feasibility, zone: int, case: _Case
    ) -> tuple[RefusalCode, Facts]:
        """A zone where the run's machines could be, and are not."""
        taken = self.remainder.refusal(feasibility, zone) if feasibility.zones[zone] == PASSED else None
        if taken is not None and zone not in case.planned:
            return taken
        if case.short:
            lack = Lack(self.decider, self.decision, self.remainder)
            return lack.of(run, feasibility, zone, bool(case.planned or case.idle))
        return RefusalCode.NOT_NEEDED, case.unneeded.of(zone)


def _of_instances(run: RunRequest, instances: Iterable[ExistingInstance]) -> tuple[RefusalCode | None, Facts, int]:
    """Why none of these instances, which are in one zone and of the run's fleets, serves a run that may not buy."""
    data: Facts
    known = [i for i in instances if run.instances is None or i.id in run.instances]
    if not known:
        return RefusalCode.FLEET, {"fleets": run.fleets or (), "instances": run.instances or ()}, 1
    counted = parts(run.requirements, [(i.instance_type, i.blocks) for i in known], run.takes_whole)
    table = TypeTable([part for _, part in counted])
    stages = type_stages(run.requirements, table)
    best = int(stages.max())
    if best < PASSED:
        code = FILTERS[best]
        if code is RefusalCode.CONTAINERS:
            nearest = (i for i, stage in zip(known, stages.tolist(), strict=True) if stage == best)
            return code, without_engine(i.instance_type.name for i in nearest), int((stages == best).sum())
        return code, {**_of_types(code, run, table), "reuse": True}, int((stages == best).sum())
    suited = [i for i, stage in zip(known, stages.tolist(), strict=True) if stage == PASSED]
    allowed = [i for i in suited if i.market in markets(run.requirements.spot_policy)]
    if not allowed:
        data = {"wanted": run.requirements.spot_policy.value, "joint": len(suited) < len(known), "reuse": True}
        return RefusalCode.MARKET, data, len(suited)
    limit = run.requirements.max_price
    within = [i for i in allowed if limit is None or i.price <= limit]
    if within:
        data = {"count": len(within), "joint": len(within) < len(known)}
        needed = {i.id: taken for i, (taken, _) in zip(known, counted, strict=True)}
        return RefusalCode.INSTANCE_BUSY, {**data, **_partly(within, needed)}, len(within)
    idle = [i for i in allowed if i.free_blocks]
    price = min(i.price for i in idle or allowed)
    data = {"price": price, "max_price": limit, "count": len(allowed), "reuse": True}
    return priced(price), data if idle else {**data, "besides": RefusalCode.INSTANCE_BUSY.value}, len(allowed)


def priced(price: Fact) -> RefusalCode:
    """Why a `max_price` keeps out what costs this much."""
    return RefusalCode.PRICE_UNKNOWN if price == UNKNOWN_PRICE else RefusalCode.PRICE


def _partly(instances: Sequence[ExistingInstance], needed: Mapping[str, int]) -> Facts:
    """The blocks of the instance that lacks the fewest, where one has blocks that are free; `needed` is by id."""
    shared = [i for i in instances if 0 < i.free_blocks < needed[i.id]]
    if not shared:
        return {}
    nearest = min(shared, key=lambda i: (needed[i.id] - i.free_blocks, i.id))
    return {"free": nearest.free_blocks, "blocks": nearest.blocks, "needed": needed[nearest.id]}


def _of_types(code: RefusalCode, run: RunRequest, table: TypeTable) -> Facts:
    if code is RefusalCode.INSTANCE_TYPE:
        return {"wanted": run.requirements.instance_types or ()}
    return of_all(code, run.requirements.resources, table, np.arange(len(table)))


def _ordered(refusals: Iterable[tuple[int, Refusal]]) -> tuple[Refusal, ...]:
    """The nearest miss first, then the cheapest, then by the zone's number."""

    # No two are of one zone: refusals themselves are never compared.
    ranked = sorted((-_NEARNESS[refusal.code], _price(refusal), zone, refusal) for zone, refusal in refusals)
    return tuple([refusal for _, _, _, refusal in ranked])


def _named_type(data: Facts) -> str | None:
    kind = data.get("instance_type")
    return kind if isinstance(kind, str) else None


def _price(refusal: Refusal) -> float:
    price = refusal.data.get("price")
    return price if isinstance(price, float) else 0.0
