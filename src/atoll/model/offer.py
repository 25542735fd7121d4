"""The offer: one instance type in one zone on one market, with a price. Unavailable offers are kept, and marked."""

import math
from dataclasses import dataclass
from enum import StrEnum

from atoll.model.resources import InstanceType
from atoll.model.zone import Zone

UNKNOWN_PRICE = math.inf
"""The price of what its provider offers without one: it sorts last, and is above every limit. JSON has null for it."""


class Market(StrEnum):
    """How a machine is paid for."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    RESERVED = "reserved"


class Availability(StrEnum):
    """The availability of an offer as the provider reports it."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    NOT_OFFERED = "not-offered"


@dataclass(frozen=True, slots=True)
class Offer:
    """One instance type × one zone × one market.

    `price` is USD an hour, `UNKNOWN_PRICE` where the provider does not say it; `count` how many more are left, if
    known.
    """

    zone: Zone
    instance_type: InstanceType
    market: Market
    price: float
    availability: Availability = Availability.AVAILABLE
    count: int | None = None
