"""A plan that is good and not proven: one document after the other, with those before it held where they are.

For problems that the exact model cannot decide within its part of the budget. Each step is decided by the same model,
over the few machines and zones that the documents before it left to choose from.
"""

from dataclasses import replace

from atoll.planning.budget import Budget, OutOfBudget
from atoll.planning.plan import Source
from atoll.planning.solving import programme as model
from atoll.planning.solving.problem import Disk, FleetGroup, Problem, RunGroup, Solution
from atoll.planning.world import World


def solve(problem: Problem, world: World, budget: Budget, bound: float) -> Solution:
    """A solution of a problem that costs at least `bound`. Raises OutOfBudget where a document gets none."""
    solution = Solution()
    groups = (*problem.fleets, *problem.runs)
    for count in range(1, len(groups) + 1):
        fleets = tuple(held_fleet(fleet, solution) for fleet in groups[:count] if isinstance(fleet, FleetGroup))
        runs = tuple(held_run(run, solution) for run in groups[:count] if isinstance(run, RunGroup))
        step = model.solve(
            replace(problem, fleets=fleets, runs=runs, disks=_disks(problem, runs, solution)), world, budget
        )
        if step is None:
            raise OutOfBudget(bound)
        solution = step
    disks = {**{name: disk.zones[0] for name, disk in problem.disks.items()}, **solution.disks}
    return replace(solution, disks=disks, proven=False, slack=max(0.0, solution.cost - bound))


def held_fleet(fleet: FleetGroup, solution: Solution) -> FleetGroup:
    """The fleet with the machines that a solution has for it and no others."""
    bought = solution.fleets.get(fleet.name)
    if bought is None:
        return fleet
    return replace(fleet, options=tuple(replace(option, limit=count) for option, count in bought))


def held_run(run: RunGroup, solution: Solution) -> RunGroup:
    """The run with the supplies that a solution has for it and no others."""
    shares = solution.runs.get(run.name)
    if shares is None:
        return run
    supplies = [share.supply for share in shares]
    pools = {supply.pool.ids for supply in supplies if supply.pool is not None}
    offers = {s.option.offer for s in supplies if s.source is Source.NEW and s.option is not None}
    return replace(
        run,
        zones=frozenset(supply.zone for supply in supplies),
        options=tuple(option for option in run.options if option.offer in offers),
        pools=tuple(pool for pool in run.pools if pool.ids in pools),
        fleets=tuple(name for name in run.fleets if any(supply.fleet == name for supply in supplies)),
    )


def _disks(problem: Problem, runs: tuple[RunGroup, ...], solution: Solution) -> dict[str, Disk]:
    """The volumes of these runs, those of earlier steps in their zones."""
    names = {name for run in runs for group in run.classes for mount in group.mounts for name in mount}
    used = {name for shares in solution.runs.values() for share in shares for name in share.volumes}
    return {
        name: replace(disk, zones=(solution.disks[name],)) if name in used else disk
        for name, disk in problem.disks.items()
        if name in names
    }
