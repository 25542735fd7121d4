"""The rules of placing, one offer at a time in plain Python: what the oracle and the checks are built on.

Written from the product's documents and not from its code: no module of `atoll.planning` that decides is imported here,
only the shapes of requests and snapshots. The definitions that the documents leave open are these:

- An offer may be bought when its zone is available, allowed by name and not left out by a failure in force; when its
  type, market and price are allowed; when it is available and not sold out; and when one such machine is no larger than
  the zone's declared total and than what its quota has left.
- A zone is *eligible* for a fleet when at least one of its offers may be bought. What others use of its declared total
  does not matter for that: an eligible zone without room is the shortage that `on_shortage` is about.
- Reserved machines count as on-demand ones.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase
from fractions import Fraction

from atoll.model.failure import Failure, FailureKind
from atoll.model.offer import Availability, Market, Offer
from atoll.model.quota import Quota
from atoll.model.resources import InstanceType, Range
from atoll.model.zone import Capacity, Zone, ZoneState
from atoll.planning.request import Document, FleetRequest, Requirements, RunRequest, SpotPolicy, VolumeRequest
from atoll.planning.snapshot import ExistingInstance, Snapshot


def zones_of(snapshot: Snapshot) -> list[Zone]:
    """Every zone that the snapshot knows, in the order of their names."""
    seen = {info.zone for info in snapshot.zones} | set(snapshot.catalog.zones)
    seen |= {instance.zone for instance in snapshot.instances} | {volume.zone for volume in snapshot.volumes}
    return sorted(seen, key=lambda zone: (zone.backend, zone.region, zone.name))


def state_of(zone: Zone, snapshot: Snapshot) -> ZoneState:
    """A zone's state; one that nothing is told of is available."""
    return next((info.state for info in snapshot.zones if info.zone == zone), ZoneState.AVAILABLE)


def named(zone: Zone, pattern: str) -> bool:
    """True when the pattern (a name, an id, `region/name` or a glob, in any case) is about this zone.

    A place of a backend without zones goes by its region's full name.
    """
    if not zone.name:
        return zone.region.casefold() == pattern.casefold() or pattern == "*"
    spellings = [text.casefold() for text in (zone.name, zone.zone_id, f"{zone.region}/{zone.name}") if text]
    return any(fnmatchcase(text, pattern.casefold()) for text in spellings)


def zone_allowed(zone: Zone, asked: Requirements, snapshot: Snapshot) -> bool:
    """True when the requirements let nodes stand in this zone."""
    if asked.backends is not None and zone.backend not in asked.backends:
        return False
    if asked.regions is not None and zone.region not in asked.regions:
        return False
    patterns = asked.availability_zones or ()
    wanted = [p for p in patterns if not p.startswith("!")]
    if wanted and not any(named(zone, p) for p in wanted):
        return False
    if any(named(zone, p[1:]) for p in patterns if p.startswith("!")):
        return False
    return state_of(zone, snapshot) is ZoneState.AVAILABLE


def _within(value: float, limits: Range | None) -> bool:
    low = limits.min if limits is not None else None
    high = limits.max if limits is not None else None
    return (low is None or value >= low) and (high is None or value <= high)


def type_allowed(kind: InstanceType, asked: Requirements) -> bool:
    """True when a machine of this type has what is asked. A disk of 0 GB is one of any size."""
    want = asked.resources
    if asked.instance_types is not None and kind.name not in asked.instance_types:
        return False
    if want.arch is not None and kind.arch != want.arch:
        return False
    if not (_within(kind.cpus, want.cpus) and _within(kind.memory_gb, want.memory_gb)):
        return False
    if want.disk_gb is not None and kind.disk_gb and not _within(kind.disk_gb, want.disk_gb):
        return False
    if want.gpu is None:
        return True
    if kind.gpu is None:
        return _within(0, want.gpu.count)
    if want.gpu.names and kind.gpu.name not in want.gpu.names:
        return False
    if want.gpu.vendor not in (None, kind.gpu.vendor):
        return False
    ability, least = kind.gpu.compute_capability, want.gpu.compute_capability
    if least is not None and (ability is None or ability < least):
        return False
    memory = kind.gpu.memory_gb
    total = _within(memory * kind.gpu.count, want.gpu.total_memory_gb)
    return total and _within(kind.gpu.count, want.gpu.count) and _within(memory, want.gpu.memory_gb)


