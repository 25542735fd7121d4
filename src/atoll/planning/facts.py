"""The facts behind a refusal: what was asked, what there is, who said so.

`refusals` asks for them when it has found which filter refused a zone; `explain` makes sentences of them. Times are
ISO 8601, amounts in the units of the model.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from atoll.model.catalog import MARKETS
from atoll.model.failure import Failure
from atoll.model.resources import GpuRequirement, Range
from atoll.planning.feasibility import FAILURE_CODES, STAGE, Feasibility
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.world import World

Facts = Mapping[str, Fact]
Rows = NDArray[np.intp]

RESOURCE_CODES = frozenset(
    {
        RefusalCode.ARCH,
        RefusalCode.CPU,
        RefusalCode.MEMORY,
        RefusalCode.DISK,
        RefusalCode.GPU,
        RefusalCode.GPU_VENDOR,
        RefusalCode.GPU_NAME,
        RefusalCode.GPU_CAPABILITY,
        RefusalCode.GPU_COUNT,
        RefusalCode.GPU_MEMORY,
    }
)


def moment(time: datetime | None) -> str | None:
    """A time as a fact."""
    return None if time is None else time.isoformat()


def rows_at(feasibility: Feasibility, zone: int, code: RefusalCode, world: World) -> Rows:
    """The offers of a zone that this filter refused."""
    place = world.catalog_zone[zone]
    if place is None:
        return np.empty(0, dtype=np.intp)
    rows = world.snapshot.catalog.rows(place)
    found: Rows = np.flatnonzero(feasibility.offers[rows] == STAGE[code]) + rows.start
    return found


def facts(code: RefusalCode, feasibility: Feasibility, zone: int, world: World) -> Facts:
    """Why a zone is refused with this code."""
    rows = rows_at(feasibility, zone, code, world)
    if code in RESOURCE_CODES:
        return _resource(code, feasibility, rows, world)
    if code in _OF_OFFERS:
        return _OF_OFFERS[code](feasibility, zone, rows, world)
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


def _resource(code: RefusalCode, feasibility: Feasibility, rows: Rows, world: World) -> Facts:
    resources, catalog = feasibility.requirements.resources, world.snapshot.catalog
    kinds = np.unique(catalog.columns.type[rows])
    table, gpu = catalog.table, resources.gpu or GpuRequirement()
    amounts: dict[RefusalCode, tuple[Range | None, NDArray[np.float64]]] = {
        RefusalCode.CPU: (resources.cpus, table.cpus),
        RefusalCode.MEMORY: (resources.memory_gb, table.memory_gb),
        RefusalCode.DISK: (resources.disk_gb, table.disk_gb),
        RefusalCode.GPU_COUNT: (gpu.count, table.gpu_count),
        RefusalCode.GPU_MEMORY: (gpu.memory_gb, table.gpu_memory_gb),
    }
    if code in amounts:
        wanted, column = amounts[code]
        if code is RefusalCode.GPU_MEMORY and wanted is None:
            wanted, column = gpu.total_memory_gb, table.gpu_memory_gb * table.gpu_count
        least, most = float(column[kinds].min()), float(column[kinds].max())
        return {"wanted": str(wanted), "min": wanted.min if wanted else None, "least": least, "most": most}
    models = [table.gpu_models[i] for i in np.unique(table.gpu_model[kinds]).tolist() if i >= 0]
    match code:
        case RefusalCode.ARCH:
            return {"wanted": resources.arch, "has": tuple(table.archs[i] for i in np.unique(table.arch[kinds]))}
        case RefusalCode.GPU_NAME:
            return {"wanted": gpu.names, "has": tuple(dict.fromkeys(name for name, _, _ in models))}
        case RefusalCode.GPU_VENDOR:
            return {"wanted": gpu.vendor, "has": tuple(dict.fromkeys(vendor for _, vendor, _ in models))}
        case RefusalCode.GPU_CAPABILITY:
            best = max((ability for _, _, ability in models if ability), default=None)
            return {"wanted": _version(gpu.compute_capability), "most": _version(best)}
        case _:
            return {"wanted": str(gpu.count)}


def _version(ability: tuple[int, int] | None) -> str | None:
    return None if ability is None else f"{ability[0]}.{ability[1]}"


def _offer(rows: Rows, world: World) -> Facts:
    """The cheapest of these offers."""
    if len(rows) == 0:
        return {"instance_type": None}
    columns = world.snapshot.catalog.columns
    row = int(rows[np.argmin(columns.price[rows])])
    offer = world.snapshot.catalog.offer(row)
    return {"instance_type": offer.instance_type.name, "market": offer.market.value, "price": offer.price}


def _price(feasibility: Feasibility, zone: int, rows: Rows, world: World) -> Facts:
    return {"limit": feasibility.requirements.max_price, **_offer(rows, world)}


def _failed(feasibility: Feasibility, zone: int, rows: Rows, world: World) -> Facts:
    """The failure that covers the cheapest of the offers, and how many it and its like refuse here."""
    offer = _offer(rows, world)
    failure = _failure(rows, world, RefusalCode.RECENT_FAILURE)
    return offer if failure is None else {**offer, **_told(failure)}


def _told(failure: Failure) -> Facts:
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


def _failure(rows: Rows, world: World, code: RefusalCode) -> Failure | None:
    if len(rows) == 0:
        return None
    columns = world.snapshot.catalog.columns
    offer = world.snapshot.catalog.offer(int(rows[np.argmin(columns.price[rows])]))
    found = [f for f in world.failures if f.scope.covers(offer)]
    found = [f for f in found if FAILURE_CODES.get(f.kind, RefusalCode.RECENT_FAILURE) is code]
    # The one that ends last is the one that keeps the offer out.
    return max(found, key=lambda f: (f.until is None, f.until or f.at), default=None)


def _quota(feasibility: Feasibility, zone: int, rows: Rows, world: World) -> Facts:
    offer = _offer(rows, world)
    failure = _failure(rows, world, RefusalCode.QUOTA)
    region = world.zones[zone].zone.region
    if failure is not None:
        return {**offer, **_told(failure), "region": region}
    catalog = world.snapshot.catalog
    row = int(rows[np.argmin(catalog.columns.price[rows])])
    quota = world.quota(zone, MARKETS[catalog.columns.market[row]])
    assert quota is not None
    needed = float(catalog.table.cpus[catalog.columns.type[row]])
    return {**offer, "region": region, "needed": needed, **quota_facts(quota, world.free_cpus(quota), world)}


def quota_facts(quota: int, free: float, world: World) -> Facts:
    """A quota's limit, and how many of its CPUs are left."""
    return {"limit": world.quotas[quota].limit_cpus, "free": free, "region": world.quotas[quota].region}


