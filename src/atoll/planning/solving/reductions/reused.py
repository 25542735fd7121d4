"""Runs that idle machines serve as well as anything could: they are taken out before the rest is decided.

A run whose nodes stand on idle machines of one zone costs nothing and is together, so it needs no fleet of the request
and buys nothing. Each such run is given the machines that are best for it alone. Where there are enough of these for
all runs, that is the best for all; where there are not, everything is decided together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from atoll.planning.plan import Source
from atoll.planning.solving.problem import NodeClass, Pool, Problem, RunGroup, Share, Solution, Supply
from atoll.planning.solving.reductions import companions
from atoll.planning.terrain import Lots

Taken = tuple[tuple[Pool, int], ...]
"""Pools, with how many machines of each."""


def reused(problem: Problem, lots: Mapping[str, Lots]) -> Solution:
    """The runs of a problem that idle machines serve at their best; `lots` are those of runs and volumes by name."""
    light = companions.taken_out(problem, lots)
    found = {run.name: _best(run, lots[run.name]) for run in light.runs}
    shares = {run.name: _laid(taken, run.classes) for run in light.runs if (taken := found[run.name]) is not None}
    runs = tuple(run for run in problem.runs if run.name in shares)
    names = {name for run in runs for group in run.classes for mount in group.mounts for name in mount}
    disks = {name: disk for name, disk in problem.disks.items() if name in names}
    return companions.put_back(Solution(runs=shares), Problem(runs=runs, disks=disks))


def are_enough(solutions: Iterable[Solution]) -> bool:
    """Whether these solutions together take no more idle machines than there are."""
    taken, rooms = Counter[tuple[str, ...]](), dict[tuple[str, ...], int]()
    for share in (share for solution in solutions for shares in solution.runs.values() for share in shares):
        pool = share.supply.pool
        if pool is not None:
            rooms[pool.ids] = pool.room
            taken[pool.ids] += len(share.ranks) * share.supply.blocks
    return all(taken[ids] <= room for ids, room in rooms.items())


def _best(run: RunGroup, lots: Lots) -> Taken | None:
    """The idle machines that are best for a run; None where there are too few in one zone, or the model has to say."""
    several = run.nodes > run.copies
    if run.max_skew is not None or (several and run.copies > 1) or any(group.mounts for group in run.classes):
        return None
    if any(pool.blocks > 1 for pool in run.pools):
        return None
    reach = run.zones.intersection(*(group.reach for group in run.classes if group.reach is not None))
    pools = [pool for pool in run.pools if pool.zone in reach]

    def weight(pool: Pool) -> float:
        return pool.bulk + lots[pool.zone] + sum(group.weights.get(pool.zone, 0.0) for group in run.classes)

    if not several:
        return _first(sorted(pools, key=lambda pool: (weight(pool), pool.ids)), run.nodes)
    zones: dict[int, list[Pool]] = {}
    for pool in sorted(pools, key=lambda pool: (pool.bulk, pool.ids)):
        zones.setdefault(pool.zone, []).append(pool)
    ranked = []
    for zone, here in zones.items():
        taken = _first(here, run.nodes)
        if taken is not None:
            volumes = sum(len(group.ranks) * group.weights.get(zone, 0.0) for group in run.classes)
            ranked.append((sum((pool.bulk + lots[zone]) * count for pool, count in taken) + volumes, zone, taken))
    return min(ranked, key=lambda entry: entry[:2])[2] if ranked else None


def _first(pools: Sequence[Pool], count: int) -> Taken | None:
    """The first machines of these pools."""
    taken = []
    for pool in pools:
        taken.append((pool, min(count, pool.room)))
        count -= taken[-1][1]
        if not count:
            return tuple(taken)
    return None


def _laid(taken: Taken, classes: Iterable[NodeClass]) -> tuple[Share, ...]:
    """The nodes of these classes on these machines."""
    left, shares = list(reversed(taken)), []
    for group in classes:
        ranks = group.ranks
        while ranks:
            pool, room = left.pop()
            mine, ranks = ranks[:room], ranks[room:]
            shares.append(Share(mine, Supply(Source.EXISTING, pool.zone, pool=pool), ()))
            if room > len(mine):
                left.append((pool, room - len(mine)))
    return tuple(shares)