def machine_allowed(kind: InstanceType, market: Market, price: float, asked: Requirements) -> bool:
    """True when a machine of this type, market and price has what is asked, wherever it is."""
    if asked.max_price is not None and price > asked.max_price:
        return False
    if asked.spot_policy is SpotPolicy.SPOT and market is not Market.SPOT:
        return False
    if asked.spot_policy is SpotPolicy.ON_DEMAND and market is Market.SPOT:
        return False
    return type_allowed(kind, asked)


def left_out(offer: Offer, failure: Failure, snapshot: Snapshot) -> bool:
    """True when this failure, by the table of errors and how far they reach, keeps the offer out at `now`."""
    if failure.until is not None and failure.until <= snapshot.now:
        return False
    scope, zone = failure.scope, offer.zone
    backend = scope.backend == zone.backend
    region = backend and scope.region in (None, zone.region)
    place = region and scope.zone in (None, zone.name)
    kind = place and scope.instance_type in (None, offer.instance_type.name)
    match failure.kind:
        case FailureKind.CAPACITY_UNAVAILABLE | FailureKind.INTERRUPTED:
            return kind and scope.market in (None, offer.market)
        case FailureKind.NOT_OFFERED:
            return kind
        case FailureKind.QUOTA_EXCEEDED:
            return region and scope.market in (None, offer.market)
        case FailureKind.THROTTLED | FailureKind.UNAVAILABLE:
            return region
        case FailureKind.AUTH_FAILED:
            return backend
        case _:
            return False


def dry_zones(snapshot: Snapshot) -> set[tuple[str, str | None, str]]:
    """Zones out as a whole: four types or more had no capacity there in the last ten minutes, one of them still out."""
    groups = defaultdict(list)
    for failure in snapshot.failures:
        recent = snapshot.now - failure.at <= timedelta(minutes=10)
        if failure.kind is FailureKind.CAPACITY_UNAVAILABLE and failure.scope.zone and recent:
            groups[failure.scope.backend, failure.scope.region, failure.scope.zone].append(failure)
    return {
        place
        for place, group in groups.items()
        if len({failure.scope.instance_type for failure in group}) >= 4
        and any(failure.until is None or failure.until > snapshot.now for failure in group)
    }


def total_of(zone: Zone, snapshot: Snapshot) -> Capacity | None:
    """A zone's declared total."""
    return next((info.capacity for info in snapshot.zones if info.zone == zone), None)


def free_in(zone: Zone, snapshot: Snapshot) -> Capacity | None:
    """What is left of a zone's declared total; where more is used than there is, nothing is."""
    total = total_of(zone, snapshot)
    if total is None:
        return None
    used = [usage.used for usage in snapshot.usage if usage.zone == zone]
    return Capacity(
        max(0, total.cpus - sum(u.cpus for u in used)),
        max(0, total.memory_gb - sum(u.memory_gb for u in used)),
        max(0, total.gpus - sum(u.gpus for u in used)),
    )


def quota_of(zone: Zone, market: Market, snapshot: Snapshot) -> Quota | None:
    """The quota that a machine counts against."""
    place = (zone.backend, zone.region, market)
    return next((q for q in snapshot.quotas if (q.backend, q.region, q.market) == place), None)


def buyable(asked: Requirements, snapshot: Snapshot) -> list[tuple[int, Offer]]:
    """The offers that these requirements may buy, each with its number in the catalog."""
    dry = dry_zones(snapshot)
    allowed = {zone for zone in zones_of(snapshot) if zone_allowed(zone, asked, snapshot)}
    return [
        (number, offer)
        for number, offer in enumerate(snapshot.catalog)
        if offer.zone in allowed
        and machine_allowed(offer.instance_type, offer.market, offer.price, asked)
        and offer.availability is Availability.AVAILABLE
        and offer.count != 0
        and (offer.zone.backend, offer.zone.region, offer.zone.name) not in dry
        and not any(left_out(offer, failure, snapshot) for failure in snapshot.failures)
        and _has_room(offer, snapshot)
    ]


def _has_room(offer: Offer, snapshot: Snapshot) -> bool:
    total = total_of(offer.zone, snapshot)
    if total is not None and not total.covers(offer.instance_type.capacity):
        return False
    quota = quota_of(offer.zone, offer.market, snapshot)
    return quota is None or offer.instance_type.cpus <= quota.limit_cpus - quota.used_cpus


def eligible(asked: Requirements, snapshot: Snapshot) -> list[Zone]:
    """The zones that count for spread."""
    return sorted({offer.zone for _, offer in buyable(asked, snapshot)})


