"""Zones."""

from dataclasses import dataclass, field
from datetime import datetime

from atoll.model.offer import Market
from atoll.model.quota import Quota
from atoll.model.zone import Capacity, Zone, ZoneState


@dataclass(frozen=True, slots=True)
class ObservedView:
    """What was observed lately of one instance type and market in a zone.

    `launched` instances became active, `interrupted` ones were taken back by the provider; an attempt whose end is
    still open counts in neither. `seconds` is the median from the attempt to active; `refusal` and `refused_at` are the
    kind and time of the last refusal.
    """

    instance_type: str
    market: Market
    attempts: int = 0
    launched: int = 0
    refused: int = 0
    interrupted: int = 0
    seconds: float | None = None
    refused_at: datetime | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class ZoneView:
    """A zone and its contents.

    `capacity` is 0 for what has no declared limit; `faults` says that an outage of the zone can be simulated.
    `quotas` are those of its region, by market, with the vCPUs that are used.
    `observed` is what became of launches in the last seven days; lists of zones leave it out.
    `stale` says which parts of its region's offers (prices, quotas, …) are older than they should be, and why.
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
    observed: tuple[ObservedView, ...] = ()
    stale: tuple[str, ...] = ()
