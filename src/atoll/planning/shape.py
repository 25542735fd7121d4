"""What a fleet should look like by zone: how many nodes are missing, which ones are surplus, and how evenly they lie.

One place says it for growth, shrinking, loss, recovery and replacement, for the plan and for lists. How the missing
nodes are bought is the planner's affair, which keeps the same limits; which nodes go is decided here: outdated ones
before the others, then the zone first, then idle nodes before busy ones, then the newest. A node that works goes only
when those that remain and work are enough.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from atoll.model.zone import Zone
from atoll.planning.request import Placement, Strategy


@dataclass(frozen=True, slots=True)
class Member:
    """A node that is to stay, as far as its place matters; `node` is its number in the fleet.

    A `ready` node works: its machine is there and its agent answers. An `outdated` one is not what the fleet's
    configuration asks for, or its zone is being emptied: it does not count towards the fleet, and stays until others
    take its place.
    """

    id: str
    zone: Zone
    node: int
    busy: bool = False
    ready: bool = True
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A fleet by zone.

    `counts` has every zone that holds nodes or could take one (0). `missing` is how many nodes are to be added at
    least, `removals` are the ids of surplus and outdated ones in the order in which they go, `released` those of them
    that may go now: the nodes that work are enough without them. `spare` is how many stay beyond the requested number
    so that a lost zone leaves enough. `skew` is the largest count less the least one of a zone that
    could take a node; `emptiest` is that zone where the skew is above its limit.
    """

    counts: Mapping[Zone, int]
    missing: int
    removals: tuple[str, ...]
    released: tuple[str, ...]
    spare: int
    skew: int
    emptiest: Zone | None = None


def shape(
    nodes: int, placement: Placement, members: Collection[Member], eligible: Collection[Zone], away: int = 0
) -> Shape:
    """The shape of a fleet of `nodes` whose staying nodes are `members`; `eligible` zones could take one now.

    As many as `away` outdated nodes may go before others take their place.
    """
    removals = _removals(nodes, placement, members, eligible, away)
    going = {member.id for member in removals}
    held = _counts(member.zone for member in members if member.id not in going and not member.outdated)
    skew, emptiest = skew_of(placement, held, eligible)
    over = placement.strategy is Strategy.SPREAD and skew > placement.max_skew
    return Shape(
        dict(sorted({**dict.fromkeys(eligible, 0), **held}.items())),
        missing(nodes, placement, held),
        tuple(member.id for member in removals),
        _released(nodes, placement, members, removals, away, eligible),
        max(0, sum(held.values()) - nodes),
        skew,
        emptiest if over else None,
    )


def missing(nodes: int, placement: Placement, counts: Mapping[Zone, int]) -> int:
    """How many nodes are to be added at least, so that `nodes` remain after the loss of `survive_zones` zones."""
    lost = sorted(counts.values(), reverse=True)[: placement.survive_zones]
    return max(0, nodes - (sum(counts.values()) - sum(lost)))


def can_spare(nodes: int, placement: Placement, counts: Mapping[Zone, int], zone: Zone) -> bool:
    """Whether a zone may give up a node: enough remain, and with `spread` it is not too far behind the fullest.

    Where others would hold more than their share of the rest, only a fullest zone may, and none may where the nodes
    would be in fewer zones than `min_zones`.
    """
    after = {**counts, zone: counts.get(zone, 0) - 1}
    fullest = max(after.values())
    even = (
        placement.strategy is not Strategy.SPREAD
        or fullest - after[zone] <= placement.max_skew
        or zone in extra_zones(placement, counts, counts)
    )
    shared = share_over(nodes, placement, after) is None or fullest <= counts.get(zone, 0)
    wide = after[zone] > 0 or not zones_short(placement, after)
    return even and shared and wide and missing(nodes, placement, after) == 0


def skew_of(placement: Placement, counts: Mapping[Zone, int], eligible: Collection[Zone]) -> tuple[int, Zone | None]:
    """The largest count less the least one among the zones over which the nodes are to lie, and the zone of that one.

    A zone without nodes counts 0. Where no zone could take a node, nothing could be more even: 0.
    """
    homes = placement.homes(counts, eligible)
    emptiest = min(homes, key=lambda zone: (counts.get(zone, 0), zone), default=None)
    return _skew(counts, homes), emptiest


