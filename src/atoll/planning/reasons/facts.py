"""The facts behind a refusal: what was asked, what there is, who said so.

`refusals` asks for them when it has found which filter refused a zone; `explain` makes sentences of them. Times are
ISO 8601, amounts in the units of the model.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np

from atoll.model.catalog import MARKETS
from atoll.model.failure import Failure
from atoll.planning.filters.amounts import RESOURCE_CODES, amounts
from atoll.planning.filters.feasibility import FAILURE_CODES, STAGE, Feasibility
from atoll.planning.filters.groups import Group
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.world import World

Facts = Mapping[str, Fact]


def moment(time: datetime | None) -> str | None:
    """A time as a fact."""
    return None if time is None else time.isoformat()


def facts(code: RefusalCode, feasibility: Feasibility, zone: int, world: World) -> Facts:
    """Why a zone is refused with this code."""
    return teller(code, feasibility, world)(zone)


def teller(code: RefusalCode, feasibility: Feasibility, world: World) -> Callable[[int], Facts]:
    """Tells of any zone why it is refused with this code."""
    if code in RESOURCE_CODES:
        return amounts(code, feasibility, world).__getitem__
    if code in _OF_OFFERS:
        group, tell = feasibility.group(STAGE[code]), _OF_OFFERS[code]
        return lambda zone: tell(feasibility, zone, group, world)
    return lambda zone: _of_zone(code, feasibility, zone, world)


def facts_of_row(code: RefusalCode, feasibility: Feasibility, row: int, world: World) -> Facts:
    """Why one offer that has what was asked for cannot be had; `row` is its place in the catalog."""
    zone = world.zone_of_offers[world.snapshot.catalog.columns.zone[row]]
    if code in _OF_OFFERS:
        alone = np.zeros(len(world.snapshot.catalog), dtype=np.bool_)
        alone[row] = True
        return _OF_OFFERS[code](feasibility, zone, Group(alone, world), world)
    return _of_zone(code, feasibility, zone, world)


def _of_zone(code: RefusalCode, feasibility: Feasibility, zone: int, world: World) -> Facts:
    asked, info = feasibility.requirements, world.zones[zone]
    match code:
        case RefusalCode.BACKEND:
            return {"wanted": asked.backends or (), "backend": info.zone.backend}
        case RefusalCode.REGION:
            return {"wanted": asked.regions or (), "region": info.zone.region}
        case RefusalCode.ZONE | RefusalCode.ZONE_EXCLUDED | RefusalCode.NO_ZONES:
            return {"wanted": asked.availability_zones or (), "backend": info.zone.backend}
        case RefusalCode.INSTANCE_TYPE:
            return {"wanted": asked.instance_types or ()}
        case RefusalCode.MARKET:
            return {"wanted": asked.spot_policy.value}
        case _:
            return {"reason": info.reason, "until": moment(info.until)}


def _offer(group: Group, zone: int) -> Facts:
    """The cheapest of a zone's offers."""
    cheapest = group.cheapest_offers.get(zone)
    if cheapest is None:
        return {"instance_type": None}
    kind, market, price = cheapest
    return {"instance_type": kind, "market": market, "price": price}


def _price(feasibility: Feasibility, zone: int, group: Group, world: World) -> Facts:
    return {"limit": feasibility.requirements.max_price, **_offer(group, zone)}


def _failed(feasibility: Feasibility, zone: int, group: Group, world: World) -> Facts:
    """The failure that covers the cheapest of the offers, and how many it and its like refuse here."""
    offer = _offer(group, zone)
    failure = _failure(group, zone, world, RefusalCode.RECENT_FAILURE)
    return offer if failure is None else {**offer, **told_of(failure)}


def told_of(failure: Failure) -> Facts:
    """The facts of a remembered failure."""
    return {
        "kind": failure.kind.value,
        "scope": _scope(failure),
        "at": moment(failure.at),
        "until": moment(failure.until),
        "count": failure.count,
    }


def _scope(failure: Failure) -> str:
    scope = failure.scope
    if scope.instance_type is not None:
        return "offer"
    if scope.zone is not None:
        return "zone"
    return "backend" if scope.region is None else "region"


def _failure(group: Group, zone: int, world: World, code: RefusalCode) -> Failure | None:
    row = group.best(zone)
    if row is None:
        return None
    offer = world.snapshot.catalog.offer(row)
    found = [f for f in world.failures if f.scope.covers(offer)]
    found = [f for f in found if FAILURE_CODES.get(f.kind, RefusalCode.RECENT_FAILURE) is code]
    # The one that ends last is the one that keeps the offer out.
    return max(found, key=lambda f: (f.until is None, f.until or f.at), default=None)


def _quota(feasibility: Feasibility, zone: int, group: Group, world: World) -> Facts:
    offer = _offer(group, zone)
    failure = _failure(group, zone, world, RefusalCode.QUOTA)
    region = world.zones[zone].zone.region
    if failure is not None:
        return {**offer, **told_of(failure), "region": region}
    catalog = world.snapshot.catalog
    row = group.best(zone)
    assert row is not None
    quota = world.quota(zone, MARKETS[catalog.columns.market[row]])
    assert quota is not None
    needed = float(catalog.table.cpus[catalog.columns.type[row]])
    return {**offer, "region": region, "needed": needed, **quota_facts(quota, world.free_cpus(quota), world)}


def quota_facts(quota: int, free: float, world: World) -> Facts:
    """A quota's limit, and how many of its CPUs are left."""
    return {"limit": world.quotas[quota].limit_cpus, "free": free, "region": world.quotas[quota].region}


def _total(feasibility: Feasibility, zone: int, group: Group, world: World) -> Facts:
    """The zone as a whole is smaller than any type that would do."""
    catalog, total = world.snapshot.catalog, world.zones[zone].capacity
    assert total is not None
    kinds = np.unique(catalog.columns.type[group.rows_in(zone)])
    table = catalog.table
    for resource, column, most in (
        ("cpus", table.cpus, total.cpus),
        ("memory_gb", table.memory_gb, total.memory_gb),
        ("gpus", table.gpu_count, total.gpus),
    ):
        if len(kinds) and column[kinds].min() > most:
            return {"resource": resource, "needed": float(column[kinds].min()), "total": most, "used": 0.0}
    return {"resource": "cpus", "needed": float(table.cpus[kinds].min()), "total": total.cpus, "used": 0.0}


def _plain(feasibility: Feasibility, zone: int, group: Group, world: World) -> Facts:
    return _offer(group, zone)


_OF_OFFERS: Mapping[RefusalCode, Callable[[Feasibility, int, Group, World], Facts]] = {
    RefusalCode.PRICE: _price,
    RefusalCode.NOT_OFFERED: _plain,
    RefusalCode.UNAVAILABLE: _plain,
    RefusalCode.RECENT_FAILURE: _failed,
    RefusalCode.QUOTA: _quota,
    RefusalCode.CAPACITY_USED: _total,
}
