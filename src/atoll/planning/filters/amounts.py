"""The amounts of resources that instance types have, beside the required ones.

Two subjects: a whole zone, or all instances in it, of which a sentence must be true as a whole; and the offers that one
filter refused.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atoll.model.catalog import AVAILABILITIES, TypeTable
from atoll.model.offer import Availability
from atoll.model.resources import GpuRequirement, Range, Resources
from atoll.planning.filters.feasibility import STAGE, Feasibility, of_types
from atoll.planning.filters.groups import Group
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.terrain import Terrain

Facts = Mapping[str, Fact]
Kinds = NDArray[np.integer[Any]]

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

_AMOUNTS = frozenset({RefusalCode.CPU, RefusalCode.MEMORY, RefusalCode.DISK})

_OF_GPUS = RESOURCE_CODES - {RefusalCode.ARCH, RefusalCode.CPU, RefusalCode.MEMORY, RefusalCode.DISK}


def of_zone(code: RefusalCode, feasibility: Feasibility, zone: int, terrain: Terrain) -> Facts:
    """The required amount, and those of all types that a zone offers; `joint` where one of them has enough of this."""
    place = terrain.catalog_zone[zone]
    assert place is not None
    catalog = terrain.snapshot.catalog
    rows = catalog.rows(place)
    offered = catalog.columns.availability[rows] != AVAILABILITIES.index(Availability.NOT_OFFERED)
    return of_all(
        code, feasibility.requirements.resources, catalog.table, np.unique(catalog.columns.type[rows][offered])
    )


def of_all(code: RefusalCode, resources: Resources, table: TypeTable, kinds: Kinds) -> Facts:
    """The same of all these types of a table; no type has everything that is required."""
    refused = dict(of_types(resources, table))[code][kinds]
    if code in _OF_GPUS:
        refused = refused | (table.gpu_count[kinds] == 0)
    return {**_having(code, resources, table, kinds), "joint": not refused.all() or not len(kinds)}


def of_offers(code: RefusalCode, feasibility: Feasibility, terrain: Terrain) -> Mapping[int, Facts]:
    """The required amount and those of the refused offers, for each zone with offers that this filter refused."""
    if code not in feasibility.amounts:
        group, resources = feasibility.group(STAGE[code]), feasibility.requirements.resources
        kinds = terrain.snapshot.catalog.columns.type[group.rows]
        of_zones = _ranges if code in _AMOUNTS else _each
        found = of_zones(code, resources, terrain.snapshot.catalog.table, kinds, group)
        feasibility.amounts[code] = dict(zip(group.zones, found, strict=True))
    return feasibility.amounts[code]


def _ranges(code: RefusalCode, resources: Resources, table: TypeTable, kinds: Kinds, group: Group) -> Iterable[Facts]:
    """Amounts of which only the least and the most are shown: of all zones at once."""
    limits, values = _amount(code, resources, table, kinds)
    starts = group.starts
    least, most = np.minimum.reduceat(values, starts).tolist(), np.maximum.reduceat(values, starts).tolist()
    required = {"wanted": _text(limits), "min": limits.min, "max": limits.max}
    return ({**required, "least": low, "most": high, "offers": True} for low, high in zip(least, most, strict=True))


def _each(code: RefusalCode, resources: Resources, table: TypeTable, kinds: Kinds, group: Group) -> Iterable[Facts]:
    """Facts for which the types of each zone are looked at; zones with the same types have the same."""
    made: dict[bytes, Facts] = {}
    for start, count in zip(group.starts.tolist(), group.counts, strict=True):
        here = np.unique(kinds[start : start + count])
        key = here.tobytes()
        if key not in made:
            made[key] = {**_having(code, resources, table, here), "offers": True}
        yield made[key]


def _having(code: RefusalCode, resources: Resources, table: TypeTable, kinds: Kinds) -> dict[str, Fact]:
    gpu = resources.gpu or GpuRequirement()
    models = [table.gpu_models[i] for i in np.unique(table.gpu_model[kinds]).tolist() if i >= 0]
    with_gpus = kinds[table.gpu_count[kinds] > 0]
    match code:
        case RefusalCode.CPU | RefusalCode.MEMORY | RefusalCode.DISK:
            return _range(*_amount(code, resources, table, kinds))
        case RefusalCode.GPU_COUNT:
            return _range(gpu.count, table.gpu_count[with_gpus])
        case RefusalCode.GPU_MEMORY:
            return _gpu_memory(gpu, table, with_gpus)
        case RefusalCode.ARCH:
            return {
                "wanted": resources.arch,
                "has": tuple(table.archs[i] for i in np.unique(table.arch[kinds]).tolist()),
            }
        case RefusalCode.GPU:
            return {"wanted": _text(gpu.count), "min": gpu.count.min}
        case RefusalCode.GPU_NAME:
            return {"wanted": gpu.names, "has": _distinct(name for name, _, _ in models)}
        case RefusalCode.GPU_VENDOR:
            return {"wanted": gpu.vendor, "has": _distinct(vendor for _, vendor, _ in models)}
        case _:
            best = max((ability for _, _, ability in models if ability), default=None)
            return {"wanted": _version(gpu.compute_capability), "most": _version(best)}


def amount_of(code: RefusalCode, resources: Resources) -> Range | None:
    """The required range of what a filter looks at; None where that is no amount of CPUs, memory or disk, or none."""
    match code:
        case RefusalCode.CPU:
            return resources.cpus
        case RefusalCode.MEMORY:
            return resources.memory_gb
        case RefusalCode.DISK:
            return resources.disk_gb
        case _:
            return None


def _amount(
    code: RefusalCode, resources: Resources, table: TypeTable, kinds: Kinds
) -> tuple[Range, NDArray[np.float64]]:
    """The required range, and what each of these types has."""
    values = {
        RefusalCode.CPU: table.cpus,
        RefusalCode.MEMORY: table.memory_gb,
        RefusalCode.DISK: table.disk_gb,
    }[code]
    return amount_of(code, resources) or Range(), values[kinds]


def _gpu_memory(gpu: GpuRequirement, table: TypeTable, kinds: Kinds) -> dict[str, Fact]:
    """Of one GPU where that is what all of them lack, else of all GPUs of an instance."""
    one = table.gpu_memory_gb[kinds]
    wanted = gpu.memory_gb
    if gpu.total_memory_gb is None or (wanted is not None and not any(value in wanted for value in one.tolist())):
        return _range(wanted, one)
    return {**_range(gpu.total_memory_gb, one * table.gpu_count[kinds]), "total": True}


def _range(wanted: Range | None, values: NDArray[np.float64]) -> dict[str, Fact]:
    limits = wanted or Range()
    least, most = (float(values.min()), float(values.max())) if len(values) else (None, None)
    return {"wanted": _text(limits), "min": limits.min, "max": limits.max, "least": least, "most": most}


def _text(limits: Range) -> str:
    if limits.min is not None and limits.min == limits.max:
        return f"{limits.min:.12g}"
    low, high = ("" if value is None else f"{value:.12g}" for value in (limits.min, limits.max))
    return f"{low}..{high}"


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(values)))


def _version(ability: tuple[int, int] | None) -> str | None:
    return None if ability is None else f"{ability[0]}.{ability[1]}"
