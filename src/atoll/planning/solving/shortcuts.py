"""Ways around the exact model that are as exact: a run that stands alone, and fleets that serve their runs as they are.

No fleet is cheaper than when it is laid alone, and nothing that runs stand on costs less than what is there or planned
already. So where the fleets' own best layouts can take all runs, that is the best plan for both, and what is left to
the model is who stands where: a far smaller question. Where they cannot, the model decides everything together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from atoll.planning.plan import Source
from atoll.planning.solving import strategies
from atoll.planning.solving.options import Option, bulk, suiting
from atoll.planning.solving.problem import FleetGroup, Problem, RunGroup, Share, Solution, Supply


def lone(run: RunGroup, lots: Sequence[float]) -> Solution | None:
    """The best places for a run without mounts that no fleet of the request serves, shared limits aside.

    None when it does not fit. What is idle goes before what is bought; of equal prices the smaller type and the smaller
    lot go first, as in the model.
    """
    ranks = [rank for group in run.classes for rank in group.ranks]
    pools = sorted(run.pools, key=lambda pool: (bulk(pool.instance_type) + lots[pool.zone], pool.ids))
    bought = sorted(run.options, key=_dearness)
    # One by one: nearly always the first serves.
    supplies = chain(
        (Supply(Source.EXISTING, pool.zone, pool=pool) for pool in pools),
        (Supply(Source.NEW, option.zone, option=option) for option in bought),
    )
    if not run.single_zone or len(ranks) <= 1:
        shares = _take(ranks, supplies)
        return None if shares is None else Solution(runs={run.name: shares})
    by_zone: dict[int, list[Supply]] = {}
    for supply in supplies:
        by_zone.setdefault(supply.zone, []).append(supply)
    laid = [shares for zone in sorted(by_zone) if (shares := _take(ranks, by_zone[zone])) is not None]
    best = min(laid, key=lambda shares: _rank(shares, lots), default=None)
    return None if best is None else Solution(runs={run.name: best})


def _dearness(option: Option) -> tuple[float, float, int]:
    return (option.price, bulk(option.instance_type) + option.key[5], option.offer)


def _take(ranks: Sequence[int], supplies: Iterable[Supply]) -> tuple[Share, ...] | None:
    shares, left = [], list(ranks)
    for supply in supplies:
        if not left:
            break
        most = len(left) if supply.option is None or supply.option.limit is None else supply.option.limit
        most = most if supply.pool is None else len(supply.pool.ids)
        mine, left = left[:most], left[most:]
        if mine:
            shares.append(Share(tuple(mine), supply, ()))
    return None if left else tuple(shares)


def _rank(shares: Sequence[Share], lots: Sequence[float]) -> tuple[float, float]:
    cost = ties = 0.0
    for share in shares:
        option, pool = share.supply.option, share.supply.pool
        if option is not None:
            cost += option.price * len(share.ranks)
            ties += (2000 + bulk(option.instance_type) + option.key[5]) * len(share.ranks)
        elif pool is not None:
            ties += (bulk(pool.instance_type) + lots[pool.zone]) * len(share.ranks)
    return (round(cost, 9), ties)


def pinned(problem: Problem) -> Problem | None:
    """The problem with each fleet as it is best alone, and with runs that buy only where nothing else can serve them.

    None when a fleet does not fit even alone, or none of the problem's fleets can be laid without the runs. A solution
    of this problem that costs no more than `least` is one of the whole.
    """
    fleets = []
    for fleet in problem.fleets:
        bought = strategies.lay(fleet)
        if bought is None:
            return None
        fleets.append(replace(fleet, options=tuple(replace(option, limit=count) for option, count in bought)))
    runs = [replace(run, options=()) if _served(run, problem.fleets) else run for run in problem.runs]
    return replace(problem, fleets=tuple(fleets), runs=tuple(runs))


def least(problem: Problem) -> float:
    """What a solution of a pinned problem costs at least, in USD an hour."""
    fleets = sum(option.price * (option.limit or 0) for fleet in problem.fleets for option in fleet.options)
    return fleets + sum(_least(run) for run in problem.runs if run.options)


def _least(run: RunGroup) -> float:
    # A run that must buy has no other supply; volumes can only make it dearer.
    nodes = sum(len(group.ranks) for group in run.classes)
    return nodes * min(option.price for option in run.options)


def _served(run: RunGroup, fleets: Iterable[FleetGroup]) -> bool:
    """True when the run could stand on anything that costs it nothing."""
    if run.pools or not run.options:
        return True
    return any(suiting(run.requirements, [o for fleet in fleets if fleet.name in run.fleets for o in fleet.options]))
