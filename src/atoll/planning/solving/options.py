"""What may be bought: an offer as an option of one document, and whom a machine suits."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from atoll.model.offer import Market
from atoll.model.resources import InstanceType
from atoll.model.zone import Capacity
from atoll.planning.filters.blocks import taking
from atoll.planning.filters.feasibility import markets
from atoll.planning.request import Requirements

UNKNOWN_COST = 10_000.0
"""What a machine of unknown price counts for, in USD an hour: more than any machine costs, and a number to add up."""

Key = tuple[float, float, float, float, float, float, str, str]


class Machine(Protocol):
    """One that is there, is planned or may be bought, at `price` in USD an hour."""

    @property
    def instance_type(self) -> InstanceType: ...

    @property
    def market(self) -> Market: ...

    @property
    def price(self) -> float: ...

    @property
    def blocks(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Option:
    """An offer that one document may buy. `limit` is how many can be had (None: unknown); the smaller `key` first.

    `blocks` is into how many the machine is divided.
    """

    zone: int
    offer: int
    instance_type: InstanceType
    market: Market
    price: float
    limit: int | None
    quota: int | None
    key: Key = field(compare=False)
    blocks: int = 1

    @property
    def cost(self) -> float:
        """Its price for sums, in USD an hour: finite, where the price is not known too."""
        return min(self.price, UNKNOWN_COST)

    @property
    def preferred(self) -> "Option":
        """The same with a smaller lot than any other: of equal prices and sizes it is taken first."""
        price, gpus, cpus, memory, disk, lot, kind, market = self.key
        return replace(self, key=(price, gpus, cpus, memory, disk, lot - 1, kind, market))

    @property
    def use(self) -> Capacity:
        """What one machine takes of its zone."""
        return self.instance_type.capacity


def size(instance_type: InstanceType) -> tuple[float, float, float, float]:
    """By which the smaller of two sufficient types is found: GPUs before CPUs before memory before disk."""
    gpus = instance_type.gpu.count if instance_type.gpu else 0
    return (gpus, instance_type.cpus, instance_type.memory_gb, instance_type.disk_gb)


def bulk(instance_type: InstanceType) -> float:
    """By which the smaller of two sufficient types is found where everything is decided at once; no limit's unit."""
    gpus, cpus, memory, _ = size(instance_type)
    return (gpus * 8 + cpus + memory / 16) / 10


def suiting(requirements: Requirements, machines: Sequence[Machine], whole: bool = True) -> list[int]:
    """How many blocks a node takes of each of these machines, wherever it is; 0 of one that does not suit it.

    With `whole`, a node takes all blocks of a machine.
    """
    if not machines:
        return []
    # By identity: machines of one type share it, and its hash costs more than to look twice at one that is equal.
    keys = [id(m.instance_type) if m.blocks == 1 else (id(m.instance_type), m.blocks) for m in machines]
    kinds = {key: (m.instance_type, m.blocks) for key, m in zip(keys, machines, strict=True)}
    taken = dict(zip(kinds, taking(requirements, tuple(kinds.values()), whole), strict=True))
    allowed, dearest = markets(requirements.spot_policy), requirements.max_price
    return [
        taken[key] if machine.market in allowed and (dearest is None or machine.price <= dearest) else 0
        for key, machine in zip(keys, machines, strict=True)
    ]
