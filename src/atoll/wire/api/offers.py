"""Offers, single and in groups."""

from dataclasses import dataclass

from atoll.model.zone import Zone
from atoll.wire.price import Price


@dataclass(frozen=True, slots=True)
class OfferQuery:
    """The filters of `atoll offer`; texts in the forms of configuration files (`4..8`, `16GB..`, `H100:8`).

    `spot` is a `spot_policy`; without it every market matches. `limit` is the maximum number of offers.
    """

    cpu: str | None = None
    memory: str | None = None
    gpu: str | None = None
    backend: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    zone: tuple[str, ...] = ()
    instance_type: tuple[str, ...] = ()
    spot: str | None = None
    max_price: float | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class OfferView:
    """One offer, cheapest first. `code` and `message` say why it is unavailable now, both empty if it is available.

    `stale` says which parts of its region's offers are older than they should be.
    """

    zone: Zone
    instance_type: str
    cpus: float
    memory_gb: float
    gpu: str
    market: str
    price: Price
    availability: str
    message: str = ""
    code: str = ""
    count: int | None = None
    stale: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferGroup:
    """The offers that share a zone, a region, an instance type or a kind of GPU, which is `name`.

    `backend` is the one that has them, or empty where several have. `available` of `offers` are available now, from
    `price` USD an hour (null when none can, or where no price is known), cheapest as `instance_type` in `zone`.
    """

    name: str
    backend: str
    offers: int
    available: int
    zones: int
    price: float | None = None
    instance_type: str = ""
    zone: Zone | None = None
    market: str = ""