def _total(feasibility: Feasibility, zone: int, rows: Rows, world: World) -> Facts:
    """The zone as a whole is smaller than any type that would do."""
    catalog, total = world.snapshot.catalog, world.zones[zone].capacity
    assert total is not None
    kinds = np.unique(catalog.columns.type[rows])
    table = catalog.table
    for resource, column, most in (
        ("cpus", table.cpus, total.cpus),
        ("memory_gb", table.memory_gb, total.memory_gb),
        ("gpus", table.gpu_count, total.gpus),
    ):
        if len(kinds) and column[kinds].min() > most:
            return {"resource": resource, "needed": float(column[kinds].min()), "total": most, "used": 0.0}
    return {"resource": "cpus", "needed": float(table.cpus[kinds].min()), "total": total.cpus, "used": 0.0}


def _plain(feasibility: Feasibility, zone: int, rows: Rows, world: World) -> Facts:
    return _offer(rows, world)


_OF_OFFERS: Mapping[RefusalCode, Callable[[Feasibility, int, Rows, World], Facts]] = {
    RefusalCode.PRICE: _price,
    RefusalCode.NOT_OFFERED: _plain,
    RefusalCode.UNAVAILABLE: _plain,
    RefusalCode.RECENT_FAILURE: _failed,
    RefusalCode.QUOTA: _quota,
    RefusalCode.CAPACITY_USED: _total,
}
