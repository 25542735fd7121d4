"""What would happen: a snapshot with some changes, planned as any other."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from atoll.model.catalog import AVAILABILITIES, MARKETS, Catalog
from atoll.model.offer import Availability, Market
from atoll.model.quota import with_own_use
from atoll.model.zone import Capacity, Zone, ZoneInfo, ZoneState
from atoll.planning.snapshot import ExistingInstance, Snapshot

LOST = "as if it were lost"
"""What a plan says of a zone that is lost in a what-if."""
SHUT = "as if it were closed"


@dataclass(frozen=True, slots=True)
class PriceEdit:
    """Another price for an instance type in a zone (None: in all), in USD an hour, or times a `factor`."""

    instance_type: str
    zone: Zone | None = None
    price: float | None = None
    factor: float = 1.0

    def applies(self, instance_type: str, zone: Zone) -> bool:
        """Whether it changes the price of this type there."""
        return self.instance_type.casefold() == instance_type.casefold() and self.zone in (None, zone)

    def of(self, price: float) -> float:
        """The price that takes the place of another one."""
        return price * self.factor if self.price is None else self.price


@dataclass(frozen=True, slots=True)
class Edits:
    """Changes of a snapshot: zones lost with what is in them, zones closed for new work, other prices.

    `fleets` are names of fleets that are gone; `no_spot` takes all spot machines and offers away.
    """

    lost: frozenset[Zone] = frozenset()
    closed: frozenset[Zone] = frozenset()
    prices: tuple[PriceEdit, ...] = ()
    fleets: frozenset[str] = frozenset()
    no_spot: bool = False

    def ends(self, instance: ExistingInstance) -> bool:
        """Whether the instance is gone."""
        spot = self.no_spot and instance.market is Market.SPOT
        return spot or instance.zone in self.lost or instance.fleet in self.fleets


def edited(snapshot: Snapshot, edits: Edits) -> Snapshot:
    """The snapshot with the changes; what ends gives its room and quota back."""
    gone = frozenset(instance.id for instance in snapshot.instances if edits.ends(instance))
    left = without(snapshot, gone)
    return replace(
        left,
        catalog=_repriced(snapshot.catalog, edits),
        zones=tuple(_shut(info, edits) for info in snapshot.zones),
        instances=tuple(_priced(instance, edits) for instance in left.instances),
        volumes=tuple(
            replace(volume, attached_to=tuple(id for id in volume.attached_to if id not in gone))
            for volume in snapshot.volumes
        ),
    )


def emptied(snapshot: Snapshot, zone: Zone, leaving: Collection[str]) -> Snapshot:
    """The snapshot with a zone closed, and others to take the place of the instances (ids) that leave it."""
    instances = tuple(
        replace(instance, outdated=instance.outdated or instance.id in leaving) for instance in snapshot.instances
    )
    return replace(closed(snapshot, zone), instances=instances)


def without(snapshot: Snapshot, ids: Collection[str]) -> Snapshot:
    """The snapshot as if these instances (ids) did not exist: what they take of capacities and quotas is free."""
    ended = [instance for instance in snapshot.instances if instance.id in ids]
    freed: dict[Zone, Capacity] = {}
    for one in ended:
        freed[one.zone] = freed.get(one.zone, Capacity()) + one.instance_type.capacity
    usage = (replace(one, used=one.used - freed.get(one.zone, Capacity())) for one in snapshot.usage)
    return replace(
        snapshot,
        instances=tuple(instance for instance in snapshot.instances if instance.id not in ids),
        usage=tuple(usage),
        quotas=with_own_use(snapshot.quotas, [(one.zone, one.instance_type, one.market, -1) for one in ended]),
    )


def closed(snapshot: Snapshot, zone: Zone) -> Snapshot:
    """The snapshot with a zone that takes no new work."""
    zones = tuple(_closed(info) if info.zone == zone else info for info in snapshot.zones)
    return replace(snapshot, zones=zones)


def _shut(info: ZoneInfo, edits: Edits) -> ZoneInfo:
    if info.zone in edits.lost:
        return replace(info, state=ZoneState.IMPAIRED, reason=LOST, until=None)
    if info.zone in edits.closed and info.state is ZoneState.AVAILABLE:
        return replace(info, state=ZoneState.CLOSED, reason=SHUT, until=None)
    return info


def _closed(info: ZoneInfo) -> ZoneInfo:
    return info if info.state is not ZoneState.AVAILABLE else replace(info, state=ZoneState.CLOSED)


def _priced(instance: ExistingInstance, edits: Edits) -> ExistingInstance:
    price = instance.price
    for edit in edits.prices:
        if edit.applies(instance.instance_type.name, instance.zone):
            price = edit.of(price)
    return instance if price == instance.price else replace(instance, price=price)


def _repriced(catalog: Catalog, edits: Edits) -> Catalog:
    """The catalog with other prices, and without spot offers where that is said."""
    if not edits.prices and not edits.no_spot:
        return catalog
    columns = catalog.columns
    price, availability = columns.price.copy(), columns.availability.copy()
    for edit in edits.prices:
        types = catalog.table.by_name.get(edit.instance_type.casefold(), [])
        zones = [place for place, zone in enumerate(catalog.zones) if edit.zone in (None, zone)]
        chosen = np.isin(columns.type, types) & np.isin(columns.zone, zones)
        price[chosen] = price[chosen] * edit.factor if edit.price is None else edit.price
    if edits.no_spot:
        unavailable = AVAILABILITIES.index(Availability.UNAVAILABLE)
        availability[columns.market == MARKETS.index(Market.SPOT)] = unavailable
    changed = replace(columns, price=price, availability=availability)
    return Catalog(catalog.zones, catalog.table.types, changed, catalog.as_of)
