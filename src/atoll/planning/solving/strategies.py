"""How one fleet is laid over zones when it stands alone: any, cluster, spread, survive. Exact and quick.

What a zone's next machine costs never falls, so taking the cheapest next machine among the zones that may grow is
optimal for given bounds on each zone; the strategies differ in the bounds, and the few bounds that may be best are all
tried. Shared capacities and quotas are left out: `joint` checks them afterwards and turns to the exact model where one
is exceeded.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush

from atoll.planning.request import Strategy
from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import FleetGroup

Bought = tuple[tuple[Option, int], ...]
Bounds = Mapping[int, tuple[int, int]]


def lay(fleet: FleetGroup) -> Bought | None:
    """The cheapest machines for a fleet, shared limits aside; None when even so it does not fit."""
    stock = _stock(fleet)
    if fleet.partial:
        return _partial(fleet, stock)
    best: tuple[tuple[float, int, float], Bought] | None = None
    for bounds, count in _candidates(fleet, stock):
        bought = _fill(stock, bounds, count)
        if bought is None:
            continue
        rank = _rank(bought)
        if best is None or rank < best[0]:
            best = (rank, bought)
    return None if best is None else best[1]


def _stock(fleet: FleetGroup) -> dict[int, list[Option]]:
    stock: dict[int, list[Option]] = {zone: [] for zone in fleet.eligible}
    for option in sorted(fleet.options, key=lambda o: o.key):
        stock[option.zone].append(option)
    return stock


def _rank(bought: Bought) -> tuple[float, int, float]:
    cost = round(sum(option.price * count for option, count in bought), 9)
    return (cost, sum(count for _, count in bought), sum(option.key[5] * count for option, count in bought))


def _candidates(fleet: FleetGroup, stock: Mapping[int, list[Option]]) -> Iterator[tuple[Bounds, int]]:
    """Bounds on the new machines of each zone and how many are bought, among which the best plan is found."""
    room = {zone: _most(options, fleet.nodes) for zone, options in stock.items()}
    if fleet.placement.strategy is Strategy.CLUSTER:
        home = fleet.home
        zones = [zone for zone in sorted(room) if home in (None, zone)]
        candidates: Iterable[Mapping[int, tuple[int, int]]] = (
            {z: (0, n if z == zone else 0) for z, n in room.items()} for zone in zones
        )
        # A fleet whose cluster is whole already needs no zone.
        if fleet.missing == 0:
            candidates = [dict.fromkeys(room, (0, 0))]
    elif fleet.placement.strategy is Strategy.SPREAD:
        candidates = _levels(fleet, room)
    else:
        candidates = [{zone: (0, n) for zone, n in room.items()}]
    if not fleet.placement.survive_zones:
        yield from ((bounds, fleet.missing) for bounds in candidates)
        return
    for bounds in candidates:
        yield from _survivors(fleet, bounds)


def _most(options: Iterable[Option], top: int) -> int:
    total = 0
    for option in options:
        if option.limit is None:
            return top
        total += option.limit
    return min(total, top)


def _levels(fleet: FleetGroup, room: Mapping[int, int]) -> Iterator[Bounds]:
    """For each level that the emptiest eligible zone may end at, the bounds that keep the skew."""
    skew = fleet.placement.max_skew
    there = {zone: fleet.existing.get(zone, 0) for zone in room}
    total = sum(there.values()) + (fleet.nodes * len(room) if fleet.placement.survive_zones else fleet.missing)
    for level in range(total // max(1, len(room)), -1, -1):
        bounds = {
            zone: (max(0, level - there[zone]), min(most, max(0, level + skew - there[zone])))
            for zone, most in room.items()
        }
        feasible = all(low <= high for low, high in bounds.values())
        if feasible and sum(high for _, high in bounds.values()) >= fleet.missing:
            yield bounds


def _survivors(fleet: FleetGroup, bounds: Bounds) -> Iterator[tuple[Bounds, int]]:
    """The sum of min(count, t) over the zones must reach n + k·t for some level t: each level that may be best."""
    lost, wanted = fleet.placement.survive_zones, fleet.nodes
    outside = {zone: count for zone, count in fleet.existing.items() if zone not in bounds}
    for level in range(wanted + 1):
        kept = sum(min(count, level) for count in outside.values())
        capped = {}
        surplus = 0
        for zone, (low, high) in bounds.items():
            there = fleet.existing.get(zone, 0)
            kept += min(there, level)
            # A machine above the level does not help to survive; only a lower bound can ask for one.
            ceiling = max(low, min(high, level - there))
            capped[zone] = (low, ceiling)
            surplus += max(0, low - max(0, level - there))
        missing = max(0, wanted + lost * level - kept)
        lows = sum(low for low, _ in capped.values())
        yield capped, max(lows, missing + surplus)


def _fill(stock: Mapping[int, list[Option]], bounds: Bounds, count: int) -> Bought | None:
    """The cheapest `count` machines within the bounds; None when there are fewer or the lower bounds ask for more."""
    if sum(low for low, _ in bounds.values()) > count or sum(high for _, high in bounds.values()) < count:
        return None
    taken: dict[int, list[int]] = {}
    shelves = {zone: _Shelf(options) for zone, options in stock.items()}
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
    by_offer = {option.offer: option for options in stock.values() for option in options}
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
        """Take the next `count` machines; the caller knows that there are so many."""
        while count:
            batch = min(count, self.depth)
            taken.setdefault(self.next.offer, [0])[0] += batch
            count -= batch
            self._gone += batch
            if self.depth == 0:
                self._place, self._gone = self._place + 1, 0


def _partial(fleet: FleetGroup, stock: Mapping[int, list[Option]]) -> Bought | None:
    room = {zone: _most(options, fleet.missing) for zone, options in stock.items()}
    return _fill(stock, {zone: (0, n) for zone, n in room.items()}, min(fleet.missing, sum(room.values())))
