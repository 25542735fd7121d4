"""What the types have that a filter for resources refused, zone by zone: the facts of those refusals."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from atoll.model.resources import GpuRequirement, Range, Resources
from atoll.planning.filters.feasibility import STAGE, Feasibility
from atoll.planning.filters.groups import Group
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.world import World

Facts = Mapping[str, Fact]

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


def amounts(code: RefusalCode, feasibility: Feasibility, world: World) -> Mapping[int, Facts]:
    """What was asked and what there is, for each zone that has offers which this filter refused."""
    if code not in feasibility.amounts:
        feasibility.amounts[code] = _amounts(code, feasibility, world)
    return feasibility.amounts[code]


def _amounts(code: RefusalCode, feasibility: Feasibility, world: World) -> Mapping[int, Facts]:
    group = feasibility.group(STAGE[code])
    if not group.zones:
        return {}
    resources, table = feasibility.requirements.resources, world.snapshot.catalog.table
    kinds = world.snapshot.catalog.columns.type[group.rows]
    gpu = resources.gpu or GpuRequirement()
    columns: dict[RefusalCode, tuple[Range | None, NDArray[np.float64]]] = {
        RefusalCode.CPU: (resources.cpus, table.cpus),
        RefusalCode.MEMORY: (resources.memory_gb, table.memory_gb),
        RefusalCode.DISK: (resources.disk_gb, table.disk_gb),
        RefusalCode.GPU_COUNT: (gpu.count, table.gpu_count),
        RefusalCode.GPU_MEMORY: (gpu.memory_gb, table.gpu_memory_gb),
    }
    if code in columns:
        wanted, column = columns[code]
        if code is RefusalCode.GPU_MEMORY and wanted is None:
            wanted, column = gpu.total_memory_gb, table.gpu_memory_gb * table.gpu_count
        return _ranges(wanted, column[kinds], group)
    if code is RefusalCode.ARCH:
        return _sets(group, table.arch[kinds], len(table.archs), lambda seen: _archs(resources, table.archs, seen))
    if code is RefusalCode.GPU:
        return {zone: {"wanted": str(gpu.count)} for zone in group.zones}
    models = table.gpu_models
    return _sets(group, table.gpu_model[kinds], len(models), lambda seen: _models(code, gpu, [models[i] for i in seen]))


def _ranges(wanted: Range | None, values: NDArray[np.float64], group: Group) -> Mapping[int, Facts]:
    asked: dict[str, Fact] = {"wanted": str(wanted), "min": wanted.min if wanted else None}
    least = np.minimum.reduceat(values, group.starts).tolist()
    most = np.maximum.reduceat(values, group.starts).tolist()
    return {
        zone: {**asked, "least": low, "most": high} for zone, low, high in zip(group.zones, least, most, strict=True)
    }


def _sets(
    group: Group, numbers: NDArray[np.int32], size: int, told: Callable[[list[int]], Facts]
) -> Mapping[int, Facts]:
    """What `told` makes of the numbers from 0 to `size` that each zone has; most zones have the same ones."""
    seen = np.zeros((len(group.zones), size + 1), dtype=bool)
    # The last column takes the -1 of types without GPUs.
    seen[np.repeat(np.arange(len(group.zones)), group.counts), numbers] = True
    made: dict[bytes, Facts] = {}
    found = {}
    for zone, row in zip(group.zones, seen[:, :size], strict=True):
        key = row.tobytes()
        if key not in made:
            made[key] = told(np.flatnonzero(row).tolist())
        found[zone] = made[key]
    return found


def _archs(resources: Resources, archs: tuple[str, ...], seen: list[int]) -> Facts:
    return {"wanted": resources.arch, "has": tuple(archs[i] for i in seen)}


def _models(code: RefusalCode, gpu: GpuRequirement, models: list[tuple[str, str, tuple[int, int] | None]]) -> Facts:
    match code:
        case RefusalCode.GPU_NAME:
            return {"wanted": gpu.names, "has": tuple(dict.fromkeys(name for name, _, _ in models))}
        case RefusalCode.GPU_VENDOR:
            return {"wanted": gpu.vendor, "has": tuple(dict.fromkeys(vendor for _, vendor, _ in models))}
        case _:
            best = max((ability for _, _, ability in models if ability), default=None)
            return {"wanted": _version(gpu.compute_capability), "most": _version(best)}


def _version(ability: tuple[int, int] | None) -> str | None:
    return None if ability is None else f"{ability[0]}.{ability[1]}"
