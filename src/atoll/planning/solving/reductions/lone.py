"""A run that stands alone: the cheapest places are found without a programme, and are what it would find."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from atoll.planning.plan import Source
from atoll.planning.solving.options import Option, bulk
from atoll.planning.solving.problem import RunGroup, Share, Solution, Supply
from atoll.planning.terrain import Lots

Stock = tuple[Supply, int | None]
"""A supply, and how many machines there are of it (None: unknown)."""

Rank = tuple[float, int, int, float]
"""The price in USD an hour, how many machines are new, the number of zones, and what breaks ties."""


class Unclear(Exception):  # noqa: N818 - it is news, not a fault
    """The best places are not plain: the model finds them."""


def lone(run: RunGroup, lots: Lots) -> Solution | None:
    """The best places for a run without mounts that no fleet of the request serves, shared limits aside.

    None when it does not fit. What is idle goes before what is bought; of equal prices fewer zones, the smaller type
    and the smaller lot go first, as in the model. Raises Unclear where the fewest zones are not plain.
    """
    ranks = [rank for group in run.classes for rank in group.ranks]
    pools = sorted(run.existing, key=lambda supply: _bulk(supply, lots))
    bought = sorted(run.options, key=_dearness)
    # One by one: nearly always the first serves.
    supplies = chain(pools, (Supply(Source.NEW, option.zone, option=option) for option in bought))
    size = run.nodes // run.copies
    if run.together <= 1 and (size == 1 or run.copies > 1):
        shares = _take(ranks, ((supply, _number(supply)) for supply in supplies))
        if shares is not None and size > 1 and len({share.supply.zone for share in shares}) > 1:
            raise Unclear
        return None if shares is None else Solution(runs={run.name: shares})
    in_places: dict[int, list[Stock]] = {}
    for supply in supplies:
        place = run.places[supply.zone] if run.places else 0
        in_places.setdefault(place, []).append((supply, _number(supply)))
    copies = [ranks[first : first + size] for first in range(0, len(ranks), size)]
    shares = _take_together(copies, in_places, lots)
    return None if shares is None else Solution(runs={run.name: shares})


def _take_together(
    copies: Sequence[Sequence[int]], in_places: dict[int, list[Stock]], lots: Lots
) -> tuple[Share, ...] | None:
    """Each copy in one place: the next goes where it costs least, since what one more costs in a place never falls."""
    taken: list[Share] = []
    ranked: dict[int, tuple[Rank, tuple[Share, ...]]] = {}
    for ranks in copies:
        for place in sorted(in_places.keys() - ranked.keys()):
            shares = _nearest(ranks, in_places[place], lots)
            if shares is not None:
                ranked[place] = (_rank(shares, lots), shares)
        if not ranked:
            return None
        best = min(ranked, key=lambda place: (ranked[place][0], place))
        rank, shares = ranked.pop(best)
        if len(copies) > 1 and rank[2] > 1:
            raise Unclear
        taken += [replace(share, ranks=mine) for share, mine in zip(shares, _parted(ranks, shares), strict=True)]
        in_places[best] = _left(in_places[best], shares)
    return tuple(taken)


def _parted(ranks: Sequence[int], shares: Iterable[Share]) -> Iterable[tuple[int, ...]]:
    """These ranks in parts as large as those of the shares."""
    first = 0
    for share in shares:
        yield tuple(ranks[first : first + len(share.ranks)])
        first += len(share.ranks)


def _nearest(ranks: Sequence[int], stock: Sequence[Stock], lots: Lots) -> tuple[Share, ...] | None:
    """The cheapest machines of a place, in one zone if that is as cheap and reuses as much; None when too few.

    Raises Unclear where it may be that fewer zones than those found, and more than one, are enough.
    """
    shares = _take(ranks, stock)
    if shares is None or (found := _rank(shares, lots))[2] == 1:
        return shares
    by_zone: dict[int, list[Stock]] = {}
    for supply, number in stock:
        by_zone.setdefault(supply.zone, []).append((supply, number))
    together = [taken for zone in sorted(by_zone) if (taken := _take(ranks, by_zone[zone])) is not None]
    together = [taken for taken in together if _rank(taken, lots)[:2] == found[:2]]
    if not together and found[2] > 2:
        raise Unclear
    return min(together, key=lambda taken: _rank(taken, lots), default=shares)


def _left(stock: Sequence[Stock], shares: Sequence[Share]) -> list[Stock]:
    """A place's stock without what these shares take."""
    gone = {id(share.supply): len(share.ranks) for share in shares}
    left = ((supply, None if number is None else number - gone.get(id(supply), 0)) for supply, number in stock)
    return [(supply, number) for supply, number in left if number != 0]


def _number(supply: Supply) -> int | None:
    """How many nodes may stand on a supply (None: unknown)."""
    if supply.pool is not None:
        return supply.pool.room // supply.blocks
    return None if supply.option is None else supply.option.limit


def _bulk(supply: Supply, lots: Lots) -> tuple[float, tuple[str, ...]]:
    assert supply.pool is not None
    return supply.pool.bulk + lots[supply.zone], supply.pool.ids


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


def _rank(shares: Sequence[Share], lots: Lots) -> Rank:
    cost = ties = 0.0
    new = 0
    for share in shares:
        option, pool = share.supply.option, share.supply.pool
        if option is not None:
            cost += option.cost * len(share.ranks)
            new += len(share.ranks)
            ties += (bulk(option.instance_type) + option.key[5]) * len(share.ranks)
        elif pool is not None:
            ties += (pool.bulk + lots[pool.zone]) * len(share.ranks)
    return (round(cost, 9), new, len({share.supply.zone for share in shares}), ties)
