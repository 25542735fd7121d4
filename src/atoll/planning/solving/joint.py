"""Decides a request's documents together: what depends on what, what is solved apart, and what gives way.

Documents that share nothing are solved apart, and without the limits that all share (an offer's number, a zone's
capacity, a quota). The solution is checked against these; documents that exceed one together are solved in one exact
model, with the limits in force that were exceeded and no others. Either way the result is the best there is. When not
all documents fit, the earlier ones go first: fleets, then volumes, then runs, each in the order of the file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from math import inf
from operator import or_

from atoll.model.blocks import WHOLE, Division
from atoll.planning.budget import Budget, OutOfBudget
from atoll.planning.filters.feasibility import PASSED, Feasibility, assess
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.request import (
    Document,
    FleetRequest,
    OnShortage,
    Requirements,
    RunRequest,
    Strategy,
    VolumeRequest,
)
from atoll.planning.snapshot import ExistingInstance
from atoll.planning.solving import companions, dominance, kinds, shortcuts, stepwise, strategies
from atoll.planning.solving import programme as model
from atoll.planning.solving.components import components, may_use
from atoll.planning.solving.kinds import NONE, Copies
from atoll.planning.solving.limits import NO_LIMITS, Limits, exceeded
from atoll.planning.solving.options import Option, suiting
from atoll.planning.solving.picking import User, Users, picked
from atoll.planning.solving.problem import Disk, FleetGroup, NodeClass, Pool, Problem, RunGroup, Solution
from atoll.planning.volumes import VolumeRefusals, volume_refusals
from atoll.planning.world import World

DOCUMENT, OPTION, OFFERS_A_STEP = 20, 3, 100
"""The steps for each document of a problem, for each option of it, and of a look at this many offers of the catalog."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The solution, and the documents as they were placed: a fleet that got fewer nodes or more skew is changed.

    Of the `undecided` ones the budget left it open whether and where they fit.
    """

    solution: Solution
    placed: tuple[Document, ...]
    undecided: frozenset[Document] = frozenset()


@dataclass(frozen=True, slots=True)
class _Part:
    """Documents that were decided together, and the capacities and quotas that were in force for them."""

    documents: tuple[Document, ...]
    limits: Limits
    solution: Solution


@dataclass(slots=True)
class Decider:
    """One request over one world. Feasibilities and options are kept, since documents are tried several times."""

    world: World
    documents: tuple[Document, ...]
    _feasible: dict[Requirements, Feasibility] = field(default_factory=dict)
    _options: dict[tuple[object, ...], tuple[Option, ...]] = field(default_factory=dict)
    _runs: dict[tuple[object, ...], RunGroup] = field(default_factory=dict)
    _lone: dict[tuple[RunRequest, int], Solution | None] = field(default_factory=dict)
    _refused: dict[VolumeRequest, VolumeRefusals] = field(default_factory=dict)
    _disks: dict[str, Disk | None] = field(default_factory=dict)
    _pools: tuple[tuple[Pool, ExistingInstance], ...] | None = None
    budget: Budget = field(default_factory=Budget)
    _gave_up: bool = False
    _is_open: bool = False

    def trial(self, documents: Sequence[Document]) -> "Decider":
        """The same world and budget with other documents, which name no other instances."""
        pools = self.pools()
        return replace(self, documents=tuple(documents), _disks={}, _pools=pools, _gave_up=False, _is_open=False)

    def decide(self) -> Decision:
        """The best plan for all documents, or for as many as fit; proven unless the budget ended some search."""
        decision = self._decide()
        solution = decision.solution
        mounted = {name for shares in solution.runs.values() for share in shares for name in share.volumes}
        # A volume of a list from which another one was taken is as free as one that nothing names.
        disks = {name: zone for name, zone in solution.disks.items() if name in mounted}
        proven = solution.proven and not self._gave_up
        slack = inf if self._gave_up else solution.slack
        return replace(decision, solution=replace(solution, disks=disks, proven=proven, slack=slack))

    def _decide(self) -> Decision:
        accepted: list[Document] = []
        undecided: set[Document] = set()
        solution = Solution()
        left = sorted(self.documents, key=precedence)
        while left:
            count, better, is_open = self._most(accepted, left)
            accepted, left = [*accepted, *left[:count]], left[count:]
            solution = better or solution
            if not left:
                break
            unfit, *left = left
            for attempt in () if is_open else self._instead(unfit, accepted):
                better = self.solve([*accepted, attempt])
                if better is not None:
                    accepted.append(attempt)
                    solution = better
                    break
            # Runs take from each other and never add anything, so what is equal to this one does not fit either.
            equal = [d for d in left if isinstance(unfit, RunRequest) and kinds.are_equal(d, unfit)]
            left = [d for d in left if d not in equal]
            undecided.update([unfit, *equal] if is_open else [])
        return Decision(solution, tuple(accepted), frozenset(undecided))

    def _most(self, accepted: Sequence[Document], left: Sequence[Document]) -> tuple[int, Solution | None, bool]:
        """How many of those left, in their order, fit with those accepted; how; and whether the next one is undecided.

        What fits does so without those that come last, too, since nothing depends on them. Mostly one document is
        wrong, if any: so all that are left are tried first, and then more and more of them.
        """
        solution, is_open = None, False
        low, high, count = 0, len(left), len(left)
        while low < high:
            found = self.solve([*accepted, *left[:count]])
            if found is None:
                high, is_open = count - 1, self._is_open
            else:
                low, solution = count, found
            count = min(max(1, 2 * low), (low + high + 1) // 2)
        return low, solution, is_open

    def _instead(self, document: Document, accepted: Sequence[Document]) -> Iterator[Document]:
        """What may be placed of a document that does not fit as it is."""
        if not isinstance(document, FleetRequest):
            return
        placement = document.placement
        if placement.strategy is Strategy.SPREAD and placement.on_shortage is OnShortage.BEST_EFFORT:
            evener = self._least_skew(document, accepted, placement.max_skew + 1)
            if evener is not None:
                yield evener
        elif placement.strategy is not Strategy.ANY:
            return
        if placement.survive_zones or not self._enough_zones(document):
            return
        fewer = self._fewer(document, accepted)
        if fewer is not None and placement.strategy is Strategy.SPREAD:
            # Not all nodes fit: as many as do, and these as even as they can be.
            kept = replace(document, nodes=fewer.nodes, placement=placement.of_fewer(fewer.nodes, document.nodes))
            yield self._least_skew(kept, accepted, placement.max_skew) or fewer
        elif fewer is not None:
            yield fewer

    def _least_skew(self, fleet: FleetRequest, accepted: Sequence[Document], low: int) -> FleetRequest | None:
        """The fleet with the least skew from `low` at which all its nodes fit."""

        def at(skew: int) -> FleetRequest:
            return replace(fleet, placement=replace(fleet.placement, max_skew=skew))

        high = fleet.nodes + len(self.world.fleets.get(fleet.name, ()))
        if low > high or self.solve([*accepted, at(high)]) is None:
            return None
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.solve([*accepted, at(middle)]) is not None else (middle + 1, high)
        return at(low)

    def _fewer(self, fleet: FleetRequest, accepted: Sequence[Document]) -> FleetRequest | None:
        """The fleet with as many nodes as fit, wherever they fit."""
        loose = replace(fleet, placement=fleet.placement.loose)
        solution = self.solve([*accepted, loose], partial=fleet.name)
        if solution is None:
            return None
        count = sum(number for _, number in solution.fleets.get(fleet.name, ()))
        nodes = len(self.world.fleets.get(fleet.name, ())) + count
        return replace(loose, nodes=nodes, placement=loose.placement.of_fewer(nodes, fleet.nodes)) if count else None

    def solve(self, documents: Sequence[Document], partial: str | None = None) -> Solution | None:
        """The best solution in which all of these documents are placed, or None; a `partial` fleet gets what it can.

        None where the budget ends first, too: then `_is_open` says so.
        """
        self._is_open = False
        try:
            return self._solve(documents, partial)
        except OutOfBudget:
            self._gave_up = self._is_open = True
            return None

    def _solve(self, documents: Sequence[Document], partial: str | None) -> Solution | None:
        self.budget.take(DOCUMENT * len(documents))
        if not all(self._enough_zones(d) for d in documents if isinstance(d, FleetRequest)):
            return None
        if any(not self.volume_zones(d) for d in documents if isinstance(d, VolumeRequest)):
            return None
        counted = kinds.counted(documents)
        solution = self._solve_counted(counted.documents, partial, counted.copies)
        return None if solution is None else kinds.told_apart(solution, counted.documents, counted.copies)

    def _solve_counted(self, documents: Sequence[Document], partial: str | None, copies: Copies) -> Solution | None:
        """Documents that share nothing apart, and those that exceed a limit together in one."""
        parts: list[_Part] = []
        waiting = [(component, NO_LIMITS) for component in components(documents, self.world)]
        while waiting:
            for members, limits in waiting:
                part = self._solve_part(members, partial, copies, limits)
                if part is None:
                    return None
                parts.append(part)
            waiting = []
            over = exceeded((entry for part in parts for entry in part.solution.bought), self.world)
            touching = [part for part in parts if over.touch(part.solution.bought)]
            if len(touching) > 1:
                parts = [part for part in parts if part not in touching]
                limits = reduce(or_, (part.limits for part in touching), over)
                waiting = [([d for part in touching for d in part.documents], limits)]
        return reduce(Solution.joined, (part.solution for part in parts), Solution())

    def _solve_part(
        self, documents: Sequence[Document], partial: str | None, copies: Copies, limits: Limits
    ) -> "_Part | None":
        """The best solution, with the limits in force that it would exceed without them."""
        while True:
            solution = self._solve_apart(documents, partial, copies, limits)
            if solution is None:
                return None
            over = limits | exceeded(solution.bought, self.world)
            if over == limits:
                return _Part(tuple(documents), limits, solution)
            limits = over

    def _solve_apart(
        self, documents: Sequence[Document], partial: str | None, copies: Copies, limits: Limits
    ) -> Solution | None:
        consumed = any(isinstance(d, RunRequest) for d in documents)
        if not consumed and all(isinstance(d, VolumeRequest) for d in documents):
            return Solution()
        if len(documents) == 1 and not limits:
            if isinstance(documents[0], FleetRequest):
                group = self.fleet_group(documents[0], (), partial)
                with suppress(strategies.Unsettled):
                    bought = strategies.lay(group)
                    return None if bought is None else Solution({group.name: bought})
            if isinstance(documents[0], RunRequest) and _is_lone(documents[0]):
                with suppress(shortcuts.Unclear):
                    return self._solve_lone(documents[0], copies)
        whole = self.problem(documents, partial, limits, copies)
        options = sum(len(fleet.options) for fleet in whole.fleets) + sum(len(run.options) for run in whole.runs)
        self.budget.take(OPTION * options)
        problem = companions.taken_out(whole, {name: self.world.lots(name) for name in whole.disks})
        problem = dominance.trimmed(problem)
        try:
            solution = self._solve_pinned(problem) or model.solve(problem, self.world, self.budget)
        except OutOfBudget as out:
            solution = stepwise.solve(problem, self.world, self.budget, out.bound)
        return None if solution is None else companions.put_back(solution, whole)

    def _solve_lone(self, run: RunRequest, copies: Copies) -> Solution | None:
        key = (run, kinds.number(copies, run))
        if key not in self._lone:
            group = self.run_group(run, (), copies=key[1])
            self.budget.take(OPTION * (len(group.options) + len(group.pools)))
            self._lone[key] = shortcuts.lone(group, self.world.lots(run.name))
        return self._lone[key]

    def _solve_pinned(self, problem: Problem) -> Solution | None:
        """The best solution with the fleets as they are best alone, if that is the best of all."""
        if not (problem.fleets and problem.runs) or any(fleet.partial for fleet in problem.fleets):
            return None
        pinned = shortcuts.pinned(problem)
        if pinned is None:
            return None
        try:
            solution = model.solve(pinned, self.world, self.budget)
        except OutOfBudget:
            return None
        if solution is None or solution.cost > shortcuts.least(pinned) + 1e-9:
            return None
        # Laid with regard to its runs, a fleet may hold them in fewer zones at the same price.
        moves = any(shortcuts.may_move(*pair) for pair in zip(problem.fleets, pinned.fleets, strict=True))
        return None if moves and pinned.apart(solution) else solution

    def problem(
        self, documents: Sequence[Document], partial: str | None, limits: Limits, copies: Copies = NONE
    ) -> Problem:
        """The problem that these documents make with these capacities and quotas."""
        runs = [d for d in documents if isinstance(d, RunRequest)]
        fleets = [d for d in documents if isinstance(d, FleetRequest)]
        volumes = {d.name: d for d in documents if isinstance(d, VolumeRequest)}
        mounted = sorted({name for run in runs for node in run.nodes for m in node.mounts for name in m.volumes})
        return Problem(
            tuple(self.fleet_group(fleet, runs, partial, limits) for fleet in fleets),
            tuple(self.run_group(run, fleets, limits, kinds.number(copies, run)) for run in runs),
            {name: disk for name in mounted if (disk := self.disk(name, volumes.get(name))) is not None},
            limits,
        )

    def feasibility(self, requirements: Requirements) -> Feasibility:
        """Which offers pass."""
        if requirements not in self._feasible:
            self.budget.spend(len(self.world.snapshot.catalog) / OFFERS_A_STEP)
            self._feasible[requirements] = assess(requirements, self.world)
        return self._feasible[requirements]

    def fleet_group(
        self, fleet: FleetRequest, runs: Sequence[RunRequest], partial: str | None, limits: Limits = NO_LIMITS
    ) -> FleetGroup:
        """The fleet in numbers; `runs` are those that may use its machines."""
        users = tuple(User(run.requirements, run.takes_whole) for run in runs if may_use(run, fleet.name))
        existing: dict[int, int] = {}
        for instance in self.world.fleets.get(fleet.name, ()):
            zone = self.world.number[instance.zone]
            existing[zone] = existing.get(zone, 0) + 1
        return FleetGroup(
            name=fleet.name,
            nodes=fleet.nodes,
            existing=existing,
            options=self._offers(fleet.requirements, fleet.name, users, limits, fleet.division),
            placement=fleet.placement,
            eligible=self.feasibility(fleet.requirements).passing,
            partial=partial == fleet.name,
        )

    def run_group(
        self, run: RunRequest, fleets: Sequence[FleetRequest], limits: Limits = NO_LIMITS, copies: int = 1
    ) -> RunGroup:
        """Several copies of a run in numbers; `fleets` are those of the same request."""
        usable = [fleet for fleet in fleets if may_use(run, fleet.name)]
        spread = run.strategy is Strategy.SPREAD
        key = (run, *((fleet.name, fleet.requirements if spread else None) for fleet in usable), limits, copies)
        if key not in self._runs:
            self._runs[key] = self._run_group(run, usable, limits, copies)
        return self._runs[key]

    def _run_group(self, run: RunRequest, fleets: Sequence[FleetRequest], limits: Limits, copies: int) -> RunGroup:
        stages = self.feasibility(run.requirements).level
        mine = reusable(run, [sample for _, sample in self.pools()])
        zones = frozenset(zone for zone, stage in enumerate(stages) if stage == PASSED)
        pools = tuple(pool for pool, sample in self.pools() if pool.zone in zones and sample.id in mine)
        spread = run.strategy is Strategy.SPREAD
        return RunGroup(
            name=run.name,
            classes=_classes(run, copies),
            requirements=run.requirements,
            zones=zones,
            options=self._offers(run.requirements, run.name, (), limits) if run.buys else (),
            pools=pools,
            fleets=tuple(sorted(fleet.name for fleet in fleets)),
            places={} if run.strategy is Strategy.ANY else self._places(run, zones),
            even=self._even(run, zones, pools, fleets) if spread else frozenset(),
            max_skew=run.placement.max_skew if spread else None,
            copies=copies,
            blocks={pool.ids: mine[sample.id] for pool, sample in self.pools() if sample.id in mine},
            whole=run.takes_whole,
        )

    def _places(self, run: RunRequest, zones: Iterable[int]) -> Mapping[int, int]:
        """By zone, the zone or region in which all nodes of a run have to be."""
        if run.strategy is Strategy.CLUSTER:
            return {zone: zone for zone in zones}
        return {zone: self.world.region(zone) for zone in zones}

    def _even(
        self, run: RunRequest, zones: frozenset[int], pools: Iterable[Pool], fleets: Iterable[FleetRequest]
    ) -> frozenset[int]:
        """The zones that a run is spread over: where it may get a machine, has one or a fleet may have one for it."""
        asked = [fleet.requirements for fleet in fleets] + ([run.requirements] if run.buys else [])
        offered = {zone for requirements in asked for zone in self.feasibility(requirements).passing}
        return zones & (offered | {pool.zone for pool in pools})

    def _offers(
        self,
        requirements: Requirements,
        name: str,
        users: tuple[User, ...],
        limits: Limits,
        division: Division = WHOLE,
    ) -> tuple[Option, ...]:
        key = (requirements, name, users, limits, division)
        if key not in self._options:
            feasible = self.feasibility(requirements)
            self.budget.spend(len(self.world.snapshot.catalog) / OFFERS_A_STEP)
            self._options[key] = picked(feasible, self.world, self.world.lots(name), Users(users, division), limits)
        return self._options[key]

    def pools(self) -> tuple[tuple[Pool, ExistingInstance], ...]:
        """The idle instances, those together that no run of the request can tell apart, with one of each."""
        if self._pools is None:
            named = [frozenset(d.instances) for d in self.documents if isinstance(d, RunRequest) and d.instances]
            alike: dict[tuple[object, ...], list[ExistingInstance]] = {}
            idle = (i for members in self.world.fleets.values() for i in members if i.free_blocks)
            for i in sorted(idle, key=lambda i: (i.fleet, i.node, i.id)):
                named_by = tuple(i.id in ids for ids in named)
                alone = i.id if i.blocks > 1 else ""
                key = (i.zone, i.instance_type, i.market, i.price, i.fleet, i.attached, named_by, alone)
                alike.setdefault(key, []).append(i)
            self._pools = tuple((self._pool(members), members[0]) for members in alike.values())
        return self._pools

    def _pool(self, members: Sequence[ExistingInstance]) -> Pool:
        first, ids = members[0], tuple(each.id for each in members)
        zone = self.world.number[first.zone]
        return Pool(zone, first.instance_type, ids, first.attached, first.blocks, first.free_blocks)

    def disk(self, name: str, requested: VolumeRequest | None) -> Disk | None:
        """The volume of this name: one that exists, or one of the request."""
        existing = self.world.volumes.get(name)
        if existing is not None:
            zone = self.world.number[existing.zone]
            shared = frozenset({zone}) if existing.multi_attach else frozenset()
            return Disk(name, (zone,), shared, frozenset(existing.attached_to))
        if requested is None:
            return None
        zones = self.volume_zones(requested)
        sharing = (z for z in zones if self.world.backend(self.world.zones[z].zone.backend).multi_attach)
        return Disk(name, zones, frozenset(sharing), new=True)

    def disk_of(self, name: str) -> Disk | None:
        """The volume of this name, among all documents."""
        if name not in self._disks:
            self._disks[name] = self.disk(name, self._requested(name))
        return self._disks[name]

    def volume_refused(self, name: str, zone: int) -> tuple[RefusalCode, Mapping[str, Fact]] | None:
        """Why a volume of the request cannot go to a zone."""
        requested = self._requested(name)
        return None if requested is None else self.volume_refusals(requested).get(zone)

    def _requested(self, name: str) -> VolumeRequest | None:
        return next((d for d in self.documents if isinstance(d, VolumeRequest) and d.name == name), None)

    def volume_zones(self, volume: VolumeRequest) -> tuple[int, ...]:
        """Where a volume of the request may go."""
        refused = self.volume_refusals(volume)
        return tuple(zone for zone in range(len(self.world.zones)) if zone not in refused)

    def volume_refusals(self, volume: VolumeRequest) -> VolumeRefusals:
        """For each zone where a volume of the request cannot go, why."""
        if volume not in self._refused:
            self._refused[volume] = volume_refusals(volume, self.world)
        return self._refused[volume]

    def _enough_zones(self, fleet: FleetRequest) -> bool:
        least = fleet.placement.min_zones
        return least is None or len(self.feasibility(fleet.requirements).passing) >= least


def _is_lone(run: RunRequest) -> bool:
    """Whether a run that stands alone needs no programme."""
    return not kinds.mounts(run) and run.strategy is not Strategy.SPREAD


def reusable(run: RunRequest, instances: Iterable[ExistingInstance]) -> dict[str, int]:
    """How many blocks a node takes of those of these instances that a run may use now, zones and volumes aside."""
    named = [i for i in instances if run.fleets is None or i.fleet in run.fleets]
    named = [i for i in named if run.instances is None or i.id in run.instances]
    taken = zip(named, suiting(run.requirements, named, run.takes_whole), strict=True)
    return {each.id: blocks for each, blocks in taken if 0 < blocks <= each.free_blocks}


def _classes(run: RunRequest, copies: int) -> tuple[NodeClass, ...]:
    """The nodes by their mounts; of several copies with a number for each node, those of one copy after another."""
    numbers = {node.rank: place for place, node in enumerate(run.nodes)} if copies > 1 else {}
    ranks: dict[tuple[tuple[str, ...], ...], list[int]] = {}
    for node in run.nodes:
        mounts = tuple(mount.volumes for mount in node.mounts)
        ranks.setdefault(mounts, []).append(numbers.get(node.rank, node.rank))
    every = {
        mounts: tuple(copy * len(run.nodes) + place for copy in range(copies) for place in places)
        for mounts, places in ranks.items()
    }
    return tuple(NodeClass(places, mounts) for mounts, places in every.items())


def precedence(document: Document) -> int:
    """The order in which documents are kept where not all fit: fleets, volumes, runs; among equals the file's order."""
    return (FleetRequest, VolumeRequest, RunRequest).index(type(document))
