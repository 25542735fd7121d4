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

Stock = tuple[Supply, int | None]
"""A supply, and how many machines there are of it (None: not told)."""

Rank = tuple[float, float]


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
    if run.together <= 1:
        shares = _take(ranks, ((supply, _number(supply)) for supply in supplies))
        return None if shares is None else Solution(runs={run.name: shares})
    by_zone: dict[int, list[Stock]] = {}
    for supply in supplies:
        by_zone.setdefault(supply.zone, []).append((supply, _number(supply)))
    copies = [ranks[first : first + run.together] for first in range(0, len(ranks), run.together)]
    shares = _take_together(copies, by_zone, lots)
    return None if shares is None else Solution(runs={run.name: shares})


def _take_together(
    copies: Iterable[Sequence[int]], by_zone: dict[int, list[Stock]], lots: Sequence[float]
) -> tuple[Share, ...] | None:
    """Each copy in one zone: the next goes where it costs least, since what one more costs in a zone never falls."""
    taken: list[Share] = []
    ranked: dict[int, Rank] = {}
    for ranks in copies:
        for zone in sorted(by_zone.keys() - ranked.keys()):
            shares = _take(ranks, by_zone[zone])
            if shares is not None:
                ranked[zone] = _rank(shares, lots)
        if not ranked:
            return None
        best = min(ranked, key=lambda zone: (ranked[zone], zone))
        del ranked[best]
        shares = _take(ranks, by_zone[best]) or ()
        by_zone[best] = _left(by_zone[best], shares)
        taken += shares
    return tuple(taken)


def _left(stock: Sequence[Stock], shares: Sequence[Share]) -> list[Stock]:
    """A zone's stock without what these shares take of its first supplies."""
    gone = [len(share.ranks) for share in shares]
    first = [
        (supply, None if number is None else number - count)
        for (supply, number), count in zip(stock, gone, strict=False)
    ]
    return [*(one for one in first if one[1] != 0), *stock[len(gone) :]]


def _number(supply: Supply) -> int | None:
    """How many machines there are of a supply (None: not told)."""
    if supply.pool is not None:
        return len(supply.pool.ids)
    return None if supply.option is None else supply.option.limit


def _dearness(option: Option) -> tuple[float, float, int]:
    return (option.price, bulk(option.instance_type) + option.key[5], option.offer)


def _take(ranks: Sequence[int], stock: Iterable[Stock]) -> tuple[Share, ...] | None:
    """The first machines of a stock, one for each rank; None when there are too few."""
    shares, left = [], ranks
    for supply, number in stock:
        mine, left = left[:number], left[number:] if number is not None else ()
        if mine:
            shares.append(Share(tuple(mine), supply, ()))
        if not left:
            break
    return None if left else tuple(shares)


def _rank(shares: Sequence[Share], lots: Sequence[float]) -> Rank:
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

    None when a fleet does not fit even alone or only the model can lay it, or none of the problem's fleets can be laid
    without the runs. A solution of this problem that costs no more than `least` is one of the whole.
    """
    fleets = []
    for fleet in problem.fleets:
        try:
            bought = strategies.lay(fleet)
        except strategies.Unsettled:
            return None
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
