"""The exact model of a problem as a mixed-integer programme: fleets, runs and volumes decided together.

`joint` calls it where documents depend on each other or a shared limit binds; what stands alone is left to
`strategies`, which is exact too and quicker. Variables count machines by option; a node of a run stands on exactly one
supply, and each of its mounts takes one volume of the same zone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import inf
from zlib import crc32

from atoll.planning.budget import SECOND, Budget, OutOfBudget
from atoll.planning.plan import Source
from atoll.planning.request import Strategy
from atoll.planning.solving.columns import Columns, identity, kind
from atoll.planning.solving.limits import shared_limits
from atoll.planning.solving.options import Option, bulk, suiting
from atoll.planning.solving.packing import charge
from atoll.planning.solving.problem import FleetGroup, NodeClass, Pool, Problem, RunGroup, Solution, Supply
from atoll.planning.solving.solver import Programme, kept
from atoll.planning.terrain import Lots, Terrain

SOURCE_WEIGHT = {Source.EXISTING: 0.0, Source.PLANNED: 1000.0, Source.NEW: 2000.0}
"""Where prices are equal: what is there before what is planned before what is new, each by far."""

ATTACHED_WEIGHT = -500.0
"""A volume that is attached to the very instance is preferred to one that has to be attached."""

NEARER = SECOND / 10
"""The steps that may go into the fewest zones, which are hard to prove; none where the best price took as many."""

HAIR = 1e-3
"""Where all that is equal too, a lot for each run and supply decides: smaller than any difference of sizes."""

SLIVER = 1e-6
"""What a share of a whole number may be off by as a floating-point number."""

Terms = dict[int, float]


@dataclass(slots=True)
class Model:
    """One problem being written as a programme."""

    problem: Problem
    terrain: Terrain
    programme: Programme = field(default_factory=Programme)
    columns: Columns = field(default_factory=Columns)
    price: Terms = field(default_factory=dict)
    ties: Terms = field(default_factory=lambda: defaultdict(float))
    near: Terms | None = None
    """What is new where it need not be, and how far runs are apart: the second objective, where that is one."""
    lowest: float | None = None
    """The lowest price in USD an hour, where it is known: then it is no objective but a limit."""

    def add_disks(self) -> None:
        """Each volume lies in one of its zones."""
        for name, disk in sorted(self.problem.disks.items()):
            homes = {zone: self.programme.variable(1) for zone in disk.zones}
            self.columns.homes[name] = homes
            if disk.new:
                lots = self.terrain.lots(name)
                self.ties.update({variable: lots[zone] / 8 for zone, variable in homes.items()})
            self.programme.row(dict.fromkeys(homes.values(), 1.0), 1, 1)

    def add_fleet(self, fleet: FleetGroup) -> None:
        """The machines of a fleet, laid as its placement says."""
        bought = []
        for option in fleet.options:
            most = fleet.most if option.limit is None else min(option.limit, fleet.most)
            variable = self.programme.variable(most)
            bought.append((option, variable))
            self._buy(variable, option)
        self.columns.buys[fleet.name] = bought
        everything = {variable: 1.0 for _, variable in bought}
        if fleet.partial:
            self.programme.row(everything, 0, fleet.missing)
        else:
            self.programme.row(everything, fleet.missing, fleet.most)
        by_zone: dict[int, Terms] = {zone: {} for zone in fleet.eligible}
        for option, variable in bought:
            by_zone[option.zone][variable] = 1.0
        if fleet.placement.strategy is Strategy.CLUSTER:
            self._cluster(by_zone, fleet.most, fleet.home)
        self._share(fleet, by_zone, everything)
        chosen = self._chosen(fleet, by_zone)
        self._further(fleet, by_zone)
        if fleet.placement.strategy is Strategy.SPREAD and not fleet.partial:
            self._spread(fleet, by_zone, chosen)
        if fleet.placement.survive_zones and not fleet.partial:
            self._survive(fleet, by_zone)

    def _buy(self, variable: int, option: Option) -> None:
        self.price[variable] = option.cost
        self._weigh(variable, Source.NEW, option, option.key[5])

    def _weigh(self, variable: int, source: Source, machine: Pool | Option, lot: float) -> None:
        size = machine.bulk if isinstance(machine, Pool) else bulk(machine.instance_type)
        self.ties[variable] = SOURCE_WEIGHT[source] + size + lot
        if self.near is not None:
            self.near[variable] = SOURCE_WEIGHT[source]

    def _cluster(self, by_zone: Mapping[int, Terms], most: int, home: int | None) -> None:
        """All machines in one zone; `home` is the one where some are already."""
        choices: Terms = {}
        for zone, terms in sorted(by_zone.items()):
            chosen = self.programme.variable(1 if home in (None, zone) else 0)
            choices[chosen] = 1.0
            self.programme.row({**terms, chosen: -float(most)}, upper=0)
        self.programme.row(choices, upper=1)

    def _share(self, fleet: FleetGroup, by_zone: Mapping[int, Terms], everything: Terms) -> None:
        """No zone that gets a node ends with more than its share of all nodes, or with more than one."""
        if fleet.cap is None:
            return
        if not fleet.cap_varies:
            for zone, terms in sorted(by_zone.items()):
                self.programme.row(terms, upper=max(0, fleet.cap - fleet.existing.get(zone, 0)))
            return
        share = fleet.placement.max_share or 1.0
        total = sum(fleet.existing.values())
        several = self.programme.variable(1)
        for zone, terms in sorted(by_zone.items()):
            there = fleet.existing.get(zone, 0)
            grows = self.programme.variable(1)
            far = float(fleet.most + there)
            self.programme.row({**terms, grows: -float(fleet.most)}, upper=0)
            self.programme.row({**terms, grows: far, several: -far}, upper=1 - there + far)
            relative = {variable: terms.get(variable, 0.0) - share for variable in everything}
            self.programme.row({**relative, grows: far, several: 1.0}, upper=share * total + 1 - there + far + SLIVER)

    def _chosen(self, fleet: FleetGroup, by_zone: Mapping[int, Terms]) -> dict[int, int]:
        """For each zone without nodes whether it may get some, where only a few may; a spread uses as many as may."""
        if not fleet.chooses:
            return {}
        chosen = {zone: self.programme.variable(1) for zone in sorted(fleet.unused)}
        for zone, variable in chosen.items():
            self.programme.row({**by_zone[zone], variable: -float(fleet.most)}, upper=0)
        spread = fleet.placement.strategy is Strategy.SPREAD and not fleet.partial
        self.programme.row(dict.fromkeys(chosen.values(), 1.0), fleet.fresh if spread else 0, fleet.fresh)
        return chosen

    def _further(self, fleet: FleetGroup, by_zone: Mapping[int, Terms]) -> None:
        """As many zones without nodes get some as `min_zones` requires."""
        if not fleet.further_zones:
            return
        used = {zone: self.programme.variable(1) for zone in sorted(fleet.unused)}
        for zone, variable in used.items():
            self.programme.row({**by_zone[zone], variable: -1.0}, lower=0)
        self.programme.row(dict.fromkeys(used.values(), 1.0), lower=fleet.further_zones)

    def _spread(self, fleet: FleetGroup, by_zone: Mapping[int, Terms], chosen: Mapping[int, int]) -> None:
        """No zone that gets a node ends more than `max_skew` above the least of the eligible ones that may get some."""
        most = fleet.most + max(fleet.existing.values(), default=0)
        least = self.programme.variable(most)
        for zone, terms in sorted(by_zone.items()):
            there = fleet.existing.get(zone, 0)
            if zone in chosen:
                self.programme.row({**terms, least: -1.0, chosen[zone]: -float(most)}, lower=-float(most))
            else:
                self.programme.row({**terms, least: -1.0}, lower=-there)
            if there == 0:
                self.programme.row({**terms, least: -1.0}, upper=fleet.placement.max_skew)
                continue
            grows = self.programme.variable(1)
            self.programme.row({**terms, grows: -float(fleet.most)}, upper=0)
            far = float(most + there)
            self.programme.row({**terms, least: -1.0, grows: far}, upper=fleet.placement.max_skew - there + far)

    def _survive(self, fleet: FleetGroup, by_zone: Mapping[int, Terms]) -> None:
        """After the loss of any k zones enough are left: with some level t, the sum of min(count, t) is n + k·t."""
        lost = fleet.placement.survive_zones
        level = self.programme.variable(fleet.nodes)
        total: Terms = {level: -float(lost)}
        for zone in sorted({*by_zone, *fleet.existing}):
            kept = self.programme.variable(fleet.nodes)
            self.programme.row({kept: 1.0, level: -1.0}, upper=0)
            terms = {variable: -value for variable, value in by_zone.get(zone, {}).items()}
            self.programme.row({kept: 1.0, **terms}, upper=fleet.existing.get(zone, 0))
            total[kept] = 1.0
        self.programme.row(total, lower=fleet.nodes)

    def add_run(self, run: RunGroup) -> None:
        """The nodes of a run on their supplies, with their volumes."""
        in_zones: dict[int, Terms] = {}
        lots, supplies = self.terrain.lots(run.name), self._supplies(run)
        by_class: list[Mapping[int, Terms]] = []
        for number, group in enumerate(run.classes):
            reach = self._reach(run, group)
            taken = []
            for supply in supplies:
                if supply.zone in reach:
                    variable = self._take(supply, len(group.ranks), lots)
                    hair = self._hair(run.name, kind(group), *identity(supply), lots[supply.zone])
                    self.ties[variable] += group.weights.get(supply.zone, 0.0) + hair
                    taken.append((supply, variable))
            self.columns.takes[run.name, number] = taken
            self.programme.row({variable: 1.0 for _, variable in taken}, len(group.ranks), len(group.ranks))
            by_zone: dict[int, Terms] = {}
            for supply, variable in taken:
                by_zone.setdefault(supply.zone, {})[variable] = 1.0
                in_zones.setdefault(supply.zone, {})[variable] = 1.0
            self._mount(run, number, by_zone)
            by_class.append(by_zone)
        if run.places:
            self._together(run, by_class)
        if run.max_skew is not None:
            self._even(run, run.max_skew, in_zones)
        if self.near is not None and run.may_be_apart:
            self._near(run, in_zones, by_class)

    def _together(self, run: RunGroup, by_class: Sequence[Mapping[int, Terms]]) -> None:
        """In each place are all nodes, of each class, of some copies."""
        places = sorted({run.places[zone] for by_zone in by_class for zone in by_zone})
        copies = {place: self.programme.variable(run.copies) for place in places}
        self.programme.row(dict.fromkeys(copies.values(), 1.0), run.copies, run.copies)
        for group, by_zone in zip(run.classes, by_class, strict=True):
            in_places: dict[int, Terms] = {place: {} for place in places}
            for zone, terms in by_zone.items():
                in_places[run.places[zone]].update(terms)
            size = len(group.ranks) // run.copies
            for place, terms in in_places.items():
                self.programme.row({**terms, copies[place]: -float(size)}, 0, 0)

    def _even(self, run: RunGroup, max_skew: int, in_zones: Mapping[int, Terms]) -> None:
        """The node counts of two eligible zones of the run's region differ by `max_skew` at most."""
        least: dict[int, int] = {}
        for zone in sorted(run.even):
            place = run.places[zone]
            if place not in least:
                least[place] = self.programme.variable(run.nodes)
            self.programme.row({**in_zones.get(zone, {}), least[place]: -1.0}, 0, max_skew)

    def _near(self, run: RunGroup, in_zones: Mapping[int, Terms], by_class: Sequence[Mapping[int, Terms]]) -> None:
        """How many zones a run uses; of several copies, how many are not in one zone as a whole."""
        assert self.near is not None
        size = run.nodes // run.copies
        for zone in sorted(in_zones):
            variable = self.programme.variable(run.copies)
            if run.copies > 1:
                self.near[variable] = -1.0
                self.programme.row({**in_zones[zone], variable: -float(size)}, lower=0)
            else:
                self.near[variable] = 1.0
                # For each class by itself: so fractions say more than for all nodes of the run together.
                for group, by_zone in zip(run.classes, by_class, strict=True):
                    if zone in by_zone:
                        self.programme.row({**by_zone[zone], variable: -float(len(group.ranks))}, upper=0)

    def _hair(self, *of: object) -> float:
        return HAIR * crc32(repr((self.terrain.salt, of)).encode()) / 2**32

    def _reach(self, run: RunGroup, group: NodeClass) -> frozenset[int]:
        reach = run.zones if group.reach is None else group.reach
        for mount in group.mounts:
            known = (self.problem.disks[name].zones for name in mount if name in self.problem.disks)
            reach &= frozenset(chain.from_iterable(known))
        return reach

    def _supplies(self, run: RunGroup) -> list[Supply]:
        supplies = list(run.existing)
        planned = [
            (fleet, o) for fleet in run.fleets for o, _ in self.columns.buys.get(fleet, ()) if o.zone in run.zones
        ]
        taken = suiting(run.requirements, [o for _, o in planned], run.whole)
        for (fleet, option), blocks in zip(planned, taken, strict=True):
            if blocks:
                supplies.append(Supply(Source.PLANNED, option.zone, option=option, fleet=fleet, blocks=blocks))
        supplies.extend(Supply(Source.NEW, option.zone, option=option) for option in run.options)
        return supplies

    def _take(self, supply: Supply, nodes: int, lots: Lots) -> int:
        most = nodes if supply.pool is None else min(nodes, supply.pool.room // supply.blocks)
        if supply.source is Source.NEW and supply.option is not None and supply.option.limit is not None:
            most = min(most, supply.option.limit)
        variable = self.programme.variable(most)
        if supply.source is Source.NEW and supply.option is not None:
            self._buy(variable, supply.option)
        else:
            machine = supply.pool or supply.option
            assert machine is not None
            self._weigh(variable, supply.source, machine, lots[supply.zone])
        return variable

    def _mount(self, run: RunGroup, number: int, by_zone: Mapping[int, Terms]) -> None:
        """In each zone, each mount of each node there has one of its volumes."""
        group = run.classes[number]
        for place, mount in enumerate(group.mounts):
            chosen: list[tuple[str, int, int]] = []
            per_zone: dict[int, Terms] = {zone: {} for zone in by_zone}
            for name in mount:
                for zone in self.columns.homes.get(name, {}):
                    if zone not in by_zone:
                        continue
                    most = len(group.ranks) if zone in self.problem.disks[name].shared else 1
                    variable = self.programme.variable(most)
                    chosen.append((name, zone, variable))
                    per_zone[zone][variable] = 1.0
                    self.programme.row({variable: 1.0, self.columns.homes[name][zone]: -float(most)}, upper=0)
                    self.ties[variable] = self._hair(run.name, group.mounts, place, name)
            for zone, terms in per_zone.items():
                self.programme.row({**terms, **dict.fromkeys(by_zone[zone], -1.0)}, 0, 0)
            self.columns.mounts[run.name, number, place] = chosen
            self._hold(run, number, chosen)

    def _hold(self, run: RunGroup, number: int, chosen: Iterable[tuple[str, int, int]]) -> None:
        """A volume that is attached can only be used where it is attached, and of those of one instance only one."""
        held: dict[frozenset[str], Terms] = {}
        for name, _, variable in chosen:
            disk = self.problem.disks[name]
            if disk.holders and not disk.shared:
                held.setdefault(disk.holders, {})[variable] = 1.0
                self.ties[variable] += ATTACHED_WEIGHT
        for holders, terms in held.items():
            holding = {
                taken: -1.0
                for supply, taken in self.columns.takes[run.name, number]
                if supply.pool is not None and supply.pool.is_idle and not holders.isdisjoint(supply.pool.ids)
            }
            self.programme.row({**terms, **holding}, upper=0)

    def add_limits(self) -> None:
        """What documents share: pools, planned machines, offers, zones' capacities, quotas, volumes."""
        for terms, most in self._stocks():
            self.programme.row(terms, upper=most)
        for name, disk in self.problem.disks.items():
            users: Terms = {
                variable: 1.0
                for chosen in self.columns.mounts.values()
                for volume, zone, variable in chosen
                if volume == name and zone not in disk.shared
            }
            if len(users) > 1:
                self.programme.row(users, upper=1)

    def _stocks(self) -> Iterable[tuple[Terms, float]]:
        pools: dict[tuple[str, ...], tuple[Terms, int]] = {}
        planned: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        bought = [entry for entries in self.columns.buys.values() for entry in entries]
        for supply, variable in chain.from_iterable(self.columns.takes.values()):
            if supply.pool is not None:
                terms, _ = pools.setdefault(supply.pool.ids, ({}, supply.pool.room))
                terms[variable] = float(supply.blocks)
            elif supply.source is Source.PLANNED and supply.option is not None and supply.fleet is not None:
                planned[supply.fleet, supply.option.offer].append((variable, supply.blocks))
            elif supply.option is not None:
                bought.append((supply.option, variable))
        yield from ((terms, float(room)) for terms, room in pools.values())
        for fleet, entries in self.columns.buys.items():
            for option, variable in entries:
                if takers := planned[fleet, option.offer]:
                    sizes = {blocks for _, blocks in takers}
                    parts = {taker: charge(blocks, option.blocks, sizes) for taker, blocks in takers}
                    yield {variable: -1.0, **parts}, 0.0
        yield from shared_limits(bought, self.terrain, self.problem.limits)

    def solve(self, budget: Budget) -> Solution | None:
        """The best solution, or None when nothing fits. Raises OutOfBudget."""
        partial = [variable for f in self.problem.fleets if f.partial for _, variable in self.columns.buys[f.name]]
        objectives: list[Mapping[int, float]] = [self.price, self.near or {}, self.ties]
        if self.near is None:
            del objectives[1]
        if self.lowest is not None:
            self.programme.row(self.price, upper=kept(self.lowest))
            del objectives[0]
        if partial:
            objectives.insert(0, dict.fromkeys(partial, -1.0))
        try:
            answer = self.programme.solve(objectives, budget)
        except OutOfBudget as out:
            raise OutOfBudget(0.0 if partial else out.bound) from out
        if answer is None:
            return None
        if self.lowest is not None:
            return self.columns.read(self.problem, answer)
        # Ties do not count: whatever else is equal, the price is the best.
        *first, price = answer.slacks[: len(partial[:1]) + 1]
        return replace(
            self.columns.read(self.problem, answer), proven=not any((*first, price)), slack=inf if any(first) else price
        )


def solve(
    problem: Problem, terrain: Terrain, budget: Budget | None = None, lowest: float | None = None
) -> Solution | None:
    """The best solution of a problem by the exact model, or None when nothing fits. Raises OutOfBudget.

    `lowest` is the price in USD an hour that it may cost, where none costs less; no partial fleet is in the problem.
    That the nodes of each run are in few zones is required only where they are not so by themselves.
    """
    budget = budget or Budget()
    before = budget.steps
    found = _solve(Model(problem, terrain, lowest=lowest), budget)
    if found is None or before - budget.steps > NEARER or not problem.apart(found):
        return found
    part = Budget(min(budget.left, 2 * NEARER), kept=0)
    given = part.steps
    known = found.proven and not any(fleet.partial for fleet in problem.fleets)
    try:
        nearer = _solve(Model(problem, terrain, near={}, lowest=found.cost if known else None), part)
    except OutOfBudget:
        nearer = None
    budget.spend(given - part.steps)
    return found if nearer is None or nearer.slack > found.slack else nearer


def _solve(model: Model, budget: Budget) -> Solution | None:
    problem = model.problem
    model.add_disks()
    for fleet in problem.fleets:
        model.add_fleet(fleet)
    for run in problem.runs:
        model.add_run(run)
    model.add_limits()
    return model.solve(budget)
