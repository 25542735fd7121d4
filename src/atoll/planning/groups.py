"""Offers that share something, by zone: how many, and which is the cheapest."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atoll.planning.world import World

FIRST_LOOK = 16
"""So many offers of each zone are looked at first for the cheapest; then more of those zones where none was."""


class Group:
    """Some offers by zone: `zones` are those that have any, `starts` and `counts` tell which of `rows` are whose.

    What a group of many offers can tell without a look at each, it does: the catalog knows which are cheap.
    """

    def __init__(self, members: NDArray[np.bool_], world: World) -> None:
        """`members` says of each offer of the catalog whether it belongs to the group."""
        self._members = members
        self._catalog = world.snapshot.catalog
        self.rows: NDArray[np.intp] = np.flatnonzero(members)
        bounds = np.searchsorted(self.rows, self._catalog.bounds)
        spans = np.diff(bounds)
        self._places = np.flatnonzero(spans)
        self.starts: NDArray[np.intp] = bounds[self._places]
        self.counts: list[int] = spans[self._places].tolist()
        self.zones = [world.zone_of_offers[place] for place in self._places.tolist()]

    @cached_property
    def _place(self) -> dict[int, int]:
        return {zone: i for i, zone in enumerate(self.zones)}

    @cached_property
    def _ranks(self) -> NDArray[np.int64]:
        """Where the cheapest offer of each zone stands in `Catalog.cheapest_first`."""
        order, ends = self._catalog.cheapest_first, self._catalog.bounds[self._places + 1]
        at = self._catalog.bounds[self._places]
        pending, width = np.arange(len(at)), FIRST_LOOK
        while len(pending):
            looked = at[pending, None] + np.arange(width)
            last = ends[pending, None] - 1
            hit = self._members[order[np.minimum(looked, last)]] & (looked <= last)
            has = hit.any(axis=1)
            at[pending] += np.where(has, hit.argmax(axis=1), width)
            pending, width = pending[~has], width * 4
        return at

    @cached_property
    def cheapest(self) -> list[int]:
        """The row of each zone's cheapest offer, the first of several."""
        rows: list[int] = self._catalog.cheapest_first[self._ranks].tolist()
        return rows

    @cached_property
    def lowest(self) -> list[float]:
        """Its price in USD an hour."""
        return self._catalog.columns.price[self.cheapest].tolist() if self.zones else []

    def as_cheap(self) -> NDArray[np.intp]:
        """The rows of all offers that cost what their zone's cheapest does, in no order."""
        order, price = self._catalog.cheapest_first, self._catalog.columns.price
        ends = self._catalog.bounds[self._places + 1].tolist()
        found = list(self.cheapest)
        for rank, end, low in zip(self._ranks.tolist(), ends, self.lowest, strict=True):
            for row in order[rank + 1 : end]:
                if price[row] != low:
                    break
                if self._members[row]:
                    found.append(int(row))
        return np.array(found, dtype=np.intp)

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
        return self.lowest[self._place[zone]] if zone in self._place else None
