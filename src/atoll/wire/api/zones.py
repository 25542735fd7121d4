"""Zones."""

from dataclasses import dataclass, field
from datetime import datetime

from atoll.model.quota import Quota
from atoll.model.zone import Capacity, Zone, ZoneState


@dataclass(frozen=True, slots=True)
class ZoneView:
    """A zone and its contents.

    `capacity` is 0 for what has no declared limit; `faults` says that an outage of the zone can be simulated.
    `quotas` are those of its region, by market, with the vCPUs that are used.
    """

    zone: Zone
    state: ZoneState
    as_of: datetime
    reason: str = ""
    until: datetime | None = None
    capacity: Capacity | None = None
    used: Capacity = field(default_factory=Capacity)
    instances: int = 0
    volumes: int = 0
    offers: int = 0
    faults: bool = False
    quotas: tuple[Quota, ...] = ()
