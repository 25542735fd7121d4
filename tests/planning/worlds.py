"""Random planning cases: a request and a snapshot, drawn from any `random.Random`.

The same code serves the seeded cases, which can be replayed by their number, and Hypothesis, which hands in a `Random`
of its own and shrinks what it drew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from atoll.model.catalog import Catalog
from atoll.model.failure import Failure, FailureKind, Scope
from atoll.model.offer import UNKNOWN_PRICE, Availability, Market, Offer
from atoll.model.quota import Quota
from atoll.model.resources import Gpu, GpuRequirement, InstanceType, Range, Resources
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo, ZoneState
from atoll.planning.request import (
    Binding,
    Document,
    FleetRequest,
    MountRequest,
    NodeRequest,
    OnShortage,
    Placement,
    Request,
    Requirements,
    RunRequest,
    SpotPolicy,
    Strategy,
    VolumeRequest,
)
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot, Usage

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Case:
    """What is planned, over what."""

    request: Request
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Size:
    """The most of each that a case may have."""

    zones: int
    types: int
    nodes: int
    volumes: int
    documents: int


SMALL = Size(zones=4, types=5, nodes=5, volumes=2, documents=3)
MIDDLE = Size(zones=7, types=14, nodes=12, volumes=4, documents=4)
LARGE = Size(zones=12, types=40, nodes=30, volumes=6, documents=5)

PLACES = (
    *(Zone("aws", "us-east-1", f"us-east-1{c}", f"use1-az{i}") for i, c in enumerate("abcdef", 1)),
    *(Zone("aws", "us-west-2", f"us-west-2{c}", f"usw2-az{i}") for i, c in enumerate("abc", 1)),
    *(Zone("gcp", "us-central1", f"us-central1-{c}") for c in "abc"),
    Zone("lambda", "us-tx-1", ""),
)


def sized(rng: Random) -> Size:
    """Mostly small cases, some in the middle, a few at the limits."""
    draw = rng.random()
    return SMALL if draw < 0.75 else MIDDLE if draw < 0.95 else LARGE


def case_of(rng: Random, size: Size | None = None) -> Case:
    """One case."""
    return _Draw(rng, size or sized(rng)).case()


def case_of_seed(seed: int, size: Size | None = None) -> Case:
    """The case of this number."""
    return case_of(Random(seed), size)


@dataclass(slots=True)
class _Draw:
    rng: Random
    size: Size
    zones: list[Zone] = field(default_factory=list)
    types: list[InstanceType] = field(default_factory=list)
    instances: list[ExistingInstance] = field(default_factory=list)
    volumes: list[ExistingVolume] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        """True as often as that."""
        return self.rng.random() < probability

    def case(self) -> Case:
        """The world first, then documents that have to do with it."""
        rng, size = self.rng, self.size
        self.zones = rng.sample(PLACES, rng.randint(min(2, size.zones), size.zones))
        kinds = rng.randint(1, size.types)
        if size is LARGE and self.chance(0.5):
            self.zones, kinds = rng.sample(PLACES, size.zones), size.types
        self.types = [self._type(i) for i in range(kinds)]
        offers = self._offers()
        documents = self._documents()
        infos = tuple(self._info(zone) for zone in self.zones)
        capacities = {info.zone: info.capacity for info in infos}
        snapshot = Snapshot(
            catalog=Catalog.from_offers(offers, NOW),
            zones=infos,
            now=NOW,
            backends=(
                BackendInfo("aws"),
                BackendInfo("gcp", multi_attach=self.chance(0.5)),
                BackendInfo("lambda", zoned=False, volumes=False),
            ),
            instances=tuple(self.instances),
            volumes=tuple(self.volumes),
            usage=tuple(
                Usage(zone, Capacity(cpus := rng.choice([2, 4, 8, 40]), cpus * 2, rng.choice([0, 0, 1])))
                for zone, capacity in capacities.items()
                if capacity is not None and self.chance(0.4)
            ),
            quotas=self._quotas(),
            failures=tuple(self._failure() for _ in range(rng.choice([0, 0, 0, 0, 1, 2, 6]))),
            seed=rng.randint(0, 9),
        )
        return Case(Request(f"request-{rng.randint(0, 999)}", tuple(documents)), snapshot)

    def _type(self, number: int) -> InstanceType:
        rng = self.rng
        cpus = rng.choice([1, 2, 2, 4, 4, 8, 16])
        gpu = (
            Gpu(rng.choice(["H100", "A100"]), rng.choice([1, 2, 8]), rng.choice([40, 80])) if self.chance(0.2) else None
        )
        arch = "arm" if self.chance(0.15) else "x86"
        return InstanceType(f"t{number}.{cpus}", cpus, cpus * rng.choice([2, 4, 8]), rng.choice([0, 100]), arch, gpu)

    def _offers(self) -> list[Offer]:
        """Prices by type and zone; in some worlds many are equal, in some all are nothing."""
        rng = self.rng
        digits = rng.choice([4, 4, 4, 1])
        free = self.chance(0.08)
        base = {kind.name: (kind.cpus + (kind.gpu.count * 10 if kind.gpu else 0)) * 0.05 for kind in self.types}
        density = rng.choice([0.5, 0.8, 1.0])
        limited = rng.choice([0.0, 0.1, 0.2, 0.8])
        offers = []
        for zone in self.zones:
            for kind in self.types:
                for market, factor in ((Market.ON_DEMAND, 1.0), (Market.SPOT, 0.4), (Market.RESERVED, 0.7)):
                    if not self.chance(density if market is not Market.RESERVED else 0.05):
                        continue
                    price = 0.0 if free else round(base[kind.name] * factor * rng.uniform(0.8, 1.3), digits)
                    state = rng.choices(list(Availability), weights=[94, 4, 2])[0]
                    count = rng.randint(0, 4) if self.chance(limited) else None
                    offers.append(Offer(zone, kind, market, price, state, count))
        return _unpriced(offers)

    def _info(self, zone: Zone) -> ZoneInfo:
        rng = self.rng
        state = rng.choice(list(ZoneState)[1:]) if self.chance(0.08) else ZoneState.AVAILABLE
        capacity = None
        if self.chance(0.25):
            cpus = rng.choice([2, 8, 16, 32, 64])
            capacity = Capacity(cpus, cpus * rng.choice([2, 4, 8]), rng.choice([0, 2, 8]))
        return ZoneInfo(zone, state, capacity=capacity)

    def _quotas(self) -> tuple[Quota, ...]:
        places = sorted({(zone.backend, zone.region) for zone in self.zones})
        keys = [(*place, market) for place in places for market in Market if self.chance(0.15)]
        return tuple(Quota(*key, self.rng.choice([4, 16, 32, 100]), self.rng.choice([0, 0, 3, 20])) for key in keys)

    def _failure(self) -> Failure:
        rng = self.rng
        kind = rng.choices(list(FailureKind), weights=[20, 2, 2, 1, 0.5, 0.3, 1, 1, 0.5, 2])[0]
        zone = rng.choice(self.zones)
        scope = Scope(zone.backend, zone.region, zone.name, rng.choice(self.types).name, rng.choice(list(Market)))
        at = NOW - timedelta(minutes=rng.choice([1, 5, 30]))
        until = None if kind is FailureKind.AUTH_FAILED else NOW + timedelta(minutes=rng.choice([-1, 0, 2, 60]))
        return Failure(kind, scope, at, until)

    def _documents(self) -> list[Document]:
        rng = self.rng
        fleets, volumes, runs = rng.choice(
            [(1, 0, 0), (1, 0, 0), (2, 0, 0), (0, 0, 1), (1, 1, 1), (0, 2, 2), (3, 2, 3)]
        )
        while fleets + volumes + runs > self.size.documents + self.size.volumes:
            fleets, volumes, runs = max(0, fleets - 1), max(0, volumes - 1), max(1, runs - 1)
        names = [f"f{i}" for i in range(fleets)]
        nodes = self._parts(fleets + runs)
        self._existing([*names, "old"], nodes)
        new = [f"v{i}" for i in range(min(volumes * self.size.volumes // 2, self.size.volumes))]
        self._disks()
        known = [*new, *(volume.name for volume in self.volumes), *(["lost"] if self.chance(0.03) else [])]
        documents: list[Document] = [self._fleet(name, count) for name, count in zip(names, nodes, strict=False)]
        documents += [self._volume(name) for name in new]
        documents += [self._run(f"r{i}", nodes[fleets + i], known, names) for i in range(runs)]
        return documents

    def _parts(self, groups: int) -> list[int]:
        """Nodes for each group, together no more than the size allows."""
        left = self.size.nodes
        parts = []
        for place in range(groups):
            most = max(1, left - (groups - place - 1))
            parts.append(self.rng.randint(1, max(1, most if self.chance(0.4) else most // 2)))
            left -= parts[-1]
        return parts

    def _existing(self, fleets: Sequence[str], nodes: Sequence[int]) -> None:
        rng = self.rng
        for fleet, most in zip(fleets, [*nodes, 3], strict=False):
            if not self.chance(0.35):
                continue
            numbers = rng.sample(range(most + 2), rng.randint(1, most))
            for number in numbers:
                self.instances.append(
                    ExistingInstance(
                        f"i-{fleet}-{number}",
                        rng.choice(self.zones[:3]),
                        rng.choice(self.types[:3]),
                        rng.choice([Market.ON_DEMAND, Market.SPOT]),
                        round(rng.uniform(0, 1), 3),
                        fleet,
                        number,
                        busy=self.chance(0.4),
                    )
                )

    def _disks(self) -> None:
        """Volumes that exist, some attached to an instance of their zone."""
        rng = self.rng
        zoned = [zone for zone in self.zones if zone.name]
        for number in range(rng.choice([0, 0, 1, 2, self.size.volumes]) if zoned else 0):
            name, zone = f"e{number}", rng.choice(zoned)
            multi = zone.backend == "gcp" and self.chance(0.5)
            holders = [i for i, instance in enumerate(self.instances) if instance.zone == zone]
            held = rng.sample(holders, 1) if holders and self.chance(0.4) else []
            for place in held:
                old = self.instances[place]
                self.instances[place] = _attached(old, name)
            ids = tuple(self.instances[place].id for place in held)
            self.volumes.append(ExistingVolume(name, zone, 100, ids, multi))

    def _requirements(self) -> Requirements:
        rng = self.rng
        gpu = None
        if self.chance(0.06):
            gpu = GpuRequirement(Range(1, None), ("H100",) if self.chance(0.4) else (), memory_gb=Range(40, None))
        resources = Resources(
            Range(rng.choice([0, 0, 1, 2, 4]), 8 if self.chance(0.1) else None),
            Range(rng.choice([0, 0, 2, 8]), None),
            Range(100, None) if self.chance(0.06) else None,
            "x86" if self.chance(0.1) else None,
            gpu,
        )
        names = [zone.name for zone in self.zones if zone.name]
        zones: tuple[str, ...] | None = None
        if self.chance(0.2):
            picked = tuple(rng.sample(names, min(len(names), rng.randint(1, 4))))
            ids = tuple(zone.zone_id for zone in self.zones if zone.zone_id)
            zones = rng.choice([picked, ("us-east-1*",), ("!us-east-1a",), ids[:2] or picked, ("US-EAST-1?", "!*b")])
        return Requirements(
            resources,
            backends=(rng.choice(self.zones).backend,) if self.chance(0.08) else None,
            regions=(rng.choice(self.zones).region,) if self.chance(0.08) else None,
            availability_zones=zones or None,
            instance_types=tuple(kind.name for kind in rng.sample(self.types, min(3, len(self.types))))
            if self.chance(0.08)
            else None,
            spot_policy=rng.choice(list(SpotPolicy)),
            max_price=rng.choice([0.1, 0.2, 0.5, 1.0, 3.0]) if self.chance(0.15) else None,
        )

    def _fleet(self, name: str, nodes: int) -> FleetRequest:
        rng = self.rng
        strategy = rng.choice([Strategy.ANY, Strategy.CLUSTER, Strategy.SPREAD])
        placement = Placement(
            strategy, survive_zones=0 if strategy is Strategy.CLUSTER else rng.choice([0, 0, 0, 1, 2])
        )
        if strategy is Strategy.SPREAD:
            placement = Placement(
                strategy,
                rng.choice([1, 1, 2, 3]),
                rng.choice([None, None, 2, 3]),
                rng.choice(list(OnShortage)),
                rng.choice([0, 0, 1, 2]),
            )
        rest = Random(repr((name, nodes, placement, self.zones)))
        if strategy is not Strategy.CLUSTER and rest.random() < 0.3:
            zones, part = rest.choice([(1, None), (2, None), (3, None), (None, 0.5), (None, 0.34), (2, 0.6)])
            placement = replace(placement, max_zones=zones, max_share=part)
        return FleetRequest(name, nodes, self._requirements(), placement)

    def _volume(self, name: str) -> VolumeRequest:
        rng = self.rng
        place = rng.choice(self.zones)
        return VolumeRequest(
            name,
            100,
            place.backend if self.chance(0.4) else None,
            place.region if self.chance(0.3) else None,
            rng.choice([place.name, place.zone_id or place.name]) or None if self.chance(0.2) else None,
            rng.choice(list(Binding)),
        )

    def _run(self, name: str, nodes: int, volumes: Sequence[str], fleets: Sequence[str]) -> RunRequest:
        rng = self.rng
        mounting = rng.choice(["none", "same", "list", "rank"]) if volumes else "none"
        shared = [self._choice(volumes, mounting) for _ in range(rng.choice([1, 1, 2]) if volumes else 0)]
        requests = []
        for rank in range(nodes if mounting in ("none", "rank") else min(nodes, 4)):
            names = [(volumes[rank % len(volumes)],)] if mounting == "rank" else shared
            requests.append(NodeRequest(rank, tuple(MountRequest(v, f"/m{i}") for i, v in enumerate(names))))
        ids = [instance.id for instance in self.instances]
        return RunRequest(
            name,
            tuple(requests[: max(1, len(volumes))] if mounting == "rank" else requests),
            self._requirements(),
            fleets=tuple(rng.sample([*fleets, "old"], 1)) if self.chance(0.25) else None,
            instances=tuple(rng.sample(ids, min(2, len(ids)))) if ids and self.chance(0.1) else None,
            may_create=self.chance(0.85),
            placement=Placement(rng.choice([Strategy.REGION, *Strategy]), rng.choice([1, 1, 2])),
        )

    def _choice(self, volumes: Sequence[str], mounting: str) -> tuple[str, ...]:
        most = 1 if mounting == "same" else min(3, len(volumes))
        return tuple(self.rng.sample(list(volumes), self.rng.randint(1, most)))


def _unpriced(offers: list[Offer]) -> list[Offer]:
    """In one world of eight, the prices of every third zone are not known, and of one offer in five elsewhere."""
    rng = Random(repr([offer.price for offer in offers]))
    if rng.random() >= 1 / 8:
        return offers
    zones = {zone for zone in dict.fromkeys(offer.zone for offer in offers) if rng.random() < 1 / 3}
    return [
        replace(offer, price=UNKNOWN_PRICE) if rng.random() < 1 / 5 or offer.zone in zones else offer
        for offer in offers
    ]


def _attached(instance: ExistingInstance, volume: str) -> ExistingInstance:
    return ExistingInstance(
        instance.id,
        instance.zone,
        instance.instance_type,
        instance.market,
        instance.price,
        instance.fleet,
        instance.node,
        instance.busy,
        (*instance.attached, volume),
    )
