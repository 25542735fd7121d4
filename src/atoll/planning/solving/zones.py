"""Which zones a fleet with `max_zones` uses: the choices of zones without nodes that can be best.

One zone beats another when each of its next machines costs no more than the other's, and it has as many: whatever goes
to the other could go there. So a zone that is beaten by as many as may be chosen is never needed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from math import inf

from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import FleetGroup

Stock = Mapping[int, list[Option]]
"""The options of each zone, the cheapest first."""


def choices(fleet: FleetGroup, stock: Stock) -> Iterator[FleetGroup]:
    """The fleet over each choice of its zones among which the best one is; just itself where all may be used."""
    if not fleet.chooses:
        yield fleet
        return
    held = [zone for zone in fleet.eligible if fleet.existing.get(zone)]
    for chosen in combinations(useful(fleet, stock), fleet.fresh):
        eligible = tuple(sorted((*held, *chosen)))
        yield replace(fleet, eligible=eligible, options=tuple(o for o in fleet.options if o.zone in eligible))


def useful(fleet: FleetGroup, stock: Stock) -> list[int]:
    """The zones without nodes that fewer others beat than may be chosen."""
    if not fleet.fresh:
        return []
    ranked = sorted(fleet.unused, key=lambda zone: [*((o.price, o.key[5]) for o in stock[zone]), (inf, zone)])
    return [
        zone
        for place, zone in enumerate(ranked)
        if sum(
            _beats(stock[other], stock[zone], fleet.nodes, earlier=before < place)
            for before, other in enumerate(ranked)
            if other != zone
        )
        < fleet.fresh
    ]


def _beats(one: list[Option], other: list[Option], top: int, earlier: bool) -> bool:
    """Whether each of the first `top` machines of one zone costs no more; of equal zones the earlier one does."""
    return _covers(one, other, top) and (earlier or not _covers(other, one, top))


def _covers(one: list[Option], other: list[Option], top: int) -> bool:
    needed = 0.0
    for option in other:
        needed = min(top, needed + (inf if option.limit is None else option.limit))
        if sum(inf if o.limit is None else o.limit for o in one if o.price <= option.price) < needed:
            return False
        if needed == top:
            break
    return True
