"""The limits that documents share: how many an offer has, what a zone has left, what a quota allows.

A problem is solved without capacities and quotas first. Those that its solution exceeds are in force when it is solved
again, and only these: a solution that keeps all limits and is best without some of them is best with all.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from atoll.model.offer import Market
from atoll.model.zone import Capacity
from atoll.planning.solving.options import Option
from atoll.planning.terrain import Terrain

Bought = Iterable[tuple[Option, int]]
AMOUNTS = ("cpus", "memory_gb", "gpus")


@dataclass(frozen=True, slots=True)
class Limits:
    """Some shared limits: capacities of zones, quotas, and numbers of offers (by their rows in the catalog)."""

    zones: frozenset[int] = frozenset()
    quotas: frozenset[int] = frozenset()
    offers: frozenset[int] = frozenset()

    @classmethod
    def of(cls, terrain: Terrain) -> "Limits":
        """All capacities and quotas of a world."""
        zones = frozenset(zone for zone, free in enumerate(terrain.free) if free is not None)
        return cls(zones, frozenset(range(len(terrain.quotas))))

    def __bool__(self) -> bool:
        return bool(self.zones or self.quotas or self.offers)

    def __or__(self, other: "Limits") -> "Limits":
        return Limits(self.zones | other.zones, self.quotas | other.quotas, self.offers | other.offers)

    def bind(self, option: Option) -> bool:
        """Whether a machine counts against a capacity or quota of these."""
        return option.zone in self.zones or option.quota in self.quotas

    def reach(self, zone: int, terrain: Terrain) -> bool:
        """Whether any machine of a zone counts against a capacity or quota of these."""
        return zone in self.zones or any(terrain.quota(zone, market) in self.quotas for market in Market)

    def touch(self, bought: Bought) -> bool:
        """Whether any of these machines counts against one of these limits."""
        return any(self.bind(option) or option.offer in self.offers for option, _ in bought)


NO_LIMITS = Limits()


def shared_limits(bought: Bought, terrain: Terrain, limits: Limits) -> Iterable[tuple[dict[int, float], float]]:
    """Each limit that these variables share, as terms and the most that their sum may be.

    Of capacities and quotas those in `limits`; the numbers of offers are always kept.
    """
    found: dict[tuple[str, int], tuple[dict[int, float], float]] = {}
    for option, variable in bought:
        if option.limit is not None:
            found.setdefault(("offer", option.offer), ({}, option.limit))[0][variable] = 1.0
        if option.quota is not None and option.quota in limits.quotas:
            free = terrain.free_cpus(option.quota)
            found.setdefault(("quota", option.quota), ({}, free))[0][variable] = option.use.cpus
        room = terrain.free[option.zone]
        if room is not None and option.zone in limits.zones:
            for what in AMOUNTS:
                amount = getattr(option.use, what)
                if amount:
                    found.setdefault((what, option.zone), ({}, getattr(room, what)))[0][variable] = amount
    return found.values()


def exceeded(bought: Bought, terrain: Terrain) -> Limits:
    """The limits that these machines exceed together."""
    offers: dict[int, int] = {}
    quotas: dict[int, float] = {}
    zones: dict[int, Capacity] = {}
    number: dict[int, int] = {}
    for option, count in bought:
        if option.limit is not None:
            offers[option.offer] = offers.get(option.offer, 0) + count
            number[option.offer] = option.limit
        if option.quota is not None:
            quotas[option.quota] = quotas.get(option.quota, 0.0) + option.use.cpus * count
        if terrain.free[option.zone] is not None:
            zones[option.zone] = zones.get(option.zone, Capacity()) + option.use * count
    return Limits(
        frozenset(
            zone for zone, used in zones.items() if (free := terrain.free[zone]) is not None and not free.covers(used)
        ),
        frozenset(quota for quota, used in quotas.items() if used > terrain.free_cpus(quota)),
        frozenset(offer for offer, used in offers.items() if used > number[offer]),
    )
