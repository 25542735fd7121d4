"""Offers that share something, by zone: how many, and which is the cheapest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atoll.planning.world import World


@dataclass(frozen=True, slots=True)
class Group:
    """Some offers by zone: `zones` are those that have any, `starts` and `counts` tell which of `rows` are whose."""

    rows: NDArray[np.intp]
    prices: NDArray[np.float64]
    zones: tuple[int, ...]
    starts: NDArray[np.intp]
    counts: tuple[int, ...]
    place: dict[int, int]
    cheapest: tuple[int, ...]
    """The row of each zone's cheapest offer, the first of several."""
    lowest: tuple[float, ...]
    """Its price in USD an hour."""

    @classmethod
    def of(cls, rows: NDArray[np.intp], world: World) -> "Group":
        """These rows, which are in order."""
        catalog = world.snapshot.catalog
        bounds = np.searchsorted(rows, catalog.bounds)
        spans = np.diff(bounds)
        filled = np.flatnonzero(spans)
        starts, counts = bounds[filled], spans[filled].tolist()
        prices = catalog.columns.price[rows]
        best = [
            start + int(prices[start : start + count].argmin())
            for start, count in zip(starts.tolist(), counts, strict=True)
        ]
        zones = tuple(world.zone_of_offers[place] for place in filled.tolist())
        return cls(
            rows,
            prices,
            zones,
            starts,
            tuple(counts),
            {zone: i for i, zone in enumerate(zones)},
            tuple(rows[best].tolist()),
            tuple(prices[best].tolist()),
        )

    def count(self, zone: int) -> int:
        """How many there are in a zone."""
        return self.counts[self.place[zone]] if zone in self.place else 0

    def rows_in(self, zone: int) -> NDArray[np.intp]:
        """The rows in a zone."""
        if zone not in self.place:
            return self.rows[:0]
        start = int(self.starts[self.place[zone]])
        return self.rows[start : start + self.count(zone)]

    def best(self, zone: int) -> int | None:
        """The row of a zone's cheapest offer."""
        return self.cheapest[self.place[zone]] if zone in self.place else None

    def price(self, zone: int) -> float | None:
        """The lowest price in a zone, in USD an hour."""
        return self.lowest[self.place[zone]] if zone in self.place else None
