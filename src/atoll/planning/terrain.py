"""The terrain, which is the snapshot made ready for planning: zones numbered, what is left of each, failures in force.

Built once for each plan; every other module of planning reads it and none changes it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from atoll.model.catalog import MARKETS
from atoll.model.failure import Failure
from atoll.model.offer import Market
from atoll.model.quota import Quota
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo
from atoll.planning.failures import in_force
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot
from atoll.zones.selection import ZoneSelector

Places = tuple[tuple[str, ...] | None, tuple[str, ...] | None, tuple[str, ...] | None]
"""The backends, regions and zones that a document requires."""


@dataclass(frozen=True, slots=True)
class Level:
    """How far each zone as a whole comes through the filters: the stage of each, and the `passing` ones.

    `of_catalog` are the stages by the catalog's numbers of zones.
    """

    stages: tuple[int, ...]
    of_catalog: NDArray[np.uint8]
    passing: frozenset[int]


@dataclass(frozen=True, slots=True)
class Terrain:
    """What planning reads. Zones are numbered in the order of their names, whatever order the snapshot has.

    `free` is what is left of a zone's declared capacity (None: not declared); `catalog_zone` the zone's place in the
    catalog (None: it has no offers); `quotas` leave `free_cpus` each. `fleets` are the nodes that fit their fleets, and
    `outdated` the others.
    """

    snapshot: Snapshot
    zones: tuple[ZoneInfo, ...]
    number: dict[Zone, int]
    free: tuple[Capacity | None, ...]
    catalog_zone: tuple[int | None, ...]
    zone_of_offers: tuple[int, ...]
    quotas: tuple[Quota, ...]
    quota_of: dict[tuple[str, str, Market], int]
    failures: tuple[Failure, ...]
    backends: dict[str, BackendInfo]
    fleets: dict[str, tuple[ExistingInstance, ...]]
    outdated: dict[str, tuple[ExistingInstance, ...]]
    volumes: dict[str, ExistingVolume]
    salt: str
    is_limited: bool
    """Whether any zone has a capacity or any region a quota."""
    found: dict[str, NDArray[np.uint8]] = field(default_factory=dict, compare=False)
    """Results that are computed once for all requirements."""
    levels: dict[Places, Level] = field(default_factory=dict, compare=False)
    """The stages of zones as a whole, by the requirements of places."""
    _lots: dict[str, "Lots"] = field(default_factory=dict, compare=False)
    _shared: list[bool] = field(default_factory=list, compare=False)
    _regions: list[int] = field(default_factory=list, compare=False)
    _in_zones: dict[str, dict[int, list[ExistingInstance]]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, snapshot: Snapshot, request_id: str) -> "Terrain":
        """The world of this snapshot, for breaking ties by this request's id."""
        infos = {info.zone: info for info in snapshot.zones}
        for zone in _mentioned(snapshot):
            infos.setdefault(zone, ZoneInfo(zone))
        zones = tuple(infos[zone] for zone in sorted(infos, key=lambda z: (z.backend, z.region, z.name)))
        number = {info.zone: i for i, info in enumerate(zones)}
        quotas = tuple(sorted(snapshot.quotas, key=lambda q: (q.backend, q.region, q.market)))
        return cls(
            snapshot=snapshot,
            zones=zones,
            number=number,
            free=_free(zones, snapshot),
            catalog_zone=tuple(snapshot.catalog.positions.get(info.zone) for info in zones),
            zone_of_offers=tuple(number[zone] for zone in snapshot.catalog.zones),
            quotas=quotas,
            quota_of={(q.backend, q.region, q.market): i for i, q in enumerate(quotas)},
            failures=in_force(snapshot.failures, snapshot.now),
            backends={info.name: info for info in snapshot.backends},
            fleets=_by_fleet([instance for instance in snapshot.instances if not instance.outdated]),
            outdated=_by_fleet([instance for instance in snapshot.instances if instance.outdated]),
            volumes={volume.name: volume for volume in snapshot.volumes},
            salt=f"{request_id}|{snapshot.seed}",
            is_limited=bool(quotas) or any(info.capacity is not None for info in zones),
        )

    def backend(self, name: str) -> BackendInfo:
        """What the backend can do; one that the snapshot does not describe can do what most can."""
        return self.backends.get(name) or BackendInfo(name)

    def quota(self, zone: int, market: Market) -> int | None:
        """Which quota a machine there counts against."""
        place = self.zones[zone].zone
        return self.quota_of.get((place.backend, place.region, market))

    def shared(self, zone: int) -> bool:
        """True when machines there count against a capacity or a quota."""
        if not self._shared:
            self._shared.extend(
                free is not None or any(self.quota(place, market) is not None for market in Market)
                for place, free in enumerate(self.free)
            )
        return self._shared[zone]

    def region(self, zone: int) -> int:
        """The number of a zone's region."""
        if not self._regions:
            numbers: dict[tuple[str, str], int] = {}
            places = ((info.zone.backend, info.zone.region) for info in self.zones)
            self._regions.extend(numbers.setdefault(place, len(numbers)) for place in places)
        return self._regions[zone]

    def free_cpus(self, quota: int) -> float:
        """How many more vCPUs a quota allows."""
        return self.quotas[quota].limit_cpus - self.quotas[quota].used_cpus

    def select(self, patterns: Sequence[str]) -> list[int]:
        """The zones that these patterns allow."""
        selector = ZoneSelector.compile(patterns)
        return [i for i, info in enumerate(self.zones) if selector.matches(info.zone)]

    def zones_of(self, instances: Sequence[ExistingInstance]) -> list[int]:
        """The number of each instance's zone."""
        # By identity: many instances share a zone, and its hash costs more than all else that is done with it here.
        zones = {id(i.zone): i.zone for i in instances}
        numbers = {key: self.number[zone] for key, zone in zones.items()}
        return [numbers[id(i.zone)] for i in instances]

    def instances_in(self, zone: int, fleets: Sequence[str] | None = None) -> Sequence[ExistingInstance]:
        """What is there in a zone, of all fleets or of these."""
        found: list[ExistingInstance] = []
        for fleet in self.fleets if fleets is None else dict.fromkeys(fleets):
            if fleet not in self._in_zones:
                members = self.fleets.get(fleet, ())
                zones = self._in_zones[fleet] = {}
                for instance, number in zip(members, self.zones_of(members), strict=True):
                    zones.setdefault(number, []).append(instance)
            found += self._in_zones[fleet].get(zone, ())
        return found

    def lots(self, name: str) -> "Lots":
        """The lots of a document."""
        if name not in self._lots:
            self._lots[name] = Lots(f"{self.salt}|{name}", self.zones)
        return self._lots[name]


