"""The limits that documents share: how many an offer has, what a zone has left, what a quota allows.

`model` writes them as rows; `joint` checks them where documents were planned apart.
"""

from collections.abc import Iterable

from atoll.model.zone import Capacity
from atoll.planning.solving.options import Option
from atoll.planning.world import World


def shared_limits(bought: Iterable[tuple[Option, int]], world: World) -> Iterable[tuple[dict[int, float], float]]:
    """Each limit that these variables share, as terms and the most that their sum may be."""
    limits: dict[tuple[str, int], tuple[dict[int, float], float]] = {}
    for option, variable in bought:
        if option.limit is not None:
            limits.setdefault(("offer", option.offer), ({}, option.limit))[0][variable] = 1.0
        if option.quota is not None:
            free = world.free_cpus(option.quota)
            limits.setdefault(("quota", option.quota), ({}, free))[0][variable] = option.use.cpus
        room = world.free[option.zone]
        if room is not None:
            for what in ("cpus", "memory_gb", "gpus"):
                amount = getattr(option.use, what)
                if amount:
                    limits.setdefault((what, option.zone), ({}, getattr(room, what)))[0][variable] = amount
    return limits.values()


def within_limits(bought: Iterable[tuple[Option, int]], world: World) -> bool:
    """True when these machines fit in offers' numbers, zones' capacities and quotas together."""
    offers: dict[int, int] = {}
    quotas: dict[int, float] = {}
    zones: dict[int, Capacity] = {}
    for option, count in bought:
        if option.limit is not None:
            offers[option.offer] = offers.get(option.offer, 0) + count
            if offers[option.offer] > option.limit:
                return False
        if option.quota is not None:
            quotas[option.quota] = quotas.get(option.quota, 0.0) + option.use.cpus * count
        use = option.use
        taken = Capacity(use.cpus * count, use.memory_gb * count, use.gpus * count)
        zones[option.zone] = zones.get(option.zone, Capacity()) + taken
    if any(used > world.free_cpus(quota) for quota, used in quotas.items()):
        return False
    return all((room := world.free[zone]) is None or room.covers(used) for zone, used in zones.items())
