"""What a plan leaves over, and the one question about it: how many more machines can be had, all else fixed?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from atoll.model.catalog import MARKETS, UNTOLD
from atoll.model.offer import Offer
from atoll.model.zone import Capacity
from atoll.planning.budget import SECOND, Budget, OutOfBudget
from atoll.planning.facts import Facts, lacking, quota_facts
from atoll.planning.filters.feasibility import PASSED, Feasibility
from atoll.planning.plan import RefusalCode
from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import Solution
from atoll.planning.solving.solver import Programme
from atoll.planning.terrain import Terrain

COUNTING = SECOND / 2
"""The budget of all counts of a plan. It is no part of the search's: a reason holds whatever that has used."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is left after a solution: of zones' capacities, of quotas, and of offers by their rows in the catalog."""

    terrain: Terrain
    zones: tuple[Capacity | None, ...]
    quotas: tuple[float, ...]
    taken: dict[int, int]
    budget: Budget = field(default_factory=lambda: Budget(COUNTING, kept=0), compare=False)
    _counts: dict[tuple[tuple[int, ...], int], int] = field(default_factory=dict, compare=False)

    @classmethod
    def after(
        cls,
        solution: Solution,
        terrain: Terrain,
        without: Iterable[tuple[Option, int]] = (),
        budget: Budget | None = None,
    ) -> "Remainder":
        """What this solution leaves; the machines `without` count as not bought."""
        zones, quotas = list(terrain.free), [terrain.free_cpus(i) for i in range(len(terrain.quotas))]
        taken: dict[int, int] = {}
        back = [(option, -count) for option, count in without]
        for option, count in (*solution.bought, *back):
            free = zones[option.zone]
            if free is not None:
                zones[option.zone] = free - option.use * count
            if option.quota is not None:
                quotas[option.quota] -= option.use.cpus * count
            taken[option.offer] = taken.get(option.offer, 0) + count
        return cls(terrain, tuple(zones), tuple(quotas), taken, budget or Budget(COUNTING, kept=0))

    def cheapest(self, feasibility: Feasibility, zone: int) -> Offer | None:
        """The cheapest of the offers that pass in a zone of which one more can be had."""
        row = self._cheapest(feasibility, zone)
        return None if row is None else self.terrain.snapshot.catalog.offer(row)

    def lowest(self, feasibility: Feasibility, zone: int) -> float | None:
        """Its price in USD an hour."""
        row = self._cheapest(feasibility, zone)
        return None if row is None else float(self.terrain.snapshot.catalog.columns.price[row])

    def _cheapest(self, feasibility: Feasibility, zone: int) -> int | None:
        catalog, passed = self.terrain.snapshot.catalog, feasibility.group(PASSED)
        best = passed.best(zone)
        if best is None:
            return None
        if not self.is_limited(zone) or self._of_row(best, zone) is None:
            return best
        rows = passed.rows_in(zone)
        left = rows[self._had(rows, zone)]
        return int(left[catalog.columns.price[left].argmin()]) if len(left) else None

    def is_limited(self, zone: int | None = None) -> bool:
        """Whether anything limits how many machines can be had in a zone, or in any."""
        shared = self.terrain.is_limited if zone is None else self.terrain.shared(zone)
        return shared or self.terrain.snapshot.catalog.counted

    def refusal(self, feasibility: Feasibility, zone: int) -> tuple[RefusalCode, Facts] | None:
        """Why not even one more of the offers that pass in this zone can be had; None when one can."""
        if not self.is_limited(zone):
            return None
        catalog, limited = self.terrain.snapshot.catalog, self.terrain.shared(zone)
        passed = feasibility.group(PASSED)
        rows = passed.rows_in(zone)
        if not limited and bool((catalog.columns.count[rows] == UNTOLD).any()):
            return None
        best = passed.best(zone)
        if best is None or self._had(rows, zone).any():
            return None
        return self._of_row(best, zone)

    def refusal_after(
        self, feasibility: Feasibility, zone: int, options: Sequence[Option], count: int
    ) -> tuple[RefusalCode, Facts] | None:
        """The same once `count` machines of these options are taken, where the plain way to take them takes as many."""
        taken = self._plain(options, count)
        if sum(taken.values()) != count:
            return None
        zones, quotas, offers = list(self.zones), list(self.quotas), dict(self.taken)
        for option in options:
            amount, free = taken.get(option.offer, 0), zones[option.zone]
            zones[option.zone] = None if free is None else free - option.use * amount
            if option.quota is not None:
                quotas[option.quota] -= option.use.cpus * amount
            offers[option.offer] = offers.get(option.offer, 0) + amount
        return Remainder(self.terrain, tuple(zones), tuple(quotas), offers, self.budget).refusal(feasibility, zone)

    def _had(self, rows: NDArray[np.intp], zone: int) -> NDArray[np.bool_]:
        """Of which of a zone's offers one more can be had."""
        columns, table = self.terrain.snapshot.catalog.columns, self.terrain.snapshot.catalog.table
        kinds, markets = columns.type[rows], columns.market[rows]
        had: NDArray[np.bool_] = (columns.count[rows] == UNTOLD) | (columns.count[rows] > self._taken_of(rows))
        for place, market in enumerate(MARKETS):
            quota = self.terrain.quota(zone, market)
            if quota is not None:
                had &= (markets != place) | (table.cpus[kinds] <= self.quotas[quota])
        free = self.zones[zone]
        if free is not None:
            had &= (table.cpus[kinds] <= free.cpus) & (table.memory_gb[kinds] <= free.memory_gb)
            had &= table.gpu_count[kinds] <= free.gpus
        return had

    def _taken_of(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """How many of each of these offers, in the order of the catalog, are taken."""
        taken = np.zeros(len(rows), dtype=np.int64)
        if self.taken and self.terrain.snapshot.catalog.counted:
            offers, counts = (np.array(list(part), dtype=np.int64) for part in (self.taken, self.taken.values()))
            places = np.minimum(np.searchsorted(rows, offers), len(rows) - 1)
            here = rows[places] == offers
            taken[places[here]] = counts[here]
        return taken

    def _of_row(self, row: int, zone: int) -> tuple[RefusalCode, Facts] | None:
        offer = self.terrain.snapshot.catalog.offer(row)
        named: Facts = {"instance_type": offer.instance_type.name, "market": offer.market.value}
        if offer.count is not None and offer.count <= self.taken.get(row, 0):
            return RefusalCode.UNAVAILABLE, {**named, "count": offer.count}
        use = offer.instance_type.capacity
        quota = self.terrain.quota(zone, offer.market)
        if quota is not None and self.quotas[quota] < use.cpus:
            facts = quota_facts(quota, self.quotas[quota], self.terrain)
            return RefusalCode.QUOTA, {**named, "needed": use.cpus, **facts}
        total, free = self.terrain.zones[zone].capacity, self.zones[zone]
        if total is not None and free is not None and not free.covers(use):
            return RefusalCode.CAPACITY_USED, {**named, **lacking(total, free, use)}
        return None

    def most(self, options: Sequence[Option], limit: int) -> int:
        """How many more machines of these options fit together, at most `limit`.

        Exact, unless the search's budget ends first: then a number that surely fits.
        """
        key = (tuple(option.offer for option in options), limit)
        if key not in self._counts:
            found = sum(self._plain(options, limit).values())
            if found < min(limit, self._at_best(options)):
                found = max(found, self._searched(options, limit))
            self._counts[key] = found
        return self._counts[key]

    def _at_best(self, options: Iterable[Option]) -> int:
        """A number that is not exceeded: each quota full of the machines that take the least of it."""
        in_quotas: dict[int, list[Option]] = {}
        most = 0
        for option in options:
            if option.quota is None:
                most += self._alone(option, self.zones[option.zone], self.quotas)
            else:
                in_quotas.setdefault(option.quota, []).append(option)
        for quota, here in in_quotas.items():
            least = min(option.use.cpus for option in here)
            alone = sum(self._alone(option, self.zones[option.zone], self.quotas) for option in here)
            most += min(alone, int(self.quotas[quota] / least + 1e-9)) if least else alone
        return most

    def _plain(self, options: Sequence[Option], limit: int) -> dict[int, int]:
        """Machines by offer that surely fit: as many as can be of each, the smallest first."""
        zones, quotas = list(self.zones), list(self.quotas)
        taken: dict[int, int] = {}
        left = limit
        for option in sorted(options, key=lambda o: (o.use.cpus, o.use.memory_gb, o.use.gpus, o.key)):
            fits = min(left, self._alone(option, zones[option.zone], quotas))
            free = zones[option.zone]
            zones[option.zone] = None if free is None else free - option.use * fits
            if option.quota is not None:
                quotas[option.quota] -= option.use.cpus * fits
            taken[option.offer] = fits
            left -= fits
            if not left:
                break
        return taken

    def _alone(self, option: Option, free: Capacity | None, quotas: Sequence[float]) -> int:
        """How many machines of one option fit in this capacity and these quotas."""
        use, limits = option.use, [1_000_000.0]
        if option.limit is not None:
            limits.append(option.limit - self.taken.get(option.offer, 0))
        if option.quota is not None and use.cpus:
            limits.append(quotas[option.quota] / use.cpus)
        for name in ("cpus", "memory_gb", "gpus") if free is not None else ():
            if getattr(use, name):
                limits.append(getattr(free, name) / getattr(use, name))
        return max(0, int(min(limits) + 1e-9))

    def _searched(self, options: Sequence[Option], limit: int) -> int:
        """The most as an integer programme; 0 when its budget ends first."""
        programme, rows = Programme(), dict[tuple[str, int], tuple[dict[int, float], float]]()
        for option in options:
            variable = programme.variable(min(limit, self._alone(option, self.zones[option.zone], self.quotas)))
            free = self.zones[option.zone]
            if option.quota is not None:
                terms, _ = rows.setdefault(("quota", option.quota), ({}, self.quotas[option.quota]))
                terms[variable] = option.use.cpus
            for name in ("cpus", "memory_gb", "gpus") if free is not None else ():
                terms, _ = rows.setdefault((name, option.zone), ({}, getattr(free, name)))
                terms[variable] = getattr(option.use, name)
        every = dict.fromkeys(range(len(options)), 1.0)
        for terms, upper in rows.values():
            programme.row({variable: amount for variable, amount in terms.items() if amount}, upper=max(0.0, upper))
        programme.row(every, upper=limit)
        try:
            answer = programme.solve([dict.fromkeys(every, -1.0)], self.budget)
        except OutOfBudget:
            return 0
        return 0 if answer is None else sum(answer.values)
