"""The few offers worth considering: of all that pass the filters, those that no other one beats.

`cheapest` keeps what matters when nothing but price decides; `undominated` what matters when capacities and quotas
decide too. Both keep enough that the best plan over the options is the best plan over all offers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from atoll.model.catalog import MARKETS, UNTOLD, TypeTable
from atoll.model.offer import Market
from atoll.model.resources import InstanceType
from atoll.model.zone import Capacity
from atoll.planning.filters.feasibility import PASSED, Feasibility, markets, type_stages
from atoll.planning.filters.groups import Group
from atoll.planning.request import Requirements
from atoll.planning.world import World

Key = tuple[float, float, float, float, float, float, str, str]
Signature = NDArray[np.int64]


class Machine(Protocol):
    """One that is there, is planned or may be bought, at `price` in USD an hour."""

    @property
    def instance_type(self) -> InstanceType: ...

    @property
    def market(self) -> Market: ...

    @property
    def price(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Option:
    """An offer that one document may buy. `limit` is how many can be had (None: not told); the smaller `key` first."""

    zone: int
    offer: int
    instance_type: InstanceType
    market: Market
    price: float
    limit: int | None
    quota: int | None
    key: Key = field(compare=False)

    @property
    def use(self) -> Capacity:
        """What one machine takes of its zone."""
        return self.instance_type.capacity


def size(instance_type: InstanceType) -> tuple[float, float, float, float]:
    """By which the smaller of two sufficient types is found: GPUs before CPUs before memory before disk."""
    gpus = instance_type.gpu.count if instance_type.gpu else 0
    return (gpus, instance_type.cpus, instance_type.memory_gb, instance_type.disk_gb)


def bulk(instance_type: InstanceType) -> float:
    """By which the smaller of two sufficient types is found where everything is decided at once; no limit's unit."""
    gpus, cpus, memory, _ = size(instance_type)
    return (gpus * 8 + cpus + memory / 16) / 10


def cheapest(
    feasibility: Feasibility, world: World, lots: Sequence[float], users: Sequence[Requirements]
) -> list[Option]:
    """For each zone the cheapest passing offer, and where numbers are limited also what comes next.

    `users` are the requirements of runs that may use what is bought: what suits other users is another kind of offer.
    """
    chosen = [_not_dearer(group, world) for group in _kinds(feasibility, users, world)]
    return _options(np.sort(np.concatenate(chosen)), world, lots)


def _kinds(feasibility: Feasibility, users: Sequence[Requirements], world: World) -> list[Group]:
    """The passing offers, those together that suit the same users."""
    passed = feasibility.group(PASSED)
    if not users:
        return [passed]
    signature, kinds = _signature(passed.rows, users, world)
    if kinds == 1:
        return [passed]
    groups = []
    for kind in range(kinds):
        members = np.zeros(len(feasibility.offers), dtype=bool)
        members[passed.rows[signature == kind]] = True
        groups.append(Group(members, world))
    return groups


def _not_dearer(group: Group, world: World) -> NDArray[np.intp]:
    """All that is not dearer than the zone's cheapest unlimited one; all, where every one is limited."""
    catalog = world.snapshot.catalog
    if not catalog.counted or not len(group.rows):
        return group.as_cheap()
    prices = catalog.columns.price[group.rows]
    unlimited = np.where(catalog.columns.count[group.rows] == UNTOLD, prices, np.inf)
    return group.rows[prices <= np.repeat(np.minimum.reduceat(unlimited, group.starts), group.counts)]


def undominated(
    feasibility: Feasibility, world: World, lots: Sequence[float], users: Sequence[Requirements]
) -> list[Option]:
    """The passing offers of which no other in the same zone is as cheap and takes as little of everything limited."""
    by_place: dict[tuple[int, int], list[Option]] = {}
    for kind, group in enumerate(_kinds(feasibility, users, world)):
        shared = np.repeat(np.array([world.shared(zone) for zone in group.zones], dtype=bool), group.counts)
        # Where nothing is shared with others, price decides alone.
        alone = np.isin(group.rows, _not_dearer(group, world)) & ~shared
        for option in _options(group.rows[alone | shared], world, lots):
            by_place.setdefault((option.zone, kind), []).append(option)
    return [option for place in sorted(by_place) for option in _front(by_place[place], world)]


def _front(options: list[Option], world: World) -> list[Option]:
    front: list[Option] = []
    unlimited: list[Option] = []
    for option in sorted(options, key=lambda o: o.key):
        if any(_beats(other, option, world) for other in unlimited):
            continue
        front.append(option)
        if option.limit is None:
            unlimited.append(option)
    return front


def _beats(one: Option, other: Option, world: World) -> bool:
    if one.quota is not None and (one.quota != other.quota or one.use.cpus > other.use.cpus):
        return False
    return world.free[one.zone] is None or other.use.covers(one.use)


def _signature(rows: NDArray[np.intp], users: Sequence[Requirements], world: World) -> tuple[Signature, int]:
    """A number for each row, from 0 to how many there are: rows with the same number suit the same users."""
    catalog = world.snapshot.catalog
    columns, table = catalog.columns, catalog.table
    # Types and markets are few, and tell all but what a highest price refuses; only for that each offer is looked at.
    anything = np.ones((len(table), len(MARKETS)), dtype=bool)
    kinds, count = np.zeros(anything.shape, dtype=np.int64), 1
    bounded: dict[float, NDArray[np.bool_]] = {}
    for user in dict.fromkeys(users):
        allowed = np.array([market in markets(user.spot_policy) for market in MARKETS])
        suits = (type_stages(user, table) == PASSED)[:, None] & allowed
        kinds, count = _split(kinds, count, suits)
        if user.max_price is not None:
            bounded[user.max_price] = bounded.get(user.max_price, ~anything) | suits
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


def _options(rows: NDArray[np.intp], world: World, lots: Sequence[float]) -> list[Option]:
    catalog = world.snapshot.catalog
    columns = catalog.columns
    zones = [world.zone_of_offers[place] for place in columns.zone[rows].tolist()]
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
        options.append(Option(zone, row, instance_type, market, price, limit, world.quota(zone, market), key))
    return options


def suiting(requirements: Requirements, machines: Sequence[Machine]) -> list[bool]:
    """Whether each of these machines has what these requirements ask, wherever it is."""
    # By identity: machines of one type share it, and its hash costs more than to look twice at one that is equal.
    kinds = {id(machine.instance_type): machine.instance_type for machine in machines}
    stages = type_stages(requirements, TypeTable(tuple(kinds.values()))).tolist()
    fits = {kind for kind, stage in zip(kinds, stages, strict=True) if stage == PASSED}
    allowed, dearest = markets(requirements.spot_policy), requirements.max_price
    return [
        id(machine.instance_type) in fits
        and machine.market in allowed
        and (dearest is None or machine.price <= dearest)
        for machine in machines
    ]
