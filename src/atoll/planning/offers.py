"""Which offers there are for some requirements, and why one cannot be had now: what `atoll offer` shows.

The same filters as for a plan. Offers that are not requested are left out; requested ones that cannot be had are kept
with their reason. All offers are looked at as columns; an object is made only for what is shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from atoll.model.catalog import MARKETS
from atoll.model.offer import UNKNOWN_PRICE, Offer
from atoll.planning.facts import Facts, facts_of_row, lacking
from atoll.planning.filters.feasibility import (
    FILTERS,
    PASSED,
    STAGE,
    Feasibility,
    assess,
    level_of,
    markets,
    type_stages,
)
from atoll.planning.plan import Refusal, RefusalCode
from atoll.planning.request import Requirements
from atoll.planning.terrain import Terrain

Rows = NDArray[np.intp]


class GroupBy(StrEnum):
    """What offers are put together by."""

    ZONE = "zone"
    REGION = "region"
    TYPE = "type"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class FoundOffer:
    """A requested offer, and why it cannot be had now (None: it can)."""

    offer: Offer
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class OfferGroup:
    """Offers that have something in common: how many, how many can be had now, the cheapest of these."""

    name: str
    backend: str
    offers: int
    available: int
    zones: int
    cheapest: Offer | None


@dataclass(frozen=True, slots=True)
class OfferSearch:
    """The offers of one question. `rows` are the catalog's, cheapest first; `stages` how far each came."""

    terrain: Terrain
    feasibility: Feasibility
    rows: Rows
    stages: NDArray[np.uint8]

    @classmethod
    def of(cls, requirements: Requirements, terrain: Terrain) -> "OfferSearch":
        """All offers that these requirements ask for."""
        feasibility = assess(requirements, terrain)
        catalog = terrain.snapshot.catalog
        if len(catalog) == 0:
            return cls(terrain, feasibility, np.empty(0, dtype=np.intp), np.empty(0, dtype=np.uint8))
        columns, table = catalog.columns, catalog.table
        by_zone = level_of(requirements, terrain).of_catalog
        requested = (by_zone >= STAGE[RefusalCode.NOT_OPTED_IN])[columns.zone]
        requested &= (type_stages(requirements, table) == PASSED)[columns.type]
        requested &= np.array([market in markets(requirements.spot_policy) for market in MARKETS])[columns.market]
        if requirements.max_price is not None:
            # One of unknown price may be what is wanted: it is shown, and says that the limit cannot be kept.
            requested &= (columns.price <= requirements.max_price) | (columns.price == UNKNOWN_PRICE)
        rows = np.flatnonzero(requested)
        kinds = columns.type[rows]
        order = np.lexsort((rows, table.memory_gb[kinds], table.cpus[kinds], columns.price[rows]))
        rows = rows[order]
        stages = np.minimum(feasibility.offers[rows], _left(rows, terrain))
        return cls(terrain, feasibility, rows, stages)

    def cheapest(self, limit: int) -> tuple[FoundOffer, ...]:
        """The first `limit` offers, cheapest first."""
        found = []
        for row, stage in zip(self.rows[:limit].tolist(), self.stages[:limit].tolist(), strict=True):
            offer = self.terrain.snapshot.catalog.offer(row)
            refusal = None if stage == PASSED else self._refusal(row, offer, FILTERS[stage])
            found.append(FoundOffer(offer, refusal))
        return tuple(found)

    def _refusal(self, row: int, offer: Offer, code: RefusalCode) -> Refusal:
        if code is RefusalCode.CAPACITY_USED:
            data = self._lacking(offer)
        else:
            data = facts_of_row(code, self.feasibility, row, self.terrain)
        return Refusal(offer.zone, code, data, offer.instance_type.name, offer.market)

    def _lacking(self, offer: Offer) -> Facts:
        zone = self.terrain.number[offer.zone]
        total, free = self.terrain.zones[zone].capacity, self.terrain.free[zone]
        assert total is not None
        assert free is not None
        return {"instance_type": offer.instance_type.name, **lacking(total, free, offer.instance_type.capacity)}

    def grouped(self, by: GroupBy) -> tuple[OfferGroup, ...]:
        """The offers put together, the group with the cheapest first and those that have nothing now last."""
        if not len(self.rows):
            return ()
        catalog = self.terrain.snapshot.catalog
        names, labels = _LABELS[by](self.terrain)
        label = labels[self.rows]
        passed = self.stages == PASSED
        offers = np.bincount(label, minlength=len(names))
        available = np.bincount(label[passed], minlength=len(names))
        zone = catalog.columns.zone[self.rows].astype(np.int64)
        zones = np.bincount(np.unique(label * len(catalog.zones) + zone) // len(catalog.zones), minlength=len(names))
        # The rows are sorted by price, so that the first of a label is its cheapest.
        first = dict(zip(*(part.tolist() for part in np.unique(label[passed], return_index=True)), strict=True))
        there = self.rows[passed]
        groups = [
            OfferGroup(
                names[number],
                self._backend(self.rows[label == number]) if by is not GroupBy.GPU else "",
                int(offers[number]),
                int(available[number]),
                int(zones[number]),
                catalog.offer(int(there[first[number]])) if number in first else None,
            )
            for number in np.flatnonzero(offers).tolist()
        ]
        return tuple(sorted(groups, key=_order))

    def _backend(self, rows: Rows) -> str:
        catalog = self.terrain.snapshot.catalog
        backends = {catalog.zones[zone].backend for zone in np.unique(catalog.columns.zone[rows]).tolist()}
        return backends.pop() if len(backends) == 1 else ""


def _order(group: OfferGroup) -> tuple[object, ...]:
    best = group.cheapest
    return (best is None, best.price if best else 0.0, group.name, group.backend)


def _left(rows: Rows, terrain: Terrain) -> NDArray[np.uint8]:
    """Which machines are larger than what is left of their zone's capacity."""
    catalog = terrain.snapshot.catalog
    zone, kind = catalog.columns.zone[rows], catalog.columns.type[rows]
    stages = np.full(len(rows), PASSED, dtype=np.uint8)
    for place, number in enumerate(terrain.zone_of_offers):
        free = terrain.free[number]
        if free is not None:
            table = catalog.table
            beyond = (table.cpus > free.cpus) | (table.memory_gb > free.memory_gb) | (table.gpu_count > free.gpus)
            stages[(zone == place) & beyond[kind]] = STAGE[RefusalCode.CAPACITY_USED]
    return stages


Labels = tuple[list[str], NDArray[np.int64]]


def _numbered(names: list[tuple[str, str]], column: NDArray[np.int32]) -> Labels:
    """Entries with the same key get the same label; a key is what is shown, and what distinguishes."""
    numbers: dict[tuple[str, str], int] = {}
    labels = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
    return [shown for shown, _ in numbers], labels[column]


def _by_zone(terrain: Terrain) -> Labels:
    catalog = terrain.snapshot.catalog
    return _numbered([(str(zone), f"{zone.backend}/{zone.region}") for zone in catalog.zones], catalog.columns.zone)


def _by_region(terrain: Terrain) -> Labels:
    catalog = terrain.snapshot.catalog
    return _numbered([(zone.region, zone.backend) for zone in catalog.zones], catalog.columns.zone)


def _by_type(terrain: Terrain) -> Labels:
    catalog = terrain.snapshot.catalog
    return _numbered([(kind.name, "") for kind in catalog.table.types], catalog.columns.type)


def _by_gpu(terrain: Terrain) -> Labels:
    catalog = terrain.snapshot.catalog
    texts = [f"{kind.gpu.name}:{kind.gpu.count}" if kind.gpu else "none" for kind in catalog.table.types]
    return _numbered([(text, "") for text in texts], catalog.columns.type)


_LABELS: Mapping[GroupBy, Callable[[Terrain], Labels]] = {
    GroupBy.ZONE: _by_zone,
    GroupBy.REGION: _by_region,
    GroupBy.TYPE: _by_type,
    GroupBy.GPU: _by_gpu,
}
