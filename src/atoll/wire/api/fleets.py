"""Fleets and their instances."""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.zone import Zone
from atoll.wire.price import Price

ON_HOLD = "on-hold"
"""The status of a fleet or run that launches nothing because a provider refused the request itself."""


@dataclass(slots=True)
class InstanceView:
    """One machine of a fleet. `name` is FLEET-NODE; `runs` what it is busy with; `unreachable_since` is since when the
    agent of an active one has not answered. Jobs hold `used_blocks` of its `blocks`.

    Not frozen: lists have thousands, and a frozen one takes four times as long to create.
    """

    id: str
    name: str
    fleet: str
    node: int
    status: str
    zone: Zone
    instance_type: str
    cpus: float
    memory_gb: float
    gpu: str
    market: str
    price: Price
    created_at: datetime
    runs: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    backend_id: str | None = None
    reason: str = ""
    message: str = ""
    unreachable_since: datetime | None = None
    blocks: int = 1
    used_blocks: int = 0


@dataclass(frozen=True, slots=True)
class FleetView:
    """A fleet with its instances.

    `nodes` is the requested number, `spare` how many there are beyond it so that enough survive a lost zone, `surplus`
    how many are about to go. `skew` is
    the largest difference of counts between eligible zones, where a zone without nodes counts 0; `note` says why it is
    over its limit, and which of the fleet's zones take no new work.
    """

    id: str
    name: str
    status: str
    nodes: int
    strategy: str
    skew: int
    price: Price
    created_at: datetime
    auto_created: bool
    instances: tuple[InstanceView, ...] = ()
    message: str = ""
    spare: int = 0
    surplus: int = 0
    note: str = ""
    version: str = ""