def share_over(nodes: int, placement: Placement, counts: Mapping[Zone, int]) -> tuple[Zone, int] | None:
    """The fullest zone, where it holds more than its share of the nodes, and how many it may hold."""
    most = placement.most_in_zone(max(nodes, sum(counts.values())))
    fullest = max(sorted(counts), key=lambda zone: counts[zone], default=None)
    return None if fullest is None or most is None or counts[fullest] <= most else (fullest, most)


class Excess(NamedTuple):
    """By how much a fleet exceeds each of its limits; all 0 where it has the shape that was requested.

    `beyond` are its nodes in zones beyond `max_zones`, `short` the zones that it has less than `min_zones`, `share` the
    nodes that the fullest zone has beyond `max_share`, and `skew` is what the skew exceeds `max_skew` by.
    """

    beyond: int = 0
    short: int = 0
    share: int = 0
    skew: int = 0

    def within(self, other: "Excess") -> bool:
        """Whether no limit is exceeded by more."""
        return all(mine <= others for mine, others in zip(self, other, strict=True))


def excess(
    nodes: int,
    placement: Placement,
    counts: Mapping[Zone, int],
    eligible: Collection[Zone],
    homes: Collection[Zone] | None = None,
) -> Excess:
    """How far a fleet is from its shape; with `homes` the skew is the one over these zones."""
    if placement.strategy is Strategy.CLUSTER:
        return Excess()
    over = share_over(nodes, placement, counts)
    skew = 0
    if placement.strategy is Strategy.SPREAD:
        skew = _skew(counts, placement.homes(counts, eligible) if homes is None else homes)
    return Excess(
        sum(counts[zone] for zone in extra_zones(placement, counts, eligible)),
        zones_short(placement, counts),
        0 if over is None else counts[over[0]] - over[1],
        max(0, skew - placement.max_skew),
    )


def zones_short(placement: Placement, counts: Mapping[Zone, int]) -> int:
    """In how many zones fewer than `min_zones` the nodes are; fewer nodes than that need a zone each."""
    if placement.strategy is Strategy.CLUSTER or placement.min_zones is None:
        return 0
    return max(0, min(placement.min_zones, sum(counts.values())) - sum(count > 0 for count in counts.values()))


def extra_zones(placement: Placement, counts: Mapping[Zone, int], eligible: Collection[Zone]) -> list[Zone]:
    """The zones with nodes beyond `max_zones`: those that take no node, then those with the fewest."""
    held = {zone: count for zone, count in counts.items() if count}
    number = 0 if placement.max_zones is None else max(0, len(held) - placement.max_zones)
    stranded = sorted((zone for zone in held if zone not in eligible), key=lambda zone: (held[zone], zone))
    fullest = sorted((zone for zone in held if zone in eligible), key=lambda zone: (-held[zone], zone))
    return [*stranded, *reversed(fullest)][:number]


def _counts(zones: Iterable[Zone]) -> dict[Zone, int]:
    counts: dict[Zone, int] = {}
    for zone in zones:
        counts[zone] = counts.get(zone, 0) + 1
    return counts


def _removals(
    nodes: int, placement: Placement, members: Collection[Member], eligible: Collection[Zone], away: int
) -> list[Member]:
    """Surplus nodes, one after the other: outdated ones, then each from the first zone that can spare it.

    The last node of a zone that `min_zones` needs goes only where every other one does. Taken from the fullest zone,
    a node neither widens the skew beyond its limit nor weakens what survives.
    """
    outdated = [member for member in members if member.outdated]
    gone = _outdated_removals(nodes - away, placement, members)
    if len(gone) < len(outdated):
        return gone  # too few nodes without them: no other one is surplus
    remaining: dict[Zone, list[Member]] = {}
    for member in sorted(members, key=_turn, reverse=True):
        if not member.outdated:
            remaining.setdefault(member.zone, []).append(member)  # the last one of each zone goes first
    while True:
        counts = {zone: len(held) for zone, held in sorted(remaining.items()) if held}
        order = [
            zone
            for zones in _ranked(nodes, placement, counts, eligible)
            for zone in sorted(zones, key=lambda zone: _turn(remaining[zone][-1]))
        ]
        emptied = [z for z in order if counts[z] == 1 and zones_short(placement, {**counts, z: 0})]
        for zone in (*(z for z in order if z not in emptied), *emptied):
            if missing(nodes, placement, {**counts, zone: counts[zone] - 1}) == 0:
                gone.append(remaining[zone].pop())
                break
        else:
            return gone


