"""A problem without what no best solution buys.

The exact model has a variable for each offer and each node that may stand on it, so what another offer beats for every
purpose is left out before. An offer of which only some can be had, by its number or by a capacity or quota in force,
beats none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from atoll.planning.request import Strategy
from atoll.planning.solving.options import Option, bulk, suiting
from atoll.planning.solving.problem import FleetGroup, NodeClass, Problem, RunGroup


def trimmed(problem: Problem) -> Problem:
    """The problem without options that others beat."""
    runs = tuple(_trimmed_run(run, problem) for run in problem.runs)
    fleets = tuple(_trimmed_fleet(fleet, problem) for fleet in problem.fleets)
    return replace(problem, fleets=fleets, runs=runs)


def _free(run: RunGroup) -> bool:
    """True when each node of a run may choose its zone without regard to volumes and evenness."""
    return run.max_skew is None and not any(group.mounts for group in run.classes)


def _reach(run: RunGroup, group: NodeClass, problem: Problem) -> frozenset[int]:
    """The zones where nodes of this class may stand, as far as zones and volumes decide it."""
    reach = run.zones if group.reach is None else group.reach
    for mount in group.mounts:
        reach &= {zone for name in mount if name in problem.disks for zone in problem.disks[name].zones}
    return reach


def _trimmed_run(run: RunGroup, problem: Problem) -> RunGroup:
    """A run whose nodes choose freely buys the best offer of each place for all nodes, and before it what is limited.

    Offers at the same price in other zones stay where several nodes are better off in fewer zones.
    """
    if not _free(run):
        return run
    kept: dict[int, Option] = {}
    for group in run.classes:
        reach = _reach(run, group, problem)
        ranked = sorted(
            (o.price, bulk(o.instance_type) + o.key[5] + group.weights.get(o.zone, 0), o.offer, o)
            for o in run.options
            if o.zone in reach
        )
        found: dict[int, float] = {}
        for price, _, _, option in ranked:
            place = run.places.get(option.zone, -1)
            if place in found and (price > found[place] or not run.may_be_apart):
                continue
            kept[option.offer] = option
            if option.limit is None and not problem.limits.bind(option):
                found.setdefault(place, price)
    return replace(run, options=tuple(kept[offer] for offer in sorted(kept)))


@dataclass(frozen=True, slots=True)
class _Worth:
    """An option, which classes of nodes it can serve (`serves` has a bit for each), and whether there are only some."""

    option: Option
    serves: int
    bulk: float
    limited: bool

    def beats(self, other: "_Worth", strictly: bool) -> bool:
        """True when this one does for every purpose, at less; or, unless `strictly`, at the same price and smaller."""
        if self.limited or other.serves & ~self.serves:
            return False
        if self.option.price != other.option.price:
            return self.option.price < other.option.price
        return not strictly and (self.bulk, self.option.offer) < (other.bulk, other.option.offer)


def _trimmed_fleet(fleet: FleetGroup, problem: Problem) -> FleetGroup:
    users = [run for run in problem.runs if fleet.name in run.fleets]
    if users and any(option.blocks > 1 for option in fleet.options):
        return fleet  # a larger machine may be dearer and serve more nodes
    by_zone: dict[int, list[_Worth]] = {}
    for worth in _worths(fleet, users, problem):
        by_zone.setdefault(worth.option.zone, []).append(worth)
    fronts = {zone: _front(worths) for zone, worths in by_zone.items()}
    for alike in _alike(fronts, users) if all(_free(run) for run in users) else ():
        if fleet.is_free:
            every = [worth for zone in alike for worth in fronts[zone]]
            fronts |= {zone: [w for w in fronts[zone] if not _beaten(w, every)] for zone in alike}
        elif _gathers(fleet) and not fleet.existing:
            cheapest = {zone: min(worth.option.price for worth in fronts[zone]) for zone in alike}
            # The cheapest zones first: they outdo most of the others.
            here = {zone: fronts[zone] for zone in sorted(alike, key=cheapest.__getitem__)}
            fronts |= {zone: [] for zone in alike if _outdone(zone, here)}
    kept = sorted((worth.option for front in fronts.values() for worth in front), key=lambda option: option.offer)
    return replace(fleet, options=tuple(kept))


def _alike(zones: Iterable[int], users: Iterable[RunGroup]) -> Iterable[list[int]]:
    """The zones in groups within which it is all one to all users where a machine is."""
    groups: dict[tuple[int, ...], list[int]] = {}
    places = [run.places for run in users if run.places]
    for zone in zones:
        groups.setdefault(tuple(place.get(zone, -1) for place in places), []).append(zone)
    return groups.values()


def _gathers(fleet: FleetGroup) -> bool:
    """True for a cluster that may be as large as it likes in any zone."""
    placement = fleet.placement
    bounded = placement.survive_zones or placement.max_share is not None
    return placement.strategy is Strategy.CLUSTER and not bounded


def _worths(fleet: FleetGroup, users: Iterable[RunGroup], problem: Problem) -> list[_Worth]:
    serves = [0] * len(fleet.options)
    bit = 1
    for run in users:
        suits = suiting(run.requirements, fleet.options, run.whole)
        for group in run.classes:
            reach = _reach(run, group, problem)
            for i, option in enumerate(fleet.options):
                if suits[i] and option.zone in reach:
                    serves[i] |= bit
            bit <<= 1
    return [
        _Worth(o, mask, bulk(o.instance_type), o.limit is not None or problem.limits.bind(o))
        for o, mask in zip(fleet.options, serves, strict=True)
    ]


def _front(worths: Sequence[_Worth]) -> list[_Worth]:
    """Those of one zone that no other beats."""
    return [worth for worth in worths if not any(other.beats(worth, strictly=False) for other in worths)]


def _beaten(worth: _Worth, every: Iterable[_Worth]) -> bool:
    return any(other.beats(worth, strictly=True) for other in every)


def _outdone(zone: int, fronts: Mapping[int, Sequence[_Worth]]) -> bool:
    """True when another zone has something better for everything that this one has."""
    return any(all(_beaten(worth, front) for worth in fronts[zone]) for other, front in fronts.items() if other != zone)
