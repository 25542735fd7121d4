"""The catalog: an immutable snapshot of offers as columns, with its date.

Backends' listings are gathered into one by the engine; the planner filters it a million offers at a time, so it is held
in numpy arrays, sorted by zone, instance type and market: 22 bytes an offer beside the tables of zones and types.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atoll.model.offer import Availability, Market, Offer
from atoll.model.resources import InstanceType
from atoll.model.zone import Zone

MARKETS = tuple(Market)
"""The market column holds positions in here."""

AVAILABILITIES = tuple(Availability)
"""The availability column holds positions in here."""

UNTOLD = -1
"""In the count column: the provider does not report a number."""

COLUMNS = {"zone": "<i4", "type": "<i4", "market": "u1", "price": "<f8", "availability": "u1", "count": "<i4"}
"""The columns with their kinds, in the order of `Columns`."""

GpuModel = tuple[str, str, tuple[int, int] | None]
"""What GPUs of one kind share: name, vendor, compute capability."""


class TypeTable:
    """Instance types as columns. `gpu_model` and `arch` hold positions in `gpu_models` and `archs`; -1 is no GPU."""

    def __init__(self, types: Sequence[InstanceType]) -> None:
        self.types = tuple(types)
        self.cpus = np.array([t.cpus for t in types], dtype=np.float64)
        self.memory_gb = np.array([t.memory_gb for t in types], dtype=np.float64)
        self.disk_gb = np.array([t.disk_gb for t in types], dtype=np.float64)
        self.gpu_count = np.array([t.gpu.count if t.gpu else 0 for t in types], dtype=np.float64)
        self.gpu_memory_gb = np.array([t.gpu.memory_gb if t.gpu else 0 for t in types], dtype=np.float64)
        self.lacks_containers = np.array([t.containers == "" for t in types], dtype=np.bool_)
        models: dict[GpuModel, int] = {}
        archs: dict[str, int] = {}
        self.gpu_model = np.array([_gpu_model(t, models) for t in types], dtype=np.int32)
        self.arch = np.array([archs.setdefault(t.arch, len(archs)) for t in types], dtype=np.int32)
        self.gpu_models = tuple(models)
        self.archs = tuple(archs)

    def __len__(self) -> int:
        return len(self.types)

    @cached_property
    def by_name(self) -> dict[str, list[int]]:
        """The positions of the types of each name, whose case is folded."""
        found: dict[str, list[int]] = {}
        for place, kind in enumerate(self.types):
            found.setdefault(kind.name.casefold(), []).append(place)
        return found

    @cached_property
    def smallest_first(self) -> NDArray[np.int32]:
        """Where each type stands among all in the order of GPUs, CPUs, memory, disk and name."""
        amounts = zip(*(a.tolist() for a in (self.gpu_count, self.cpus, self.memory_gb, self.disk_gb)), strict=True)
        keys = [(*of_type, kind.name) for of_type, kind in zip(amounts, self.types, strict=True)]
        places = np.empty(len(keys), dtype=np.int32)
        places[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys), dtype=np.int32)
        return places


def _gpu_model(instance_type: InstanceType, models: dict[GpuModel, int]) -> int:
    gpu = instance_type.gpu
    if gpu is None or gpu.count == 0:
        return -1
    return models.setdefault((gpu.name, gpu.vendor, gpu.compute_capability), len(models))


PRICE_DIGITS = 9
"""After the point, of a price in USD an hour: all that providers state, and nothing that binary fractions add."""


@dataclass(frozen=True, slots=True)
class Columns:
    """One row an offer; `zone` and `type` are positions in the catalog's tables."""

    zone: NDArray[np.int32]
    type: NDArray[np.int32]
    market: NDArray[np.uint8]
    price: NDArray[np.float64]
    availability: NDArray[np.uint8]
    count: NDArray[np.int32]

    def take(self, order: NDArray[np.intp]) -> "Columns":
        """The rows in another order."""
        return Columns(*(getattr(self, name)[order] for name in self.__slots__))

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The columns by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def nbytes(self) -> int:
        """What the columns take, in bytes."""
        return sum(column.nbytes for column in self.arrays.values())


