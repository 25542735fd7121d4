"""Quotas: how many vCPUs an account may use in one region on one market."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from atoll.model.offer import Market
from atoll.model.resources import InstanceType
from atoll.model.zone import Zone

Taken = tuple[Zone, InstanceType, Market, int]
"""How many instances of a type are in a zone on a market."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit of the account in one region and market, in vCPUs.

    In a listing, `used_cpus` is what machines without this installation's tag use; in a snapshot, what all use.
    """

    backend: str
    region: str
    market: Market
    limit_cpus: float
    used_cpus: float = 0


def with_own_use(quotas: Sequence[Quota], taken: Iterable[Taken]) -> tuple[Quota, ...]:
    """The quotas with the use of this installation's instances added."""
    if not quotas:
        return ()
    used = _used(taken)
    return tuple(replace(q, used_cpus=q.used_cpus + used.get((q.backend, q.region, q.market), 0)) for q in quotas)


def _used(taken: Iterable[Taken]) -> Mapping[tuple[str, str, Market], float]:
    used: dict[tuple[str, str, Market], float] = {}
    for zone, instance_type, market, count in taken:
        key = (zone.backend, zone.region, market)
        used[key] = used.get(key, 0) + instance_type.cpus * count
    return used
