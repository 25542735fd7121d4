"""How one fleet is laid over zones when it stands alone: any, cluster, spread, survive. Exact and quick.

What a zone's next machine costs never falls, so taking the cheapest next machine among the zones that may grow is
optimal for given bounds on each zone. The strategies differ in the bounds. Which bounds can be best follows from
`_survivors`, the nodes that remain after the loss of the fullest zones: it never falls when a zone gets a node. So the
number of bounds that are tried depends on `max_skew` and the logarithm of the nodes, not on the nodes. Shared
capacities and quotas are left out: `joint` checks them afterwards and turns to the exact model where one is exceeded.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from heapq import heapify, heappop, heappush
from math import comb

from atoll.planning.request import Strategy
from atoll.planning.solving import zones
from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import FleetGroup

Bought = tuple[tuple[Option, int], ...]
Bounds = Mapping[int, tuple[int, int]]
Rank = tuple[float, int, float]

MOST_CHOICES = 32
"""The choices of zones that are tried, each as quickly as a fleet without such a choice; more are left to the model."""


class Unsettled(Exception):  # noqa: N818 - it is no error
    """How a fleet is laid best is left to the model."""


def lay(fleet: FleetGroup) -> Bought | None:
    """The cheapest machines for a fleet, shared limits aside; None when even so it does not fit.

    Raises Unsettled where only the model finds out: too many choices of zones may be best, or the machines that are
    the cheapest without regard to `max_share` exceed it, and more machines would make the shares smaller; or the
    cheapest ones are in fewer zones than `min_zones` requires.
    """
    if fleet.cap_varies:
        bought = lay(replace(fleet, placement=replace(fleet.placement, max_share=None)))
        if bought is not None and not _keeps_shares(fleet, bought):
            raise Unsettled
        return bought
    stock = _stock(fleet)
    if fleet.chooses and comb(len(zones.useful(fleet, stock)), fleet.fresh) > MOST_CHOICES:
        raise Unsettled
    choices = zones.choices(fleet, stock)
    if fleet.partial:
        laid = [_partial(chosen, _stock(chosen)) for chosen in choices]
        return min(laid, key=lambda bought: (-sum(count for _, count in bought), _rank(bought)))
    laid = [bought for chosen in choices if (bought := _whole(chosen)) is not None]
    best = min(laid, key=_rank, default=None)
    if best is not None and fleet.further_zones:
        new = {option.zone for option, _ in best}.difference(z for z, count in fleet.existing.items() if count)
        if len(new) < fleet.further_zones:
            raise Unsettled
    return best


def _keeps_shares(fleet: FleetGroup, bought: Bought) -> bool:
    counts = Counter(fleet.existing)
    for option, count in bought:
        counts[option.zone] += count
    most = fleet.placement.most_in_zone(max(fleet.nodes, counts.total()))
    return most is None or all(counts[option.zone] <= most for option, _ in bought)


def _whole(fleet: FleetGroup) -> Bought | None:
    """The cheapest machines for all nodes of a fleet over its eligible zones."""
    stock = _stock(fleet)
    cheapest = _outlasting if fleet.placement.survive_zones else _plain
    laid = [bought for bounds in _candidates(fleet, stock) if (bought := cheapest(fleet, stock, bounds)) is not None]
    best = min(laid, key=_rank, default=None)
    return best if best is None or not fleet.is_free else _together(fleet, stock, best)


def _together(fleet: FleetGroup, stock: Mapping[int, list[Option]], bought: Bought) -> Bought:
    """Machines in one zone, or where the fleet has nodes, if these cost no more than what was found."""
    held = [zone for zone, count in sorted(fleet.existing.items()) if count and zone in stock]
    further = {option.zone for option, _ in bought}.difference(held)
    if len(further) <= (0 if held else 1):
        return bought
    room = _room(fleet, stock, fleet.missing)
    choices = [held] if held else [[zone] for zone in sorted(room)]
    filled = (_fill(stock, {zone: (0, room[zone]) for zone in choice}, fleet.missing) for choice in choices)
    cost = _rank(bought)[0]
    return min((found for found in filled if found and _rank(found)[0] <= cost), key=_rank, default=bought)


def _stock(fleet: FleetGroup) -> dict[int, list[Option]]:
    stock: dict[int, list[Option]] = {zone: [] for zone in fleet.eligible}
    for option in sorted(fleet.options, key=lambda o: o.key):
        stock[option.zone].append(option)
    return stock


def _rank(bought: Bought) -> Rank:
    cost = round(sum(option.cost * count for option, count in bought), 9)
    return (cost, sum(count for _, count in bought), sum(option.key[5] * count for option, count in bought))


def _candidates(fleet: FleetGroup, stock: Mapping[int, list[Option]]) -> Iterable[Bounds]:
    """Bounds on the new machines of each zone, among which the best plan is found."""
    room = _room(fleet, stock, fleet.nodes)
    if fleet.placement.strategy is Strategy.CLUSTER:
        # A fleet whose cluster is whole already needs no zone.
        if fleet.missing == 0:
            return [dict.fromkeys(room, (0, 0))]
        homes = [zone for zone in sorted(room) if fleet.home in (None, zone)]
        return ({zone: (0, room[zone])} for zone in homes)
    if fleet.placement.strategy is Strategy.SPREAD:
        return _levels(fleet, room)
    return [{zone: (0, n) for zone, n in room.items()}]


def _room(fleet: FleetGroup, stock: Mapping[int, list[Option]], top: int) -> dict[int, int]:
    """How many of `top` new machines each zone can take."""
    room = {zone: _most(options, top) for zone, options in stock.items()}
    if fleet.cap is None:
        return room
    return {zone: max(0, min(most, fleet.cap - fleet.existing.get(zone, 0))) for zone, most in room.items()}


def _most(options: Iterable[Option], top: int) -> int:
    total = 0
    for option in options:
        if option.limit is None:
            return top
        total += option.limit
    return min(total, top)


def _levels(fleet: FleetGroup, room: Mapping[int, int]) -> Iterator[Bounds]:
    """For each level that the emptiest eligible zone may end at in a best plan, the bounds that keep the skew.

    Let `enough` be the least level that is enough by itself, all zones filled up to it and no further. A higher one
    only adds machines. At one that is lower by more than the skew, no zone gets further than to below `enough`.
    """
    skew = fleet.placement.max_skew
    there = {zone: fleet.existing.get(zone, 0) for zone in room}
    outside = [count for zone, count in fleet.existing.items() if zone not in there]

    def left_at(level: int) -> int:
        return _survivors([*outside, *(max(count, level) for count in there.values())], fleet.placement.survive_zones)

    # At this level the eligible zones are the fullest, and each has all that is required: more changes nothing.
    top = max(fleet.nodes, *fleet.existing.values(), 0)
    enough = bisect_left(range(top + 1), fleet.nodes, key=left_at)
    if enough > top:
        return
    reached = min((there[zone] + most for zone, most in room.items()), default=0)
    for level in range(min(enough, reached), max(0, enough - skew) - 1, -1):
        yield {
            zone: (max(0, level - there[zone]), min(most, max(0, level + skew - there[zone])))
            for zone, most in room.items()
        }


def _survivors(counts: Iterable[int], lost: int) -> int:
    """How many nodes remain after the loss of the `lost` fullest zones, of zones with these counts."""
    ascending = sorted(counts)
    return sum(ascending[: max(0, len(ascending) - lost)])


def _plain(fleet: FleetGroup, stock: Mapping[int, list[Option]], bounds: Bounds) -> Bought | None:
    """The cheapest machines within the bounds that make the fleet whole; None when there are too few."""
    return _fill(stock, bounds, fleet.missing)


def _outlasting(fleet: FleetGroup, stock: Mapping[int, list[Option]], bounds: Bounds) -> Bought | None:
    """The cheapest machines within the bounds with which enough nodes remain after any loss; None when there are none.

    Enough remain exactly when the sum of min(count, t) over the zones reaches n + k·t for some level t: with t as the
    count of the k-th fullest zone it is what remains. For each t the machines that are needed are a count within
    bounds. Over t, the levels that can be met are an interval around the one that leaves most, and cost and number of
    machines are convex, since t, the counts and the bounds are bound to each other by linear inequalities; so a
    bisection by the slope finds the best.
    """
    lost, wanted = fleet.placement.survive_zones, fleet.nodes
    full = {zone: fleet.existing.get(zone, 0) + high for zone, (_, high) in bounds.items()}
    descending = sorted({**fleet.existing, **full}.values(), reverse=True)
    safest = min((wanted, *descending[lost - 1 : lost]))

    @cache
    def at(level: int) -> tuple[Rank, Bought] | None:
        bought = _fill(stock, *_needed(fleet, bounds, level))
        return None if bought is None else (_rank(bought), bought)

    def rises(level: int) -> bool:
        here, above = at(level), at(level + 1)
        if here is None or above is None:
            return level >= safest
        return above[0] >= here[0]

    best = at(bisect_left(range(wanted), True, key=rises))
    return None if best is None else best[1]


def _needed(fleet: FleetGroup, bounds: Bounds, level: int) -> tuple[Bounds, int]:
    """What is needed for the sum of min(count, level) to reach n + k·level: narrower bounds, and how many machines."""
    kept = sum(min(count, level) for zone, count in fleet.existing.items() if zone not in bounds)
    capped = {}
    surplus = lows = 0
    for zone, (low, high) in bounds.items():
        there = fleet.existing.get(zone, 0)
        kept += min(there, level)
        # A machine above the level does not help to survive; only a lower bound can ask for one.
        capped[zone] = (low, max(low, min(high, level - there)))
        surplus += max(0, low - max(0, level - there))
        lows += low
    missing = max(0, fleet.nodes + fleet.placement.survive_zones * level - kept)
    return capped, max(lows, missing + surplus)


def _fill(stock: Mapping[int, list[Option]], bounds: Bounds, count: int) -> Bought | None:
    """The cheapest `count` machines within the bounds; None when there are fewer or the lower bounds ask for more."""
    if sum(low for low, _ in bounds.values()) > count or sum(high for _, high in bounds.values()) < count:
        return None
    taken: dict[int, list[int]] = {}
    shelves = {zone: _Shelf(stock[zone]) for zone in bounds}
    left = count
    for zone, (low, _) in sorted(bounds.items()):
        shelves[zone].take(low, taken)
        left -= low
    queue = [(shelves[z].next.key, z, high - low) for z, (low, high) in bounds.items() if high > low]
    heapify(queue)
    while left and queue:
        _, zone, more = heappop(queue)
        shelf = shelves[zone]
        batch = min(left, more, shelf.depth)
        shelf.take(batch, taken)
        left -= batch
        if more > batch:
            heappush(queue, (shelf.next.key, zone, more - batch))
    if left:
        return None
    by_offer = {option.offer: option for zone in bounds for option in stock[zone]}
    return tuple((by_offer[offer], numbers[0]) for offer, numbers in sorted(taken.items()))


class _Shelf:
    """The machines of one zone, cheapest first."""

    def __init__(self, options: list[Option]) -> None:
        self._options = options
        self._place = 0
        self._gone = 0

    @property
    def next(self) -> Option:
        """The next machine's option."""
        return self._options[self._place]

    @property
    def depth(self) -> int:
        """How many there are of the next one."""
        limit = self.next.limit
        return 10**9 if limit is None else limit - self._gone

    def take(self, count: int, taken: dict[int, list[int]]) -> None:
        """Take the next `count` machines; the caller knows that there are enough."""
        while count:
            batch = min(count, self.depth)
            taken.setdefault(self.next.offer, [0])[0] += batch
            count -= batch
            self._gone += batch
            if self.depth == 0:
                self._place, self._gone = self._place + 1, 0


def _partial(fleet: FleetGroup, stock: Mapping[int, list[Option]]) -> Bought:
    room = _room(fleet, stock, fleet.missing)
    return _fill(stock, {zone: (0, n) for zone, n in room.items()}, min(fleet.missing, sum(room.values()))) or ()