class Catalog:
    """Offers of all backends at one time, in the order of zone, instance type and market."""

    def __init__(self, zones: Sequence[Zone], types: Sequence[InstanceType], columns: Columns, as_of: datetime) -> None:
        """`zones` and `types` may hold unused entries; the columns may be in any order. Prices are rounded."""
        zone_order = sorted(range(len(zones)), key=lambda i: zones[i])
        type_order = sorted(range(len(types)), key=lambda i: (types[i].name, repr(types[i])))
        self.zones = tuple(zones[i] for i in zone_order)
        self.table = TypeTable([types[i] for i in type_order])
        self.as_of = as_of
        zone = _ranks(zone_order)[columns.zone] if len(columns.zone) else columns.zone
        kind = _ranks(type_order)[columns.type] if len(columns.type) else columns.type
        price = np.round(columns.price, PRICE_DIGITS)
        renamed = Columns(zone, kind, columns.market, price, columns.availability, columns.count)
        self.columns = renamed.take(np.lexsort((columns.market, kind, zone)))
        counts = np.bincount(self.columns.zone, minlength=len(zones))
        self.bounds = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        for column in self.columns.arrays.values():
            column.setflags(write=False)

    @classmethod
    def from_offers(cls, offers: Iterable[Offer], as_of: datetime) -> "Catalog":
        """The catalog of these offers."""
        zones: dict[Zone, int] = {}
        types: dict[InstanceType, int] = {}
        markets = {market: i for i, market in enumerate(MARKETS)}
        availabilities = {availability: i for i, availability in enumerate(AVAILABILITIES)}
        rows = [
            (
                zones.setdefault(offer.zone, len(zones)),
                types.setdefault(offer.instance_type, len(types)),
                markets[offer.market],
                offer.price,
                availabilities[offer.availability],
                UNTOLD if offer.count is None else offer.count,
            )
            for offer in offers
        ]
        by_column = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
        kinds = COLUMNS.values()
        columns = Columns(*(np.array(values, dtype=kind) for values, kind in zip(by_column, kinds, strict=True)))
        return cls(tuple(zones), tuple(types), columns, as_of)

    @classmethod
    def merged(cls, catalogs: Sequence["Catalog"], as_of: datetime) -> "Catalog":
        """The catalog of all offers of these, as one made from the offers would be; no offer becomes an object."""
        zones: dict[Zone, int] = {}
        types: dict[InstanceType, int] = {}
        parts = [
            replace(
                catalog.columns,
                zone=_numbers(catalog.zones, zones)[catalog.columns.zone],
                type=_numbers(catalog.table.types, types)[catalog.columns.type],
            ).arrays
            for catalog in catalogs
        ]
        if not parts:
            return cls.from_offers((), as_of)
        columns = Columns(*(np.concatenate([part[name] for part in parts]) for name in COLUMNS))
        return cls(tuple(zones), tuple(types), columns, as_of)

    def __len__(self) -> int:
        return len(self.columns.price)

    def __iter__(self) -> Iterator[Offer]:
        return (self.offer(row) for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Catalog) and self.as_of == other.as_of and self._signature == other._signature

    def __hash__(self) -> int:
        return hash((self.as_of, len(self)))

    def offer(self, row: int) -> Offer:
        """The offer in one row."""
        columns = self.columns
        count = int(columns.count[row])
        return Offer(
            zone=self.zones[columns.zone[row]],
            instance_type=self.table.types[columns.type[row]],
            market=MARKETS[columns.market[row]],
            price=float(columns.price[row]),
            availability=AVAILABILITIES[columns.availability[row]],
            count=None if count == UNTOLD else count,
        )

    def rows(self, zone: int) -> slice:
        """The rows of the zone at this position in `zones`."""
        return slice(int(self.bounds[zone]), int(self.bounds[zone + 1]))

    @cached_property
    def positions(self) -> dict[Zone, int]:
        """Where each zone stands in `zones`."""
        return {zone: i for i, zone in enumerate(self.zones)}

    @cached_property
    def filled(self) -> NDArray[np.intp]:
        """The positions of the zones that have offers."""
        return np.flatnonzero(np.diff(self.bounds))

    @cached_property
    def kinds(self) -> NDArray[np.intp]:
        """Each offer's type, market and availability in one number, in the order of tables of these three.

        An offer with a count of 0 counts as unavailable.
        """
        availability = self.columns.availability
        if self.counted:
            spent = (self.columns.count == 0) & (availability == AVAILABILITIES.index(Availability.AVAILABLE))
            availability = np.where(spent, np.uint8(AVAILABILITIES.index(Availability.UNAVAILABLE)), availability)
        # As wide as an index is: to look up a million in a table costs less than to make indices of them each time.
        kinds = self.columns.type * np.intp(len(MARKETS)) + self.columns.market
        kinds = kinds * np.intp(len(AVAILABILITIES)) + availability
        kinds.setflags(write=False)
        return kinds

    @cached_property
    def cheapest_first(self) -> NDArray[np.int32]:
        """The rows of each zone (as in `bounds`) in the order of their prices, those of one price in their own."""
        order = np.lexsort((self.columns.price, self.columns.zone)).astype(np.int32)
        order.setflags(write=False)
        return order

    @cached_property
    def counted(self) -> bool:
        """True when any offer has a known count."""
        return bool((self.columns.count != UNTOLD).any())

    @cached_property
    def sizes(self) -> dict[Zone, int]:
        """How many offers each zone has."""
        return dict(zip(self.zones, np.diff(self.bounds).tolist(), strict=True))

    @cached_property
    def nbytes(self) -> int:
        """What the columns take, in bytes; the tables of zones and types are shared by all offers."""
        return self.columns.nbytes

    @cached_property
    def _signature(self) -> tuple[object, ...]:
        return (self.zones, self.table.types, *(column.tobytes() for column in self.columns.arrays.values()))


def _numbers(values: Iterable[Hashable], numbers: dict[Any, int]) -> NDArray[np.int32]:
    """The number of each value in `numbers`, which learns the new ones."""
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int32)


def _ranks(order: Sequence[int]) -> NDArray[np.int32]:
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[np.asarray(order, dtype=np.intp)] = np.arange(len(order), dtype=np.int32)
    return ranks
