"""Blocks: the equal parts of a machine that several jobs share, of its CPUs, memory, disk and GPUs."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from atoll.model.resources import InstanceType


@dataclass(frozen=True, slots=True)
class Division:
    """Into how many blocks a fleet's machines are divided: `blocks`, or as many as possible where it is None.

    `of_types` has the numbers of single instance types, by their names: each host of a fleet has its own.
    """

    blocks: int | None = 1
    of_types: tuple[tuple[str, int | None], ...] = ()

    def of(self, machine: InstanceType) -> int:
        """The number of blocks of a machine of this type."""
        return 1 if self == WHOLE else most_blocks(machine, self.wanted(machine.name))

    def wanted(self, instance_type: str) -> int | None:
        """The number of blocks that the configuration asks for on machines of a type; None: as many as possible."""
        return _by_type(self.of_types).get(instance_type, self.blocks)


@lru_cache(maxsize=64)
def _by_type(of_types: tuple[tuple[str, int | None], ...]) -> dict[str, int | None]:
    return dict(of_types)


WHOLE = Division()
"""Each machine is one block."""


def most_blocks(machine: InstanceType, wanted: int | None) -> int:
    """The largest number of blocks, at most `wanted`, for which each has a CPU or more and equally many whole GPUs."""
    most = max(1, int(machine.cpus))
    gpus = machine.gpu.count if machine.gpu else 0
    if gpus:
        most = min(most, gpus)
    blocks = most if wanted is None else min(most, wanted)
    while gpus % blocks:
        blocks -= 1
    return blocks


def part_of(machine: InstanceType, taken: int, blocks: int) -> InstanceType:
    """What `taken` of a machine's `blocks` have, as an instance type of the same name."""
    if taken == blocks:
        return machine
    share, gpu = taken / blocks, machine.gpu
    return replace(
        machine,
        cpus=machine.cpus * share,
        memory_gb=machine.memory_gb * share,
        disk_gb=machine.disk_gb * share,
        gpu=None if gpu is None else replace(gpu, count=gpu.count * taken // blocks),
    )


def gpus_of(machine: InstanceType, held: Collection[int], blocks: int) -> tuple[int, ...]:
    """The numbers of the GPUs, from 0, that belong to these blocks of a machine; of the whole machine for none."""
    gpus = machine.gpu.count if machine.gpu else 0
    each = gpus // blocks
    return tuple(block * each + gpu for block in sorted(held or range(blocks)) for gpu in range(each))


def free_blocks(blocks: int, claims: Iterable[Collection[int]]) -> tuple[int, ...]:
    """The numbers of the blocks that no claim holds; a claim without numbers holds all."""
    taken = {number for claim in claims for number in claim or range(blocks)}
    return tuple(number for number in range(blocks) if number not in taken)


def overlap(one: Collection[int], other: Collection[int]) -> bool:
    """Whether two claims on one machine hold a block in common; a claim without numbers holds all."""
    return not (one and other) or not set(one).isdisjoint(other)
