"""The facts behind a refusal: the requirement, what there is, and the source.

`refusals` gets them when it has found which filter refused a zone; `explain` makes sentences of them. Times are
ISO 8601, amounts in the units of the model.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import numpy as np

from atoll.model.catalog import AVAILABILITIES, MARKETS
from atoll.model.failure import Failure, Resource
from atoll.model.offer import Availability
from atoll.model.zone import Capacity
from atoll.planning.filters.amounts import RESOURCE_CODES, of_offers, of_zone
from atoll.planning.filters.feasibility import FAILURE_CODES, STAGE, Feasibility, markets
from atoll.planning.filters.groups import Group
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.terrain import Terrain

Facts = Mapping[str, Fact]
MOST_NAMED = 10
"""How many machines a refusal names."""


def moment(time: datetime | None) -> str | None:
    """A time as a fact."""
    return None if time is None else time.isoformat()


def facts(code: RefusalCode, feasibility: Feasibility, zone: int, terrain: Terrain) -> Facts:
    """Why a zone as a whole is refused with this code: what holds for all that it offers."""
    if code in RESOURCE_CODES:
        return of_zone(code, feasibility, zone, terrain)
    if code is RefusalCode.MARKET:
        return _markets(feasibility, zone, terrain)
    return offer_facts(code, feasibility, terrain)(zone)


def _markets(feasibility: Feasibility, zone: int, terrain: Terrain) -> Facts:
    """`joint` where something is offered on a market that the spot policy allows, only nothing that would do."""
    place, catalog = terrain.catalog_zone[zone], terrain.snapshot.catalog
    assert place is not None
    rows, policy = catalog.rows(place), feasibility.requirements.spot_policy
    offered = catalog.columns.availability[rows] != AVAILABILITIES.index(Availability.NOT_OFFERED)
    numbers = np.unique(catalog.columns.market[rows][offered]).tolist()
    has = tuple(MARKETS[number].value for number in numbers)
    return {"wanted": policy.value, "joint": not markets(policy).isdisjoint(has), "has": has}


def offer_facts(code: RefusalCode, feasibility: Feasibility, terrain: Terrain) -> Callable[[int], Facts]:
    """The function from a zone to the facts of its offers that are refused with this code."""
    if code in RESOURCE_CODES:
        return of_offers(code, feasibility, terrain).__getitem__
    if code in _OF_OFFERS:
        group, facts = feasibility.group(STAGE[code]), _OF_OFFERS[code]
        if facts is _plain:
            offers = group.cheapest_offers
            return lambda zone: offers.get(zone, _NO_OFFER)
        return lambda zone: facts(feasibility, zone, group, terrain)
    return lambda zone: _of_zone(code, feasibility, zone, terrain)


def facts_of_row(code: RefusalCode, feasibility: Feasibility, row: int, terrain: Terrain) -> Facts:
    """Why one suitable offer cannot be had; `row` is its place in the catalog."""
    zone = terrain.zone_of_offers[terrain.snapshot.catalog.columns.zone[row]]
    if code in _OF_OFFERS:
        alone = np.zeros(len(terrain.snapshot.catalog), dtype=np.bool_)
        alone[row] = True
        return _OF_OFFERS[code](feasibility, zone, Group(alone, terrain), terrain)
    return _of_zone(code, feasibility, zone, terrain)


def _of_zone(code: RefusalCode, feasibility: Feasibility, zone: int, terrain: Terrain) -> Facts:
    requirements, info = feasibility.requirements, terrain.zones[zone]
    match code:
        case RefusalCode.BACKEND:
            return {"wanted": requirements.backends or (), "backend": info.zone.backend}
        case RefusalCode.REGION:
            return {"wanted": requirements.regions or (), "region": info.zone.region}
        case RefusalCode.ZONE | RefusalCode.ZONE_EXCLUDED | RefusalCode.NO_ZONES:
            return {"wanted": requirements.availability_zones or (), "backend": info.zone.backend}
        case RefusalCode.INSTANCE_TYPE:
            return {"wanted": requirements.instance_types or ()}
        case RefusalCode.MARKET:
            return {"wanted": requirements.spot_policy.value, "offers": True}
        case _:
            return {"reason": info.reason, "until": moment(info.until)}


_NO_OFFER: Facts = {"instance_type": None}


def _offer(group: Group, zone: int) -> Facts:
    """The cheapest of a zone's offers."""
    return group.cheapest_offers.get(zone, _NO_OFFER)


def _price(feasibility: Feasibility, zone: int, group: Group, terrain: Terrain) -> Facts:
    return {"max_price": feasibility.requirements.max_price, **_offer(group, zone)}


