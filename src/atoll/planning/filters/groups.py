"""Offers that share something, by zone: how many, and which is the cheapest."""

from collections.abc import Iterator
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from atoll.model.catalog import MARKETS
from atoll.planning.terrain import Terrain

FEW = 0.25
"""Up to this share of the catalog, to list the members costs less than to do without a list.

The cheapest of many is soon met among all offers in the order of their prices; of few, it may be the last.
"""

FIRST_LOOK = 16
"""How many offers of each zone, the cheapest first, are searched before all of them."""

MARKET_NAMES = tuple(market.value for market in MARKETS)
"""The markets' names, by their numbers in the catalog's columns."""


class Group:
    """Some offers by zone: `zones` are those that have any, `starts` and `counts` say which of `rows` belong to which.

    A group of many offers avoids a look at each: the catalog knows which are cheap.
    """

    def __init__(
        self, members: NDArray[np.bool_] | None, terrain: Terrain, rows: NDArray[np.intp] | None = None
    ) -> None:
        """`members` says of each offer of the catalog whether it belongs to the group; or `rows` are its few ones."""
        self._catalog = terrain.snapshot.catalog
        if members is not None:
            self._members = members
        if rows is not None:
            self.rows, self._few = rows, True
        spans = self._spans()
        self._places = np.flatnonzero(spans)
        self._sizes: NDArray[np.intp] = spans[self._places]
        self.counts: list[int] = self._sizes.tolist()
        self.zones = [terrain.zone_of_offers[place] for place in self._places.tolist()]

    @cached_property
    def _few(self) -> bool:
        return bool(np.count_nonzero(self._members) <= len(self._members) * FEW)

    def _spans(self) -> NDArray[np.intp]:
        """How many members each zone of the catalog has."""
        filled, bounds = self._catalog.filled, self._catalog.bounds
        if self._few:
            return np.diff(np.searchsorted(self.rows, bounds))
        spans = np.zeros(len(bounds) - 1, dtype=np.intp)
        spans[filled] = np.add.reduceat(self._members, bounds[filled], dtype=np.intp)
        return spans

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """The rows of all."""
        return np.flatnonzero(self._members)

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Where in `rows` each zone begins."""
        return np.cumsum(self._sizes) - self._sizes

    @cached_property
    def _place(self) -> dict[int, int]:
        return {zone: i for i, zone in enumerate(self.zones)}

    @cached_property
    def _ranks(self) -> NDArray[np.int64]:
        """Where the cheapest offer of each zone stands in `Catalog.cheapest_first`."""
        order, bounds = self._catalog.cheapest_first, self._catalog.bounds
        starts, ends = bounds[self._places], bounds[self._places + 1]
        looked = starts[:, None] + np.arange(FIRST_LOOK)
        hit = self._members[order[np.minimum(looked, ends[:, None] - 1)]] & (looked < ends[:, None])
        if hit.any(axis=1).all():
            at: NDArray[np.int64] = starts + hit.argmax(axis=1)
        else:
            hits = np.flatnonzero(np.take(self._members, order))
            at = hits[np.searchsorted(hits, starts)]
        return at

    @cached_property
    def _least(self) -> NDArray[np.intp]:
        """Where in `rows` the offers stand that cost what their zone's cheapest does."""
        prices = self._catalog.columns.price[self.rows]
        return np.flatnonzero(prices == np.repeat(np.minimum.reduceat(prices, self.starts), self._sizes))

    @property
    def _firsts(self) -> NDArray[np.intp]:
        """Those of them that come first in each zone."""
        return self._least[np.searchsorted(self._least, self.starts)]

    @cached_property
    def cheapest(self) -> list[int]:
        """The row of each zone's cheapest offer, the first of several."""
        rows: list[int] = (self.rows[self._firsts] if self._few else self._catalog.cheapest_first[self._ranks]).tolist()
        return rows

    @cached_property
    def lowest(self) -> list[float]:
        """Its price in USD an hour."""
        return self._catalog.columns.price[self.cheapest].tolist() if self.zones else []

    @cached_property
    def prices(self) -> dict[int, float]:
        """The lowest price in each zone, in USD an hour."""
        return dict(zip(self.zones, self.lowest, strict=True))

    @cached_property
    def cheapest_offers(self) -> dict[int, dict[str, str | float]]:
        """Each zone's cheapest offer as facts: the name of its type, its market, its price in USD an hour."""
        columns, types = self._catalog.columns, self._catalog.table.types
        kinds, markets = columns.type[self.cheapest].tolist(), columns.market[self.cheapest].tolist()
        offers = zip(self.zones, kinds, markets, self.lowest, strict=True)
        return {
            zone: {"instance_type": types[kind].name, "market": MARKET_NAMES[market], "price": price}
            for zone, kind, market, price in offers
        }

    def as_cheap(self) -> NDArray[np.intp]:
        """The rows of all offers that cost what their zone's cheapest does, in no order."""
        if self._few:
            return self.rows[self._least]
        return np.array(list(chain.from_iterable(map(self._as_cheap_in, range(len(self.zones))))), dtype=np.intp)

    def cheapest_of_all(self) -> NDArray[np.intp]:
        """The rows of all offers that cost what the cheapest of all zones does, in no order."""
        lowest = min(self.lowest, default=0.0)
        places = [place for place, price in enumerate(self.lowest) if price == lowest]
        if self._few:
            rows: NDArray[np.intp] = self.rows[self._least]
            return rows[np.flatnonzero(self._catalog.columns.price[rows] == lowest)]
        return np.array(list(chain.from_iterable(map(self._as_cheap_in, places))), dtype=np.intp)

    def _as_cheap_in(self, place: int) -> Iterator[int]:
        """The rows of those of one zone, by the place of the zone in this group."""
        order, price = self._catalog.cheapest_first, self._catalog.columns.price
        low = self.lowest[place]
        yield self.cheapest[place]
        for row in order[int(self._ranks[place]) + 1 : int(self._catalog.bounds[self._places[place] + 1])]:
            if price[row] != low:
                return
            if self._members[row]:
                yield int(row)

    def count(self, zone: int) -> int:
        """How many there are in a zone."""
        return self.counts[self._place[zone]] if zone in self._place else 0

    def rows_in(self, zone: int) -> NDArray[np.intp]:
        """The rows in a zone."""
        if zone not in self._place:
            return self.rows[:0]
        start = int(self.starts[self._place[zone]])
        return self.rows[start : start + self.count(zone)]

    def best(self, zone: int) -> int | None:
        """The row of a zone's cheapest offer."""
        return self.cheapest[self._place[zone]] if zone in self._place else None

    def price(self, zone: int) -> float | None:
        """The lowest price in a zone, in USD an hour."""
        return self.prices.get(zone)
