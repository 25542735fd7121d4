"""The few offers worth considering: of all that pass the filters, those that no other one beats.

Enough are kept that the best plan over the options is the best plan over all offers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atoll.model.blocks import WHOLE, Division
from atoll.model.catalog import MARKETS, UNTOLD, TypeTable
from atoll.planning.filters.blocks import taking
from atoll.planning.filters.feasibility import PASSED, Feasibility, markets, type_stages
from atoll.planning.filters.groups import Group
from atoll.planning.request import Requirements
from atoll.planning.solving.limits import NO_LIMITS, Limits
from atoll.planning.solving.options import Option, size
from atoll.planning.terrain import Lots, Terrain

Signature = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class User:
    """A run that may use what is bought; with `whole` its nodes take whole machines."""

    requirements: Requirements
    whole: bool


@dataclass(frozen=True, slots=True)
class Users:
    """The runs that may use what is bought, and into how many blocks that is divided."""

    runs: tuple[User, ...] = ()
    division: Division = WHOLE

    def held(self, user: User, table: TypeTable) -> NDArray[np.int64]:
        """How many nodes of a run a machine of each type holds."""
        nodes: Signature = np.zeros(len(table), dtype=np.int64)
        if self.division == WHOLE:
            nodes[type_stages(user.requirements, table) == PASSED] = 1
            return nodes
        machines = [(machine, self.division.of(machine)) for machine in table.types]
        taken = taking(user.requirements, machines, user.whole)
        nodes[:] = [blocks // t if t else 0 for (_, blocks), t in zip(machines, taken, strict=True)]
        return nodes


NO_USERS = Users()


def picked(
    feasibility: Feasibility,
    terrain: Terrain,
    lots: Lots,
    users: Users = NO_USERS,
    limits: Limits = NO_LIMITS,
) -> tuple[Option, ...]:
    """For each zone the cheapest passing offer, and where numbers are limited also what comes next.

    Where machines of a zone count against one of the `limits`, the offers of which no other there is as cheap and takes
    as little of what is limited. What suits other `users` is another kind of offer.
    """
    chosen = []
    for group in _kinds(feasibility, users, terrain):
        rows = _not_dearer(group, terrain)
        reached = [zone for zone in group.zones if limits.reach(zone, terrain)] if limits else []
        if reached:
            catalog = terrain.snapshot.catalog
            places = [catalog.positions[terrain.zones[zone].zone] for zone in reached]
            rows = rows[~np.isin(catalog.columns.zone[rows], places)]
        chosen += [rows, *(_front(group.rows_in(zone), zone, terrain, limits) for zone in reached)]
    return tuple(_options(np.sort(np.concatenate(chosen)), terrain, lots, users.division))


def cheapest(feasibility: Feasibility, terrain: Terrain, lots: Lots) -> tuple[Option, ...]:
    """The passing offers that cost as little as any, where as many of each can be had as are wanted."""
    rows = np.sort(feasibility.group(PASSED).cheapest_of_all())
    return tuple(_options(rows, terrain, lots, WHOLE))


def _kinds(feasibility: Feasibility, users: Users, terrain: Terrain) -> list[Group]:
    """The passing offers, those together that suit the same users."""
    passed = feasibility.group(PASSED)
    if not users.runs:
        return [passed]
    signature, kinds = _signature(passed.rows, users, terrain)
    if kinds == 1:
        return [passed]
    groups = []
    for kind in range(kinds):
        members = np.zeros(len(feasibility.offers), dtype=bool)
        members[passed.rows[signature == kind]] = True
        groups.append(Group(members, terrain))
    return groups


def _not_dearer(group: Group, terrain: Terrain) -> NDArray[np.intp]:
    """All that is not dearer than the zone's cheapest unlimited one; all, where every one is limited."""
    catalog = terrain.snapshot.catalog
    if not catalog.counted or not len(group.rows):
        return group.as_cheap()
    prices = catalog.columns.price[group.rows]
    unlimited = np.where(catalog.columns.count[group.rows] == UNTOLD, prices, np.inf)
    return group.rows[prices <= np.repeat(np.minimum.reduceat(unlimited, group.starts), group.counts)]