def _failed(feasibility: Feasibility, zone: int, group: Group, terrain: Terrain) -> Facts:
    """The failure that covers the cheapest of the offers, and how many it and its like refuse here."""
    offer = _offer(group, zone)
    failure = _failure(group, zone, terrain, RefusalCode.RECENT_FAILURE)
    return offer if failure is None else {**offer, **told_of(failure)}


def told_of(failure: Failure) -> Facts:
    """The facts of a remembered failure."""
    return {
        "kind": failure.kind.value,
        "scope": _scope(failure),
        "at": moment(failure.at),
        "until": moment(failure.until),
        "count": failure.count,
        "only": failure.scope.market,
    }


def _scope(failure: Failure) -> str:
    scope = failure.scope
    if scope.instance_type is not None:
        return "offer"
    if scope.zone is not None:
        return "zone"
    return "backend" if scope.region is None else "region"


def _failure(group: Group, zone: int, terrain: Terrain, code: RefusalCode) -> Failure | None:
    row = group.best(zone)
    if row is None:
        return None
    offer = terrain.snapshot.catalog.offer(row)
    found = [f for f in terrain.failures if f.scope.resource is Resource.MACHINE and f.scope.covers(offer)]
    found = [f for f in found if FAILURE_CODES.get(f.kind, RefusalCode.RECENT_FAILURE) is code]
    # The one that ends last is the one that keeps the offer out.
    return max(found, key=lambda f: (f.until is None, f.until or f.at), default=None)


def _quota(feasibility: Feasibility, zone: int, group: Group, terrain: Terrain) -> Facts:
    offer = _offer(group, zone)
    failure = _failure(group, zone, terrain, RefusalCode.QUOTA)
    region = terrain.zones[zone].zone.region
    if failure is not None:
        return {**offer, **told_of(failure), "region": region}
    catalog = terrain.snapshot.catalog
    row = group.best(zone)
    assert row is not None
    quota = terrain.quota(zone, MARKETS[catalog.columns.market[row]])
    assert quota is not None
    needed = float(catalog.table.cpus[catalog.columns.type[row]])
    return {**offer, "region": region, "needed": needed, **quota_facts(quota, terrain.free_cpus(quota), terrain)}


def quota_facts(quota: int, free: float, terrain: Terrain) -> Facts:
    """A quota's limit, and how many of its CPUs are left."""
    known = terrain.quotas[quota]
    return {"limit": known.limit_cpus, "free": max(0.0, free), "region": known.region, "market": known.market.value}


def _total(feasibility: Feasibility, zone: int, group: Group, terrain: Terrain) -> Facts:
    """The zone as a whole is smaller than the cheapest type that would do, and than every other."""
    catalog, total = terrain.snapshot.catalog, terrain.zones[zone].capacity
    row = group.best(zone)
    assert total is not None
    assert row is not None
    kind = catalog.table.types[catalog.columns.type[row]]
    return {**_offer(group, zone), **lacking(total, total, kind.capacity)}


def lacking(total: Capacity, free: Capacity, use: Capacity) -> Facts:
    """Of which resource a zone has too little left for a machine that takes `use`."""
    short = (name for name in ("cpus", "memory_gb", "gpus") if getattr(free, name) < getattr(use, name))
    resource = next(short, "cpus")
    whole, left = getattr(total, resource), getattr(free, resource)
    return {"resource": resource, "needed": getattr(use, resource), "total": whole, "used": whole - left}


def without_engine(names: Iterable[str]) -> Facts:
    """The machines that have no container engine: the first ones by name, and how many they are."""
    distinct = sorted(set(names))
    return {"machines": tuple(distinct[:MOST_NAMED]), "count": len(distinct)}


def _containers(feasibility: Feasibility, zone: int, group: Group, terrain: Terrain) -> Facts:
    rows, catalog = group.rows_in(zone), terrain.snapshot.catalog
    return without_engine(catalog.table.types[kind].name for kind in catalog.columns.type[rows].tolist())


def _plain(feasibility: Feasibility, zone: int, group: Group, terrain: Terrain) -> Facts:
    return _offer(group, zone)


_OF_OFFERS: Mapping[RefusalCode, Callable[[Feasibility, int, Group, Terrain], Facts]] = {
    RefusalCode.CONTAINERS: _containers,
    RefusalCode.PRICE_UNKNOWN: _price,
    RefusalCode.PRICE: _price,
    RefusalCode.NOT_OFFERED: _plain,
    RefusalCode.UNAVAILABLE: _plain,
    RefusalCode.RECENT_FAILURE: _failed,
    RefusalCode.QUOTA: _quota,
    RefusalCode.CAPACITY_USED: _total,
}
