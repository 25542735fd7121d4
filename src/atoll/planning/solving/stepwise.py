"""A plan that is good and not proven: one document after the other, with those before it held where they are.

For what the exact model cannot decide within its part of the budget. Each step looks at one document over what the
others leave: quickly where that document alone keeps all limits, and else by the same model, which is small then.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from atoll.planning.budget import Budget, OutOfBudget
from atoll.planning.plan import Source
from atoll.planning.request import Placement
from atoll.planning.solving import programme as model
from atoll.planning.solving import strategies
from atoll.planning.solving.limits import AMOUNTS, Limits, exceeded
from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import Disk, FleetGroup, Pool, Problem, RunGroup, Solution
from atoll.planning.solving.reductions.lone import Unclear, lone
from atoll.planning.terrain import Terrain

STEP = 300
"""The steps of one look at what is left for a document, whatever becomes of it."""

UNLIMITED = 1_000_000


def solve(problem: Problem, terrain: Terrain, budget: Budget, bound: float) -> Solution:
    """A solution of a problem that costs at least `bound`. Raises OutOfBudget where a document gets none."""
    solution = Solution()
    groups: tuple[FleetGroup | RunGroup, ...] = (*problem.fleets, *problem.runs)
    for group in groups:
        more = one_more(group, problem.disks, solution, terrain, budget)
        if more is None:
            raise OutOfBudget(bound)
        solution = solution.joined(more)
    disks = {**{name: disk.zones[0] for name, disk in problem.disks.items()}, **solution.disks}
    return replace(solution, disks=disks, proven=False, slack=max(0.0, solution.cost - bound))


def one_more(
    group: FleetGroup | RunGroup, disks: Mapping[str, Disk], solution: Solution, terrain: Terrain, budget: Budget
) -> Solution | None:
    """What one more fleet or run gets beside a solution that is held, or None. Raises OutOfBudget."""
    budget.take(STEP)
    left = _Left.after(solution, terrain, group.fleets if isinstance(group, RunGroup) else ())
    try:
        return left.alone(group)
    except Unclear:
        found = model.solve(left.problem(group, disks), left.terrain, budget)
    # What a run stands on is planned already.
    return replace(found, fleets={}) if found is not None and isinstance(group, RunGroup) else found


def at_once(group: FleetGroup | RunGroup, solution: Solution, terrain: Terrain, budget: Budget) -> Solution | None:
    """The same where it is plain without a programme; None where it is not, or where it is nothing."""
    budget.take(STEP)
    try:
        return _Left.after(solution, terrain, group.fleets if isinstance(group, RunGroup) else ()).alone(group)
    except Unclear:
        return None


@dataclass(frozen=True, slots=True)
class _Left:
    """What a solution leaves: the world without what is bought, and the `planned` machines that no run has taken."""

    solution: Solution
    terrain: Terrain
    limits: Limits
    planned: tuple[FleetGroup, ...]
    taken: Mapping[int, int]

    @classmethod
    def after(cls, solution: Solution, terrain: Terrain, fleets: Collection[str]) -> "_Left":
        """What is left for a document that may use the machines planned for these fleets."""
        planned = tuple(group for name in fleets if (group := _planned(name, solution)) is not None)
        # The model buys the machines of these once more.
        twice = [(option, -(option.limit or 0)) for fleet in planned for option in fleet.options]
        taken = Counter[int]()
        for option, count in (*solution.bought, *twice):
            taken[option.offer] += count
        return cls(solution, _without((*solution.bought, *twice), terrain), Limits.of(terrain), planned, taken)

    def alone(self, group: FleetGroup | RunGroup) -> Solution | None:
        """What one more fleet or run gets, None where that is nothing. Raises Unclear where only the model knows."""
        found = self._fleet(group) if isinstance(group, FleetGroup) else self._run(group)
        if found is not None and exceeded(found.bought, self.terrain):
            raise Unclear
        return found

    def _fleet(self, fleet: FleetGroup) -> Solution | None:
        try:
            bought = strategies.lay(replace(fleet, options=self._options(fleet.options)))
        except strategies.Unsettled as unsettled:
            raise Unclear from unsettled
        return None if bought is None else Solution({fleet.name: bought})

    def _run(self, run: RunGroup) -> Solution | None:
        if self.planned or run.max_skew is not None or any(group.mounts for group in run.classes):
            raise Unclear
        return lone(self._narrowed(run), self.terrain.lots(run.name))

    def problem(self, group: FleetGroup | RunGroup, disks: Mapping[str, Disk]) -> Problem:
        """One more fleet or run as a problem of its own, with the planned machines that it may use."""
        if isinstance(group, FleetGroup):
            return Problem((replace(group, options=self._options(group.options)),), limits=self.limits)
        return Problem(self.planned, (self._narrowed(group),), self._disks(group, disks), self.limits)

    def _narrowed(self, run: RunGroup) -> RunGroup:
        """A run with what is left for it."""
        fleets = tuple(fleet.name for fleet in self.planned)
        return replace(run, options=self._options(run.options), pools=self._pools(run.pools), fleets=fleets)

    def _options(self, options: Iterable[Option]) -> tuple[Option, ...]:
        """The options with how many of each can be had, one by one."""
        known = [(option, self._most(option)) for option in options]
        return tuple(replace(o, limit=None if most >= UNLIMITED else most) for o, most in known if most > 0)

    def _most(self, option: Option) -> int:
        most = float(UNLIMITED)
        if option.limit is not None:
            most = option.limit - self.taken.get(option.offer, 0)
        if option.quota is not None and option.use.cpus:
            most = min(most, self.terrain.free_cpus(option.quota) / option.use.cpus)
        free = self.terrain.free[option.zone]
        for name in AMOUNTS if free is not None else ():
            if needed := getattr(option.use, name):
                most = min(most, getattr(free, name) / needed)
        return int(max(0.0, most) + 1e-9)

    def _pools(self, pools: Collection[Pool]) -> tuple[Pool, ...]:
        """The instances that no run has taken; each pool's are taken in their order."""
        used = Counter[tuple[str, ...]]()
        for shares in self.solution.runs.values():
            for supply, count in ((share.supply, len(share.ranks)) for share in shares):
                if supply.pool is not None:
                    used[supply.pool.ids] += count * supply.blocks
        # One that is shared is a pool of its own, and keeps what is left of it.
        shared = {pool.ids for pool in pools if pool.blocks > 1}
        gone = {ident for ids, count in used.items() if ids not in shared for ident in ids[:count]}
        left = (
            replace(pool, free=pool.free - used[pool.ids])
            if pool.blocks > 1
            else replace(pool, ids=tuple(ident for ident in pool.ids if ident not in gone))
            for pool in pools
        )
        return tuple(pool for pool in left if pool.room > 0)

    def _disks(self, run: RunGroup, disks: Mapping[str, Disk]) -> dict[str, Disk]:
        """The volumes of a run: those in use where they are, if several nodes may share them there."""
        names = {name for group in run.classes for mount in group.mounts for name in mount}
        used = {name for shares in self.solution.runs.values() for share in shares for name in share.volumes}
        found = {}
        for name in names & disks.keys():
            disk = disks[name]
            zones = (self.solution.disks[name],) if name in self.solution.disks and name in used else disk.zones
            zones = tuple(zone for zone in zones if name not in used or zone in disk.shared)
            if zones:
                found[name] = replace(disk, zones=zones)
        return found