def too_many(fleet: FleetRequest, snapshot: Snapshot) -> list[Zone]:
    """The eligible zones beyond `max_zones`, the emptiest of those that hold nodes: they get no more."""
    there = per_zone(i.zone for i in snapshot.instances if i.fleet == fleet.name)
    held = [zone for zone in eligible(fleet.requirements, snapshot) if zone in there]
    most = fleet.placement.max_zones
    return [] if most is None else sorted(held, key=lambda zone: (-there[zone], zone))[most:]


def least_zones(fleet: FleetRequest) -> int:
    """In how many zones a new fleet has to be: fewer nodes than `min_zones` are each in its own.

    To outlast k zones a fleet has at least k more nodes than it asks for.
    """
    nodes = fleet.nodes + fleet.placement.survive_zones if fleet.nodes else 0
    return min(fleet.placement.min_zones or 0, nodes)


def serving(fleet: FleetRequest, snapshot: Snapshot) -> list[Zone]:
    """The zones that hold nodes of a fleet or could take one."""
    held = {i.zone for i in snapshot.instances if i.fleet == fleet.name}
    return sorted(held.union(eligible(fleet.requirements, snapshot)))


def has_enough_zones(fleet: FleetRequest, snapshot: Snapshot) -> bool:
    """Whether `min_zones` can be kept: nothing to add keeps it, and otherwise enough zones have nodes or take one."""
    counts = sorted(per_zone(i.zone for i in snapshot.instances if i.fleet == fleet.name).values())
    remaining = sum(counts[: max(0, len(counts) - fleet.placement.survive_zones)])
    return bool(counts and remaining >= fleet.nodes) or len(serving(fleet, snapshot)) >= least_zones(fleet)


def idle_for(run: RunRequest, snapshot: Snapshot) -> list[ExistingInstance]:
    """The existing instances that a run may use, volumes aside."""
    return [
        i
        for i in snapshot.instances
        if not i.busy
        and (run.fleets is None or i.fleet in run.fleets)
        and (run.instances is None or i.id in run.instances)
        and zone_allowed(i.zone, run.requirements, snapshot)
        and machine_allowed(i.instance_type, i.market, i.price, run.requirements)
    ]


def may_buy(run: RunRequest) -> bool:
    """True when a run may buy machines of its own."""
    return run.may_create and run.instances is None and run.fleets is None


def spread_over(run: RunRequest, documents: Iterable[Document], snapshot: Snapshot) -> list[Zone]:
    """The zones that count for a run with `spread`: it or a fleet that it may use may get a machine there."""
    fleets = [d for d in documents if isinstance(d, FleetRequest) and may_use_fleet(run, d.name)]
    asked = [fleet.requirements for fleet in fleets] + ([run.requirements] if may_buy(run) else [])
    zones = {zone for one in asked for zone in eligible(one, snapshot)}
    zones |= {instance.zone for instance in idle_for(run, snapshot)}
    return sorted(zone for zone in zones if zone_allowed(zone, run.requirements, snapshot))


def may_use_fleet(run: RunRequest, fleet: str) -> bool:
    """True when a run may use machines that are planned for this fleet."""
    return run.instances is None and (run.fleets is None or fleet in run.fleets)


def volume_homes(volume: VolumeRequest, snapshot: Snapshot) -> list[Zone]:
    """Where a new volume may go."""
    storing = {info.name: info.volumes for info in snapshot.backends}
    return [
        zone
        for zone in zones_of(snapshot)
        if volume.backend in (None, zone.backend)
        and volume.region in (None, zone.region)
        and (volume.availability_zone is None or named(zone, volume.availability_zone))
        and storing.get(zone.backend, True)
        and state_of(zone, snapshot) is ZoneState.AVAILABLE
    ]


def shares(backend: str, snapshot: Snapshot) -> bool:
    """True when a new volume of this backend may serve several nodes."""
    return any(info.name == backend and info.multi_attach for info in snapshot.backends)


def share(nodes: int, part: float) -> int:
    """How many of these nodes one zone may hold: the part rounded down, at least one."""
    return max(1, int(Fraction(str(part)) * nodes))


def per_zone(zones: Iterable[Zone]) -> dict[Zone, int]:
    """How many there are in each zone."""
    counts: dict[Zone, int] = {}
    for zone in zones:
        counts[zone] = counts.get(zone, 0) + 1
    return counts