def _outdated_removals(nodes: int, placement: Placement, members: Collection[Member]) -> list[Member]:
    """Those of the outdated nodes without which enough remain, those that are not ready and idle ones first."""
    counts = _counts(member.zone for member in members)
    gone = []
    for member in sorted(members, key=_turn):
        if member.outdated and missing(nodes, placement, {**counts, member.zone: counts[member.zone] - 1}) == 0:
            counts[member.zone] -= 1
            gone.append(member)
    return gone


def _turn(member: Member) -> tuple[bool, bool, int]:
    """Among nodes that are equal otherwise, the least goes first: idle, not ready, the newest."""
    return member.busy, member.ready, -member.node


def _released(
    nodes: int,
    placement: Placement,
    members: Collection[Member],
    removals: Sequence[Member],
    away: int,
    eligible: Collection[Zone],
) -> tuple[str, ...]:
    """Those of the removals that may go now: what works is enough without them, or they do not work themselves.

    Each removal supposes the ones before it: where one has to stay for now, another one goes only where the
    remaining nodes are even enough, and the last ones before it stay, too, if these are not.
    """
    working = _counts(member.zone for member in members if member.ready)
    before = _counts(member.zone for member in members if not member.outdated)
    held = dict(before)
    released: list[str] = []
    even, kept = 0, False
    for member in removals:
        without = working
        if member.ready:
            without = {**working, member.zone: working[member.zone] - 1}
            if missing(nodes - away if member.outdated else nodes, placement, without):
                kept = True
                continue
        if not member.outdated:
            if kept and not can_spare(nodes, placement, held, member.zone):
                continue
            held[member.zone] -= 1
        working = without
        released.append(member.id)
        homes = placement.homes(held, eligible)
        former = excess(nodes, placement, before, eligible, homes)
        if excess(nodes, placement, held, eligible, homes).within(former):
            even = len(released)
    return tuple(released[:even] if kept else released)


def _skew(counts: Mapping[Zone, int], homes: Iterable[Zone]) -> int:
    fullest = max(counts.values(), default=0)
    return max((fullest - counts.get(zone, 0) for zone in homes), default=0)


def _ranked(
    nodes: int, placement: Placement, counts: Mapping[Zone, int], eligible: Collection[Zone]
) -> list[list[Zone]]:
    """The zones that hold nodes, in the order in which they give one up; those of one list are equal."""
    ranked = _ranked_by_strategy(placement, counts, eligible)
    most = placement.most_in_zone(nodes)
    levels = sorted({count for count in counts.values() if most is not None and count > most}, reverse=True)
    heavy = [[zone for zone in zones if counts[zone] == level] for level in levels for zones in ranked]
    extra = [[zone] for zone in extra_zones(placement, counts, eligible)]
    return [zones for zones in (*heavy, *extra, *ranked) if zones]


def _ranked_by_strategy(
    placement: Placement, counts: Mapping[Zone, int], eligible: Collection[Zone]
) -> list[list[Zone]]:
    stranded = [zone for zone in counts if zone not in eligible]
    usable = [zone for zone in counts if zone in eligible]
    if placement.strategy is Strategy.CLUSTER:
        home = max(sorted(counts), key=lambda zone: counts[zone], default=None)
        return [zones for zones in ([z for z in counts if z != home], [z for z in counts if z == home]) if zones]
    ranked = [stranded, usable]
    if placement.strategy is Strategy.SPREAD:
        levels = sorted(set(counts.values()), reverse=True)
        ranked = [[z for z in zones if counts[z] == level] for zones in (stranded, usable) for level in levels]
    return [zones for zones in ranked if zones]
