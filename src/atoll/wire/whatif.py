"""The shapes of the HTTP API about what would happen.

POST   /api/projects/P/what-if  <- WhatIf -> WhatIfView    changes nothing
"""

from dataclasses import dataclass, field

from atoll.model.zone import Zone
from atoll.wire.price import Price


@dataclass(frozen=True, slots=True)
class PriceChange:
    """Another price for an instance type in a zone (null: in all): in USD an hour, or times a `factor`."""

    instance_type: str
    zone: Zone | None = None
    price: float | None = None
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What to assume: `lost` zones fail with all that is in them, `closed` ones take nothing new.

    `without` are names of fleets that are gone; `no_spot` takes away all spot machines and offers. With `each_zone`
    there is an outcome for the loss of each zone that holds something.
    """

    lost: tuple[Zone, ...] = ()
    closed: tuple[Zone, ...] = ()
    prices: tuple[PriceChange, ...] = ()
    without: tuple[str, ...] = ()
    no_spot: bool = False
    each_zone: bool = False


@dataclass(frozen=True, slots=True)
class FleetFate:
    """A fleet that changes: `lost` nodes, `new` ones by zone, and all by zone `before` and `after`.

    `survives` is how many more zones it may lose and keep its nodes, -1 where it has too few. `waits` says why nodes
    are missing.
    """

    name: str
    lost: int
    new: dict[str, int]
    before: dict[str, int]
    after: dict[str, int]
    survives: int
    waits: str = ""


@dataclass(frozen=True, slots=True)
class RunFate:
    """A run that changes: it `moves`, `waits`, `stops` or `starts`; the zones where it was and is then."""

    name: str
    effect: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """What follows, of the loss of `zone` where it is set.

    `lost` instances, the fleets and runs that change, and the `volumes` that are out of reach. Prices are those of all
    instances of the project, in USD an hour.
    """

    zone: str = ""
    lost: int = 0
    fleets: tuple[FleetFate, ...] = ()
    runs: tuple[RunFate, ...] = ()
    volumes: tuple[str, ...] = ()
    price_before: Price = 0
    price_after: Price = 0


@dataclass(frozen=True, slots=True)
class WhatIfView:
    """One outcome, or one for each zone."""

    outcomes: tuple[OutcomeView, ...] = field(default=())
