"""New volumes that one node alone mounts: each goes where its node goes, so they need not be decided.

They are taken out of a problem before it is solved and put back into the solution. What is left of them are the zones
where their node may stand, and their lots, which break ties as before.
"""

from collections.abc import Mapping
from dataclasses import replace

from atoll.planning.solving.problem import NodeClass, Problem, RunGroup, Share, Solution
from atoll.planning.terrain import Lots


def taken_out(problem: Problem, lots: Mapping[str, Lots]) -> Problem:
    """The problem without such volumes. `lots` are those of the volumes, by name."""
    uses: dict[str, int] = {}
    for run in problem.runs:
        for group in run.classes:
            for name in (name for mount in group.mounts for name in mount):
                uses[name] = uses.get(name, 0) + len(group.ranks)
    own = {name for name, disk in problem.disks.items() if disk.new and uses.get(name) == 1}

    def lighter(run: RunGroup, group: NodeClass) -> NodeClass:
        if not group.mounts or not all(len(mount) == 1 and mount[0] in own for mount in group.mounts):
            return group
        names = [mount[0] for mount in group.mounts]
        reach = run.zones.intersection(*(problem.disks[name].zones for name in names))
        weights = {zone: sum(lots[name][zone] for name in names) / 8 for zone in reach}
        gone.update(names)
        return NodeClass(group.ranks, (), reach, weights)

    gone: set[str] = set()
    runs = tuple(replace(run, classes=tuple(lighter(run, group) for group in run.classes)) for run in problem.runs)
    return replace(problem, runs=runs, disks={name: disk for name, disk in problem.disks.items() if name not in gone})


def put_back(solution: Solution, problem: Problem) -> Solution:
    """The solution with the volumes that were taken out of this problem."""
    missing = problem.disks.keys() - solution.disks.keys()
    if not missing:
        return solution
    disks, runs = dict(solution.disks), dict(solution.runs)
    for run in problem.runs:
        mounts = {
            rank: tuple(mount[0] for mount in group.mounts)
            for group in run.classes
            if any(missing.issuperset(mount) for mount in group.mounts)
            for rank in group.ranks
        }
        runs[run.name] = tuple(_with(share, mounts) for share in solution.runs[run.name])
        for share in runs[run.name]:
            disks.update({name: share.supply.zone for name in share.volumes if name in missing})
    return replace(solution, runs=runs, disks={name: disks[name] for name in problem.disks})


def _with(share: Share, mounts: Mapping[int, tuple[str, ...]]) -> Share:
    [first, *_] = share.ranks
    return replace(share, volumes=mounts[first]) if first in mounts else share
