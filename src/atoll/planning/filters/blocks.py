"""How many blocks of a shared machine a run's node takes: as few as have what it requires."""

from collections.abc import Sequence
from math import ceil

from atoll.model.blocks import part_of
from atoll.model.catalog import TypeTable
from atoll.model.resources import InstanceType, Resources
from atoll.planning.filters.feasibility import PASSED, type_stages
from atoll.planning.request import Requirements


def parts(
    requirements: Requirements, machines: Sequence[tuple[InstanceType, int]], whole: bool
) -> list[tuple[int, InstanceType]]:
    """For each type and its number of blocks how many of them a node takes, and what these have.

    Where the machine is too small, it is all of them. With `whole` a node takes the machine.
    """
    taken = [blocks if whole else _least(requirements.resources, machine, blocks) for machine, blocks in machines]
    return [(count, part_of(machine, count, blocks)) for count, (machine, blocks) in zip(taken, machines, strict=True)]


def taking(requirements: Requirements, machines: Sequence[tuple[InstanceType, int]], whole: bool) -> list[int]:
    """For each type and its number of blocks how many of them a node takes; 0 where they do not have what it asks."""
    counted = parts(requirements, machines, whole)
    stages = type_stages(requirements, TypeTable(tuple(part for _, part in counted))).tolist()
    return [count if stage == PASSED else 0 for (count, _), stage in zip(counted, stages, strict=True)]


def _least(wanted: Resources, machine: InstanceType, blocks: int) -> int:
    if blocks == 1:
        return 1
    gpus, memory = (machine.gpu.count, machine.gpu.memory_gb) if machine.gpu else (0, 0.0)
    least = [(wanted.cpus.min, machine.cpus), (wanted.memory_gb.min, machine.memory_gb)]
    if wanted.disk_gb is not None:
        least.append((wanted.disk_gb.min, machine.disk_gb))
    if wanted.gpu is not None:
        least.append((wanted.gpu.count.min, gpus))
        if wanted.gpu.total_memory_gb is not None:
            least.append((wanted.gpu.total_memory_gb.min, gpus * memory))
    # Quotients such as 0.3 * 10 / 3 may be a little above the whole number that they are.
    needed = [ceil(amount * blocks / has - 1e-9) for amount, has in least if amount and has]
    return min(blocks, max(1, *needed)) if needed else 1
