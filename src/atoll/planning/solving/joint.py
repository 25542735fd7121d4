"""Decides a request's documents together: what depends on what, what is solved apart, and what gives way.

Documents that share nothing are solved apart, and without the limits that all share (an offer's number, a zone's
capacity, a quota). The solution is checked against these; documents that exceed one together are solved in one exact
model, with the limits in force that were exceeded and no others. Either way the result is the best there is. When not
all documents fit, the earlier ones go first: fleets, then volumes, then runs, each in the order of the file.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from math import inf
from operator import or_

from atoll.planning.budget import OutOfBudget
from atoll.planning.request import (
    Document,
    FleetRequest,
    OnShortage,
    RunRequest,
    Strategy,
    VolumeRequest,
)
from atoll.planning.solving import programme as model
from atoll.planning.solving import stepwise, strategies
from atoll.planning.solving.components import components, may_use
from atoll.planning.solving.groups import Groups
from atoll.planning.solving.limits import NO_LIMITS, Limits, exceeded
from atoll.planning.solving.problem import Disk, FleetGroup, Problem, RunGroup, Solution
from atoll.planning.solving.reductions import companions, dominance, kinds, lone, pinned, reused
from atoll.planning.solving.reductions.kinds import Copies

DOCUMENT, OPTION = 20, 3
"""The steps for each document of a problem, and for each option of it."""


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
class Decider(Groups):
    """Decides the documents of one request."""

    _lone: dict[tuple[RunRequest, int], Solution | None] = field(default_factory=dict)
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
        solution = Solution()
        left = sorted(self.documents, key=precedence)
        while left:
            count, better, is_open = self._most(accepted, left)
            accepted, left = [*accepted, *left[:count]], left[count:]
            solution = better or solution
            if not left:
                break
            if is_open:
                return self._stepped(accepted, solution, left)
            unfit, *left = left
            for attempt in self._instead(unfit, accepted):
                better = self.solve([*accepted, attempt])
                if better is not None:
                    accepted.append(attempt)
                    solution = better
                    break
            # Runs take from each other and never add anything, so what is equal to this one does not fit either.
            equal = [d for d in left if isinstance(unfit, RunRequest) and kinds.are_equal(d, unfit)]
            left = [d for d in left if d not in equal]
        return Decision(solution, tuple(accepted))

    def _stepped(self, accepted: Sequence[Document], solution: Solution, left: Iterable[Document]) -> Decision:
        """Those that are left one by one, with what is accepted held: the search has no budget to decide them together.

        What gets no place is undecided, unless it has none even alone.
        """
        self.budget.open_kept()
        placed, undecided, vain = list(accepted), set[Document](), list[RunRequest]()
        for document in left:
            more = None
            if not any(kinds.are_equal(document, run) for run in vain):
                with suppress(OutOfBudget):
                    more = self._one_more(document, placed, solution)
            if more is not None:
                placed.append(document)
                solution = solution.joined(more)
                continue
            if isinstance(document, RunRequest):
                vain.append(document)
            undecided.add(document)
        may_fit = frozenset(document for document in undecided if self._may_fit(document, placed))
        return Decision(solution, tuple(placed), may_fit)

    def _one_more(self, document: Document, placed: Iterable[Document], solution: Solution) -> Solution | None:
        """What a document gets beside a solution that is held; None where that is nothing. Raises OutOfBudget."""
        self.budget.take(DOCUMENT)
        if isinstance(document, VolumeRequest):
            return Solution() if self.volume_zones(document) else None
        if isinstance(document, FleetRequest) and not self.has_enough_zones(document):
            return None
        fleets = [d for d in placed if isinstance(d, FleetRequest)]

        def group(limits: Limits) -> FleetGroup | RunGroup:
            if isinstance(document, FleetRequest):
                return self.fleet_group(document, (), None, limits)
            return self.run_group(document, fleets, limits)

        found = stepwise.at_once(group(NO_LIMITS), solution, self.terrain, self.budget)
        if found is not None:
            return found
        disks: dict[str, Disk] = {}
        if isinstance(document, RunRequest):
            volumes = {d.name: d for d in placed if isinstance(d, VolumeRequest)}
            names = {name for node in document.nodes for mount in node.mounts for name in mount.volumes}
            disks = {name: disk for name in names if (disk := self.disk(name, volumes.get(name))) is not None}
        return stepwise.one_more(group(Limits.of(self.terrain)), disks, solution, self.terrain, self.budget)

    def _may_fit(self, document: Document, placed: Iterable[Document]) -> bool:
        """Whether it is open that a document fits; not so where it has no place even without any other."""
        volumes = [d for d in placed if isinstance(d, VolumeRequest)]
        fleets = [d for d in self.documents if isinstance(d, FleetRequest)]
        if isinstance(document, RunRequest) and any(may_use(document, fleet.name) for fleet in fleets):
            return True
        try:
            return self._one_more(document, volumes, Solution()) is not None
        except OutOfBudget:
            return True

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
        if placement.survive_zones or not self.has_enough_zones(document):
            return
        fewer = self._fewer(document, accepted)
        if fewer is not None and placement.strategy is Strategy.SPREAD:
            # Not all nodes fit: as many as do, and these as even as they can be.
            kept = replace(document, nodes=fewer.nodes, placement=placement.of_fewer(fewer.nodes, document.nodes))
            even = self._least_skew(kept, accepted, placement.max_skew)
            if even is not None or not placement.min_zones:
                yield even or fewer
        elif fewer is not None and not placement.min_zones:
            yield fewer

    def _least_skew(self, fleet: FleetRequest, accepted: Sequence[Document], low: int) -> FleetRequest | None:
        """The fleet with the least skew from `low` at which all its nodes fit."""

        def at(skew: int) -> FleetRequest:
            return replace(fleet, placement=replace(fleet.placement, max_skew=skew))

        high = fleet.nodes + len(self.terrain.fleets.get(fleet.name, ()))
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
        nodes = len(self.terrain.fleets.get(fleet.name, ())) + count
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
        if not all(self.has_enough_zones(d) for d in documents if isinstance(d, FleetRequest)):
            return None
        if any(not self.volume_zones(d) for d in documents if isinstance(d, VolumeRequest)):
            return None
        counted = kinds.counted(documents)
        solution = self._solve_reusing(counted.documents, partial, counted.copies)
        return None if solution is None else kinds.told_apart(solution, counted.documents, counted.copies)

    def _solve_reusing(self, documents: Sequence[Document], partial: str | None, copies: Copies) -> Solution | None:
        """First what idle machines serve at their best, and the rest without them, if there are enough for both."""
        served = self._reused(documents, copies)
        if not served.runs:
            return self._solve_counted(documents, partial, copies)
        others = [d for d in documents if not (isinstance(d, RunRequest) and d.name in served.runs)]
        rest = self._solve_counted(others, partial, copies)
        if rest is None:
            return None
        if reused.are_enough((served, rest)):
            return rest.joined(served)
        return self._solve_counted(documents, partial, copies)

    def _reused(self, documents: Sequence[Document], copies: Copies) -> Solution:
        """The runs that idle machines serve at their best."""
        runs = [d for d in documents if isinstance(d, RunRequest)]
        if not runs or not self.pools():
            return Solution()
        volumes = {d.name: d for d in documents if isinstance(d, VolumeRequest)}
        mounted = sorted({name for run in runs for node in run.nodes for m in node.mounts for name in m.volumes})
        disks = {name: disk for name in mounted if (disk := self.disk(name, volumes.get(name))) is not None}
        groups = tuple(self.idle_group(run, kinds.number(copies, run)) for run in runs)
        lots = {name: self.terrain.lots(name) for name in (*disks, *(run.name for run in runs))}
        return reused.reused(Problem(runs=groups, disks=disks), lots)

    def _solve_counted(self, documents: Sequence[Document], partial: str | None, copies: Copies) -> Solution | None:
        """Documents that share nothing apart, and those that exceed a limit together in one."""
        parts: list[_Part] = []
        waiting = [(component, NO_LIMITS) for component in components(documents, self.terrain)]
        while waiting:
            for members, limits in waiting:
                part = self._solve_part(members, partial, copies, limits)
                if part is None:
                    return None
                parts.append(part)
            waiting = []
            over = exceeded((entry for part in parts for entry in part.solution.bought), self.terrain)
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
            over = limits | exceeded(solution.bought, self.terrain)
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
                with suppress(lone.Unclear):
                    return self._solve_lone(documents[0], copies)
        whole = self.problem(documents, partial, limits, copies)
        options = sum(len(fleet.options) for fleet in whole.fleets) + sum(len(run.options) for run in whole.runs)
        self.budget.take(OPTION * options)
        problem = companions.taken_out(whole, {name: self.terrain.lots(name) for name in whole.disks})
        problem = dominance.trimmed(problem)
        try:
            solution = self._solve_pinned(problem) or model.solve(problem, self.terrain, self.budget)
        except OutOfBudget as out:
            solution = stepwise.solve(problem, self.terrain, self.budget, out.bound)
        return None if solution is None else companions.put_back(solution, whole)

    def _solve_lone(self, run: RunRequest, copies: Copies) -> Solution | None:
        key = (run, kinds.number(copies, run))
        if key not in self._lone:
            group = self.lone_group(run, key[1])
            self.budget.take(OPTION * (len(group.options) + len(group.pools)))
            self._lone[key] = lone.lone(group, self.terrain.lots(run.name))
        return self._lone[key]

    def _solve_pinned(self, problem: Problem) -> Solution | None:
        """The best solution with the fleets as they are best alone, if that is the best of all."""
        if not (problem.fleets and problem.runs) or any(fleet.partial for fleet in problem.fleets):
            return None
        smaller = pinned.pinned(problem)
        if smaller is None:
            return None
        try:
            solution = model.solve(smaller, self.terrain, self.budget, lowest=pinned.least(smaller))
        except OutOfBudget:
            return None
        if solution is None:
            return None
        # Laid with regard to its runs, a fleet may hold them in fewer zones at the same price.
        moves = any(pinned.may_move(*pair) for pair in zip(problem.fleets, smaller.fleets, strict=True))
        return None if moves and smaller.apart(solution) else solution


def _is_lone(run: RunRequest) -> bool:
    """Whether a run that stands alone needs no programme."""
    return not kinds.mounts(run) and run.strategy is not Strategy.SPREAD


def precedence(document: Document) -> int:
    """The order in which documents are kept where not all fit: fleets, volumes, runs; among equals the file's order."""
    return (FleetRequest, VolumeRequest, RunRequest).index(type(document))