def _planned(name: str, solution: Solution) -> FleetGroup | None:
    """The machines of a planned fleet of which no run has taken a part, as a fleet that gets just these."""
    taken = Counter[int]()
    for shares in solution.runs.values():
        for share in shares:
            option = share.supply.option
            if share.supply.source is Source.PLANNED and share.supply.fleet == name and option is not None:
                taken[option.offer] += ceil(len(share.ranks) / (option.blocks // share.supply.blocks))
    bought = ((option, count - taken[option.offer]) for option, count in solution.fleets.get(name, ()))
    options = tuple(replace(option, limit=count) for option, count in bought if count > 0)
    zones = tuple(sorted({option.zone for option in options}))
    nodes = sum(option.limit or 0 for option in options)
    return FleetGroup(name, nodes, {}, options, Placement(), zones) if options else None


def _without(bought: Sequence[tuple[Option, int]], terrain: Terrain) -> Terrain:
    """The world without what these machines take of capacities and quotas."""
    free, cpus = list(terrain.free), [0.0] * len(terrain.quotas)
    for option, count in bought:
        room = free[option.zone]
        if room is not None:
            free[option.zone] = room - option.use * count
        if option.quota is not None:
            cpus[option.quota] += option.use.cpus * count
    quotas = tuple(replace(one, used_cpus=one.used_cpus + more) for one, more in zip(terrain.quotas, cpus, strict=True))
    return replace(terrain, free=tuple(free), quotas=quotas)