class Lots(dict[int, float]):
    """A number from 0 to 1 for each zone, the same for the same request, seed and document: it decides ties.

    Drawn when it is looked up: most documents have offers in few of all zones that matter.
    """

    def __init__(self, salt: str, zones: Sequence[ZoneInfo]) -> None:
        super().__init__()
        self._salt, self._zones = salt, zones

    def __missing__(self, number: int) -> float:
        zone = self._zones[number].zone
        text = f"{self._salt}|{zone.backend}|{zone.region}|{zone.name}"
        self[number] = int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) / 2**32
        return self[number]


def _mentioned(snapshot: Snapshot) -> Iterator[Zone]:
    yield from snapshot.catalog.zones
    yield from {id(instance.zone): instance.zone for instance in snapshot.instances}.values()
    yield from (volume.zone for volume in snapshot.volumes)


def _free(zones: Sequence[ZoneInfo], snapshot: Snapshot) -> tuple[Capacity | None, ...]:
    used: dict[Zone, Capacity] = {}
    for usage in snapshot.usage:
        used[usage.zone] = used.get(usage.zone, Capacity()) + usage.used
    return tuple(None if info.capacity is None else _left(info.capacity, used.get(info.zone)) for info in zones)


def _left(total: Capacity, used: Capacity | None) -> Capacity:
    """Never less than nothing: a zone that was declared smaller than what is in use refuses new machines, no more."""
    left = total - (used or Capacity())
    return Capacity(max(0, left.cpus), max(0, left.memory_gb), max(0, left.gpus))


def _by_fleet(instances: Iterable[ExistingInstance]) -> dict[str, tuple[ExistingInstance, ...]]:
    fleets: dict[str, list[ExistingInstance]] = {}
    for instance in instances:
        fleets.setdefault(instance.fleet, []).append(instance)
    return {name: tuple(sorted(fleets[name], key=attrgetter("node", "id"))) for name in sorted(fleets)}


def numbered(values: Sequence[object]) -> list[int]:
    """A number for each value: the same for equal ones, of which most are the same object."""
    by_value: dict[object, int] = {}
    distinct = {id(value): value for value in values}
    numbers = {key: by_value.setdefault(value, len(by_value)) for key, value in distinct.items()}
    return [numbers[id(value)] for value in values]


MARKET_NUMBER = {market: i for i, market in enumerate(MARKETS)}
"""A market's number in the catalog's columns."""
