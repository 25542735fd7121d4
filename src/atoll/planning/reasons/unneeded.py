"""Why a zone that would do gets no node of a document that is placed: what was chosen is better, or is enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from atoll.planning.facts import Facts
from atoll.planning.filters.feasibility import PASSED, Feasibility
from atoll.planning.reasons.remainder import Remainder
from atoll.planning.request import RunRequest, Strategy
from atoll.planning.solving.problem import Solution
from atoll.planning.terrain import Terrain

_UNNEEDED: Facts = {"why": "unneeded"}
_REUSE: Facts = {"why": "reuse"}
_PLANNED: Facts = {"why": "planned"}


@dataclass(frozen=True, slots=True)
class Unneeded:
    """One document's reason for each such zone; what all zones have in common is found once.

    `dearest` and `cheapest` are the prices of its new machines in USD an hour, None where it has none; `prices` are the
    zones' lowest ones where nothing is limited, None where what is left of each has to be looked at. Where `always`
    is set, it is the reason whatever a zone's price. The nodes are together in the region or the zone `home`, which is
    the place of the zones in `inside`.
    """

    remainder: Remainder
    feasibility: Feasibility
    dearest: float | None
    cheapest: float | None
    prices: Mapping[int, float] | None
    always: Facts | None = None
    home: str = ""
    inside: frozenset[int] = frozenset()

    @classmethod
    def of_fleet(cls, name: str, solution: Solution, remainder: Remainder, feasibility: Feasibility) -> "Unneeded":
        """For a fleet."""
        paid = [option.price for option, _ in solution.fleets.get(name, ())]
        return cls.of_prices(paid, remainder, feasibility)

    @classmethod
    def of_prices(cls, paid: Sequence[float], remainder: Remainder, feasibility: Feasibility) -> "Unneeded":
        """For what costs these prices."""
        prices = None if remainder.is_limited() else feasibility.group(PASSED).prices
        return cls(remainder, feasibility, max(paid, default=None), min(paid, default=None), prices)

    @classmethod
    def of_run(cls, run: RunRequest, solution: Solution, remainder: Remainder, feasibility: Feasibility) -> "Unneeded":
        """For a run."""
        supplies = [share.supply for share in solution.runs.get(run.name, ())]
        paid = [supply.option.price for supply in supplies if supply.option is not None]
        always = None
        if any(supply.pool is not None for supply in supplies):
            always = _REUSE
        elif any(supply.fleet is not None for supply in supplies):
            always = _PLANNED
        first = min((supply.zone for supply in supplies), default=None)
        home, inside = "", frozenset[int]()
        if first is not None and run.strategy is not Strategy.ANY:
            home, inside = _home(run, first, remainder.terrain)
        made = cls.of_prices(paid, remainder, feasibility)
        return replace(made, always=always, home=home, inside=inside)

    def of(self, zone: int) -> Facts:
        """The reason of one zone: how the cheapest machine to be had there compares with those that were chosen."""
        if self.always is not None:
            return self.always
        price = self.remainder.lowest(self.feasibility, zone) if self.prices is None else self.prices.get(zone)
        if price is not None and self.dearest is not None and price > self.dearest + 1e-9:
            return {"why": "dearer", "price": price, "chosen": self.dearest}
        if self.home and zone not in self.inside:
            return {"why": "together", "home": self.home}
        if price is None or self.dearest is None:
            return _UNNEEDED
        same = self.cheapest == self.dearest == price
        return {"why": "equal" if same else "unneeded", "price": price}


def _home(run: RunRequest, zone: int, terrain: Terrain) -> tuple[str, frozenset[int]]:
    """The zone or region in which the nodes of a run are together, and the zones that are there."""
    if run.strategy is Strategy.CLUSTER:
        return str(terrain.zones[zone].zone), frozenset({zone})
    region = terrain.region(zone)
    inside = frozenset(other for other in range(len(terrain.zones)) if terrain.region(other) == region)
    return terrain.zones[zone].zone.region, inside