def _front(rows: NDArray[np.intp], zone: int, terrain: Terrain, limits: Limits) -> NDArray[np.intp]:
    """Those of a zone's offers that no other one beats; offers of which only some can be had beat none."""
    columns, table = terrain.snapshot.catalog.columns, terrain.snapshot.catalog.table
    rows = rows[np.lexsort((columns.market[rows], table.smallest_first[columns.type[rows]], columns.price[rows]))]
    market, kinds = columns.market[rows], columns.type[rows]
    uses = [amounts[kinds] for amounts in (table.cpus, table.memory_gb, table.gpu_count)]
    limited = columns.count[rows] != UNTOLD
    in_quota = [terrain.quota(zone, each) in limits.quotas for each in MARKETS]
    left, front = np.ones(len(rows), dtype=bool), []
    while left.any():
        best = int(left.argmax())
        front.append(best)
        left[best] = False
        if limited[best]:
            continue
        beaten = np.ones(len(rows), dtype=bool)
        if in_quota[market[best]]:
            beaten &= (market == market[best]) & (uses[0] >= uses[0][best])
        for amounts in uses if zone in limits.zones else ():
            beaten &= amounts >= amounts[best]
        left &= ~beaten
    return rows[front]


def _signature(rows: NDArray[np.intp], users: Users, terrain: Terrain) -> tuple[Signature, int]:
    """A number for each row, from 0 to how many there are: rows with the same number suit the same users."""
    catalog = terrain.snapshot.catalog
    columns, table = catalog.columns, catalog.table
    # Types and markets are few, and decide all but what a highest price refuses; only for that each offer is looked at.
    anything = np.ones((len(table), len(MARKETS)), dtype=bool)
    kinds, count = np.zeros(anything.shape, dtype=np.int64), 1
    bounded: dict[float, NDArray[np.bool_]] = {}
    for user in dict.fromkeys(users.runs):
        allowed = np.array([market in markets(user.requirements.spot_policy) for market in MARKETS])
        held = users.held(user, table)
        suits = (held > 0)[:, None] & allowed
        for least in np.unique(held[held > 0]):
            kinds, count = _split(kinds, count, (held >= least)[:, None] & allowed)
        if (dearest := user.requirements.max_price) is not None:
            bounded[dearest] = bounded.get(dearest, ~anything) | suits
    of_rows = (columns.type[rows], columns.market[rows])
    signature, count = _split(kinds[of_rows], count, anything[of_rows])
    for dearest, suits in bounded.items():
        signature, count = _split(signature, count, suits[of_rows] & (columns.price[rows] <= dearest))
    return signature, count


def _split(signature: Signature, count: int, by: NDArray[np.bool_]) -> tuple[Signature, int]:
    """Numbers for what differs in its number or in `by`, which has the same shape; as few as there are."""
    pairs = signature * 2 + by
    present = np.flatnonzero(np.bincount(pairs.ravel(), minlength=2 * count))
    numbers = np.zeros(2 * count, dtype=np.int64)
    numbers[present] = np.arange(len(present))
    return numbers[pairs], max(1, len(present))


def _options(rows: NDArray[np.intp], terrain: Terrain, lots: Lots, division: Division) -> list[Option]:
    catalog = terrain.snapshot.catalog
    columns = catalog.columns
    zones = [terrain.zone_of_offers[place] for place in columns.zone[rows].tolist()]
    values = zip(
        rows.tolist(),
        zones,
        columns.type[rows].tolist(),
        columns.market[rows].tolist(),
        columns.price[rows].tolist(),
        columns.count[rows].tolist(),
        strict=True,
    )
    options = []
    for row, zone, kind, number, price, count in values:
        instance_type, market = catalog.table.types[kind], MARKETS[number]
        limit = None if count == UNTOLD else count
        key = (price, *size(instance_type), lots[zone], instance_type.name, market)
        quota, blocks = terrain.quota(zone, market), division.of(instance_type)
        options.append(Option(zone, row, instance_type, market, price, limit, quota, key, blocks))
    return options
