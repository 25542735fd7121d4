"""What a plan leaves over: of zones' capacities, quotas and offers. It tells why a zone that passes is not used."""

from collections.abc import Sequence
from dataclasses import dataclass

from atoll.model.catalog import UNTOLD
from atoll.model.zone import Capacity
from atoll.planning.filters.feasibility import PASSED, Feasibility
from atoll.planning.plan import RefusalCode
from atoll.planning.reasons.facts import Facts, quota_facts
from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import Solution
from atoll.planning.world import World


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is left after a solution."""

    world: World
    zones: tuple[Capacity | None, ...]
    quotas: tuple[float, ...]
    offers: dict[int, int]

    @classmethod
    def after(cls, solution: Solution, world: World) -> "Remainder":
        """What this solution leaves."""
        zones, quotas = list(world.free), [world.free_cpus(i) for i in range(len(world.quotas))]
        offers: dict[int, int] = {}
        for option, count in solution.bought:
            use = option.use
            free = zones[option.zone]
            if free is not None:
                zones[option.zone] = free - Capacity(use.cpus * count, use.memory_gb * count, use.gpus * count)
            if option.quota is not None:
                quotas[option.quota] -= use.cpus * count
            if option.limit is not None:
                offers[option.offer] = offers.get(option.offer, option.limit) - count
        return cls(world, tuple(zones), tuple(quotas), offers)

    def refusal(self, feasibility: Feasibility, zone: int) -> tuple[RefusalCode, Facts] | None:
        """Why not even one more of the offers that pass in this zone can be had; None when one can."""
        catalog = self.world.snapshot.catalog
        limited = self.zones[zone] is not None or bool(self.quotas)
        if not limited and not catalog.counted:
            return None
        rows = feasibility.group(PASSED).rows_in(zone)
        if not limited and bool((catalog.columns.count[rows] == UNTOLD).any()):
            return None
        refused: tuple[RefusalCode, Facts] | None = None
        for row in rows.tolist():
            refused = self._of_row(row, zone)
            if refused is None:
                return None
        return refused

    def _of_row(self, row: int, zone: int) -> tuple[RefusalCode, Facts] | None:
        offer = self.world.snapshot.catalog.offer(row)
        left = self.offers.get(row, offer.count)
        if left is not None and left < 1:
            return RefusalCode.UNAVAILABLE, {"instance_type": offer.instance_type.name, "count": offer.count}
        use = offer.instance_type.capacity
        quota = self.world.quota(zone, offer.market)
        if quota is not None and self.quotas[quota] < use.cpus:
            return RefusalCode.QUOTA, {"needed": use.cpus, **quota_facts(quota, self.quotas[quota], self.world)}
        free = self.zones[zone]
        if free is not None and not free.covers(use):
            return RefusalCode.CAPACITY_USED, self.used(zone, use)
        return None

    def used(self, zone: int, use: Capacity) -> Facts:
        """Of which resource a zone has too little left for a machine that takes `use`."""
        total, free = self.world.zones[zone].capacity, self.zones[zone]
        assert total is not None
        assert free is not None
        for resource in ("cpus", "memory_gb", "gpus"):
            if getattr(free, resource) < getattr(use, resource):
                break
        else:
            resource = "cpus"
        whole, left = getattr(total, resource), getattr(free, resource)
        return {"resource": resource, "needed": getattr(use, resource), "total": whole, "used": whole - left}

    def room(self, options: Sequence[Option], most: int) -> int:
        """How many more nodes fit on these options of one zone, at most `most`: a plain count, the cheapest first."""
        zones, quotas, offers = list(self.zones), list(self.quotas), dict(self.offers)
        count = 0
        for option in sorted(options, key=lambda o: (o.use.cpus, o.key)):
            while count < most:
                free, use = zones[option.zone], option.use
                left = offers.get(option.offer, option.limit)
                if (left is not None and left < 1) or (free is not None and not free.covers(use)):
                    break
                if option.quota is not None and quotas[option.quota] < use.cpus:
                    break
                zones[option.zone] = None if free is None else free - use
                if option.quota is not None:
                    quotas[option.quota] -= use.cpus
                if left is not None:
                    offers[option.offer] = left - 1
                count += 1
        return count
