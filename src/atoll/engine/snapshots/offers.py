"""The offers of a snapshot file, as objects or as a table, and the catalog: each made from the other.

A table becomes columns without one Python object for each offer; that is what makes it quick.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atoll.engine.snapshots.fault import BadSnapshot, at, repeats
from atoll.engine.snapshots.machine import machine_of, place_of, saved_machine, saved_place, type_of, zone_of
from atoll.model.catalog import AVAILABILITIES, MARKETS, UNTOLD, Catalog, Columns
from atoll.model.diagnostic import Diagnostic
from atoll.model.offer import UNKNOWN_PRICE, Availability, Market
from atoll.model.resources import InstanceType
from atoll.model.zone import Zone
from atoll.wire.snapshot import OfferTable, SavedMachine, SavedOffer, SavedPlace

FEW = 500
"""Up to this many offers are written as objects, which are easier to read and to change by hand."""


def catalog_of(offers: Sequence[SavedOffer] | OfferTable, as_of: datetime) -> Catalog:
    """The catalog of these offers. Raises BadSnapshot."""
    if isinstance(offers, OfferTable):
        return _of_table(offers, as_of)
    return _of_rows(offers, as_of)


def _of_rows(offers: Sequence[SavedOffer], as_of: datetime) -> Catalog:
    zones: dict[tuple[str, str, str], int] = {}
    places: list[Zone] = []
    types: dict[tuple[Any, ...], int] = {}
    machines: list[InstanceType] = []
    markets = {market: i for i, market in enumerate(MARKETS)}
    states = {state: i for i, state in enumerate(AVAILABILITIES)}
    rows = []
    for index, one in enumerate(offers):
        where = (one.backend, one.region, one.zone)
        zone = zones.setdefault(where, len(places))
        if zone == len(places):
            places.append(zone_of(one))
        what = (one.instance_type, one.cpus, one.memory_gb, one.disk_gb, one.arch, one.gpus)
        kind = types.setdefault(what, len(machines))
        if kind == len(machines):
            machines.append(type_of(one, f"offers[{index}]"))
        count = UNTOLD if one.capacity is None else one.capacity
        rows.append((zone, kind, markets[one.market], one.price, states[one.availability], count))
    by_column: list[Any] = list(zip(*rows, strict=True)) or [()] * 6
    columns = _columns(*by_column)
    _refuse_repeats(columns, [machine.name for machine in machines])
    return Catalog(places, machines, columns, as_of)


def _of_table(table: OfferTable, as_of: datetime) -> Catalog:
    found = [*_lengths(table), *repeats("offers.zones", table.zones, place_of, "zone")]
    found += repeats("offers.types", table.types, machine_of, "instance type")
    if found:
        raise BadSnapshot(found)
    count = len(table.price)
    states = (table.availabilities, AVAILABILITIES, Availability.AVAILABLE)
    columns = _columns(
        table.zone,
        table.type,
        _mapped("market", table.market, table.markets, MARKETS, Market.ON_DEMAND, count),
        table.price,
        _mapped("availability", table.availability, *states, count),
        np.full(count, UNTOLD) if table.capacity is None else table.capacity,
    )
    found = [
        *_outside("zone", columns.zone >= len(table.zones), "`zones` has no such entry"),
        *_outside("type", columns.type >= len(table.types), "`types` has no such entry"),
    ]
    if found:
        raise BadSnapshot(found)
    _refuse_repeats(columns, [machine.instance_type for machine in table.types])
    machines = [type_of(one, f"offers.types[{index}]") for index, one in enumerate(table.types)]
    return Catalog([zone_of(place) for place in table.zones], machines, columns, as_of)


def _columns(*values: Any) -> Columns:
    kinds = (np.int32, np.int32, np.uint8, np.float64, np.uint8, np.int32)
    columns = Columns(*(np.array(column, dtype=kind) for column, kind in zip(values, kinds, strict=True)))
    columns.price[np.isnan(columns.price)] = UNKNOWN_PRICE  # numpy makes this of a null
    return columns


def _lengths(table: OfferTable) -> Iterator[Diagnostic]:
    wanted = len(table.price)
    for name in ("zone", "type", "market", "availability", "capacity"):
        column = getattr(table, name)
        if column is not None and len(column) != wanted:
            yield at(f"offers.{name}", f"{len(column)} entries, where `price` has {wanted}")


def _mapped(
    key: str,
    column: Sequence[int] | None,
    names: Sequence[object],
    order: Sequence[object],
    otherwise: object,
    count: int,
) -> NDArray[np.int64]:
    """The file's positions in its own list of names, as positions in ours."""
    if column is None:
        return np.full(count, order.index(otherwise))
    given = np.array(column, dtype=np.int64)
    found = list(_outside(key, given >= len(names), "there is no such name"))
    if found:
        raise BadSnapshot(found)
    ours: NDArray[np.int64] = np.array([order.index(name) for name in names], dtype=np.int64)
    return ours[given] if count else given


def _outside(key: str, wrong: NDArray[np.bool_], message: str) -> Iterator[Diagnostic]:
    for index in np.flatnonzero(wrong)[:5].tolist():
        yield at(f"offers.{key}[{index}]", message)


def _refuse_repeats(columns: Columns, types: Sequence[str]) -> None:
    """One type in one zone on one market can have one price only."""
    if not len(columns.price):
        return
    numbers: dict[str, int] = {}
    named = np.array([numbers.setdefault(name, len(numbers)) for name in types], dtype=np.int64)[columns.type]
    order = np.lexsort((columns.market, named, columns.zone))
    same = np.ones(len(order) - 1, dtype=bool)
    for column in (columns.zone, named, columns.market):
        sorted_column = column[order]
        same &= sorted_column[1:] == sorted_column[:-1]
    found = []
    for place in np.flatnonzero(same)[:5].tolist():
        one, other = sorted((int(order[place]), int(order[place + 1])))
        found.append(at(f"offers[{other}]", f"the same zone, instance type and market as `offers[{one}]`"))
    if found:
        raise BadSnapshot(found)


def saved_offers(catalog: Catalog) -> list[SavedOffer] | OfferTable:
    """The catalog's offers as the file has them: objects where they are few, else a table."""
    return [_saved(catalog, row) for row in range(len(catalog))] if len(catalog) <= FEW else _table(catalog)


def _saved(catalog: Catalog, row: int) -> SavedOffer:
    offer = catalog.offer(row)
    return SavedOffer(
        **saved_place(offer.zone),
        **saved_machine(offer.instance_type),
        price=offer.price,
        market=offer.market,
        availability=offer.availability,
        capacity=offer.count,
    )


def _table(catalog: Catalog) -> OfferTable:
    columns = catalog.columns
    available = AVAILABILITIES.index(Availability.AVAILABLE)
    return OfferTable(
        zones=[SavedPlace(**saved_place(zone)) for zone in catalog.zones],
        types=[SavedMachine(**saved_machine(machine)) for machine in catalog.table.types],
        zone=columns.zone.tolist(),
        type=columns.type.tolist(),
        price=columns.price.tolist(),
        market=columns.market.tolist(),
        availability=None if bool((columns.availability == available).all()) else columns.availability.tolist(),
        capacity=None if bool((columns.count == UNTOLD).all()) else columns.count.tolist(),
        markets=list(MARKETS),
        availabilities=list(AVAILABILITIES),
    )
