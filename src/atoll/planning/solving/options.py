"""What may be bought: an offer as an option of one document, and whom a machine suits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from atoll.model.catalog import TypeTable
from atoll.model.offer import Market
from atoll.model.resources import InstanceType
from atoll.model.zone import Capacity
from atoll.planning.filters.feasibility import PASSED, markets, type_stages
from atoll.planning.request import Requirements

Key = tuple[float, float, float, float, float, float, str, str]


class Machine(Protocol):
    """One that is there, is planned or may be bought, at `price` in USD an hour."""

    @property
    def instance_type(self) -> InstanceType: ...

    @property
    def market(self) -> Market: ...

    @property
    def price(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Option:
    """An offer that one document may buy. `limit` is how many can be had (None: unknown); the smaller `key` first."""

    zone: int
    offer: int
    instance_type: InstanceType
    market: Market
    price: float
    limit: int | None
    quota: int | None
    key: Key = field(compare=False)

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


def suiting(requirements: Requirements, machines: Sequence[Machine]) -> list[bool]:
    """Whether each of these machines has what these requirements ask, wherever it is."""
    # By identity: machines of one type share it, and its hash costs more than to look twice at one that is equal.
    kinds = {id(machine.instance_type): machine.instance_type for machine in machines}
    stages = type_stages(requirements, TypeTable(tuple(kinds.values()))).tolist()
    fits = {kind for kind, stage in zip(kinds, stages, strict=True) if stage == PASSED}
    allowed, dearest = markets(requirements.spot_policy), requirements.max_price
    return [
        id(machine.instance_type) in fits
        and machine.market in allowed
        and (dearest is None or machine.price <= dearest)
        for machine in machines
    ]
