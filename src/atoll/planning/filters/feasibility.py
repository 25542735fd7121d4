"""Which offers a request may use, and the first filter that each other offer fails.

The filters stand in one order, from the farthest miss to the nearest; an offer's stage is the number of the first that
it fails, and a zone's is the highest stage of its offers: the reason that is given for it. All offers are filtered at
once, column by column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from atoll.model.catalog import AVAILABILITIES, MARKETS, Catalog, TypeTable
from atoll.model.failure import Failure, FailureKind, Resource
from atoll.model.offer import UNKNOWN_PRICE, Availability, Market
from atoll.model.resources import GpuRequirement, Range, Resources
from atoll.model.zone import ZoneState
from atoll.planning.filters.groups import FEW, Group
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.request import Requirements, SpotPolicy
from atoll.planning.terrain import MARKET_NUMBER, Level, Terrain
from atoll.zones.selection import ZoneSelector

FILTERS = (
    RefusalCode.BACKEND,
    RefusalCode.REGION,
    RefusalCode.NO_ZONES,
    RefusalCode.ZONE_EXCLUDED,
    RefusalCode.ZONE,
    RefusalCode.NOT_OPTED_IN,
    RefusalCode.GONE,
    RefusalCode.CLOSED,
    RefusalCode.DRAINED,
    RefusalCode.IMPAIRED,
    RefusalCode.OWNED,
    RefusalCode.INSTANCE_TYPE,
    RefusalCode.ARCH,
    RefusalCode.CPU,
    RefusalCode.MEMORY,
    RefusalCode.DISK,
    RefusalCode.GPU,
    RefusalCode.GPU_VENDOR,
    RefusalCode.GPU_NAME,
    RefusalCode.GPU_CAPABILITY,
    RefusalCode.GPU_COUNT,
    RefusalCode.GPU_MEMORY,
    RefusalCode.CONTAINERS,
    RefusalCode.MARKET,
    RefusalCode.PRICE_UNKNOWN,
    RefusalCode.PRICE,
    RefusalCode.NOT_OFFERED,
    RefusalCode.UNAVAILABLE,
    RefusalCode.RECENT_FAILURE,
    RefusalCode.QUOTA,
    RefusalCode.CAPACITY_USED,
)
"""From the farthest miss to the nearest."""

STAGE = {code: i for i, code in enumerate(FILTERS)}
PASSED = len(FILTERS)
"""The stage of an offer that fails nothing."""

ZONE_STATES = {
    ZoneState.NOT_OPTED_IN: RefusalCode.NOT_OPTED_IN,
    ZoneState.GONE: RefusalCode.GONE,
    ZoneState.CLOSED: RefusalCode.CLOSED,
    ZoneState.DRAINED: RefusalCode.DRAINED,
    ZoneState.IMPAIRED: RefusalCode.IMPAIRED,
}

FAILURE_CODES = {
    FailureKind.QUOTA_EXCEEDED: RefusalCode.QUOTA,
    FailureKind.NOT_OFFERED: RefusalCode.NOT_OFFERED,
}
"""What a remembered failure counts as; any other kind is a recent failure."""

Stages = NDArray[np.uint8]
_NONE: Stages = np.empty(0, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Feasibility:
    """The stage of each offer of the catalog, and of each zone of the world."""

    requirements: Requirements
    terrain: Terrain
    offers: Stages
    level: Sequence[int]
    """The stage of each zone by what concerns it as a whole."""
    zones: tuple[int, ...]
    possible: frozenset[int]
    """The stages that offers may have; others need no look."""
    types: Stages
    """The stage of each instance type, wherever it is."""
    amounts: dict[RefusalCode, Mapping[int, Mapping[str, Fact]]] = field(default_factory=dict, compare=False)
    """Facts of refusals by code and zone, as far as they were needed."""
    _groups: dict[int, Group] = field(default_factory=dict, compare=False)
    _passing: list[tuple[int, ...]] = field(default_factory=list, compare=False)
    _refused: list[NDArray[np.intp] | None] = field(default_factory=list, compare=False)

    @property
    def passing(self) -> tuple[int, ...]:
        """The zones with at least one offer that fails nothing."""
        if not self._passing:  # found once: each refused zone needs them
            self._passing.append(tuple(i for i, stage in enumerate(self.zones) if stage == PASSED))
        return self._passing[0]

    @property
    def shut(self) -> tuple[tuple[int, int], ...]:
        """The zones that would serve and take no node now, closed or without capacity, each with its stage."""
        return tuple((zone, stage) for zone, stage in enumerate(self.zones) if stage in _SHUT)

    def alike(self, code: RefusalCode) -> tuple[object, ...]:
        """What decides which offers a filter of resources refuses: equal for requirements that differ in others."""
        stage = STAGE[code]
        return (code, bytes(self.level), self.requirements.owned, (self.types == stage).tobytes())

    def group(self, stage: int) -> Group:
        """The offers of one stage."""
        if stage not in self._groups:
            rows = self._refused_rows(stage) if stage < PASSED else None
            self._groups[stage] = Group(self.offers == stage if rows is None else None, self.terrain, rows)
        return self._groups[stage]

    def _refused_rows(self, stage: int) -> NDArray[np.intp] | None:
        """The rows of a stage out of all that are refused, where these are few enough to list them."""
        if not self._refused:
            refused = self.offers != PASSED
            few = np.count_nonzero(refused) <= FEW * len(refused)
            self._refused.append(np.flatnonzero(refused) if few else None)
        rows = self._refused[0]
        return None if rows is None else rows[self.offers[rows] == stage]


_SHUT = frozenset(
    STAGE[code]
    for code in (
        RefusalCode.CLOSED,
        RefusalCode.DRAINED,
        RefusalCode.IMPAIRED,
        RefusalCode.UNAVAILABLE,
        RefusalCode.RECENT_FAILURE,
        RefusalCode.QUOTA,
    )
)
"""Stages that pass with time."""


def assess(requirements: Requirements, terrain: Terrain) -> Feasibility:
    """The stages of all offers and zones under these requirements, before any strategy or volume."""
    catalog = terrain.snapshot.catalog
    level = level_of(requirements, terrain)
    zones, by_zone = level.stages, level.of_catalog
    of_zones = np.minimum(np.array(zones, dtype=np.uint8), np.uint8(STAGE[RefusalCode.NOT_OFFERED]))
    if len(catalog) == 0:
        return Feasibility(requirements, terrain, _NONE, zones, tuple(of_zones.tolist()), frozenset(), _NONE)
    by_type, by_condition = type_stages(requirements, catalog.table), _condition_stages(requirements)
    stages = _offer_stages(requirements, (by_zone, by_type, by_condition), catalog)
    _apply_ownership(stages, requirements, terrain)
    if terrain.failures or terrain.is_limited:
        np.minimum(stages, _world_stages(terrain), out=stages)
    offering = np.array(terrain.zone_of_offers)[catalog.filled]
    of_zones[offering] = np.maximum.reduceat(stages, catalog.bounds[catalog.filled])
    possible = frozenset(np.concatenate([by_zone, by_type, by_condition]).tolist()) | _late(requirements, terrain)
    return Feasibility(requirements, terrain, stages, zones, tuple(of_zones.tolist()), possible, by_type)


def _late(requirements: Requirements, terrain: Terrain) -> frozenset[int]:
    """The stages that ownership, prices, failures and limits make, beside those of zones, types and conditions."""
    codes = set(FAILURE_CODES.values()) | {RefusalCode.RECENT_FAILURE} if terrain.failures else set()
    if terrain.is_limited:
        codes |= {RefusalCode.QUOTA, RefusalCode.CAPACITY_USED}
    if requirements.max_price is not None:
        codes |= {RefusalCode.PRICE_UNKNOWN, RefusalCode.PRICE}
    if any(info.owned for info in terrain.snapshot.backends):
        codes |= {RefusalCode.OWNED, RefusalCode.UNAVAILABLE}
    return frozenset(STAGE[code] for code in codes)


def _offer_stages(requirements: Requirements, tables: tuple[Stages, Stages, Stages], catalog: Catalog) -> Stages:
    """What the zone, the type and the offer itself say; offers of zones that are out are not looked at."""
    by_zone, by_type, by_condition = tables
    by_kind = np.minimum.outer(by_type, by_condition).ravel()
    stages = np.empty(len(catalog), dtype=np.uint8)
    # Neighbouring zones of the same stage together: the fewest and longest pieces.
    ends = np.flatnonzero(np.diff(by_zone, append=np.uint8(PASSED + 1))) + 1
    first = 0
    for end in ends.tolist():
        rows, stage = slice(int(catalog.bounds[first]), int(catalog.bounds[end])), by_zone[first]
        first = end
        if stage < PASSED:
            stages[rows] = stage
            continue
        part = stages[rows]
        # All numbers are of the table; `clip` is the mode that writes into `out` without a copy.
        np.take(by_kind, catalog.kinds[rows], out=part, mode="clip")
        if requirements.max_price is not None:
            price = catalog.columns.price[rows]
            _lower(part, price > requirements.max_price, RefusalCode.PRICE)
            _lower(part, price == UNKNOWN_PRICE, RefusalCode.PRICE_UNKNOWN)
    return stages


def _condition_stages(requirements: Requirements) -> Stages:
    """The stage of each market with each availability, in the order of `Catalog.kinds`."""
    allowed = markets(requirements.spot_policy)
    states = {
        Availability.NOT_OFFERED: STAGE[RefusalCode.NOT_OFFERED],
        Availability.UNAVAILABLE: STAGE[RefusalCode.UNAVAILABLE],
    }
    return np.array(
        [
            states.get(availability, PASSED) if market in allowed else STAGE[RefusalCode.MARKET]
            for market in MARKETS
            for availability in AVAILABILITIES
        ],
        dtype=np.uint8,
    )


def level_of(requirements: Requirements, terrain: Terrain) -> Level:
    """The stages of zones by what concerns them as a whole; found once for each requirement of places."""
    key = (requirements.backends, requirements.regions, requirements.availability_zones)
    if key not in terrain.levels:
        stages = zone_stages(requirements, terrain)
        of_catalog = np.array([stages[zone] for zone in terrain.zone_of_offers], dtype=np.uint8)
        passing = frozenset(zone for zone, stage in enumerate(stages) if stage == PASSED)
        terrain.levels[key] = Level(stages, of_catalog, passing)
    return terrain.levels[key]


def zone_stages(requirements: Requirements, terrain: Terrain) -> tuple[int, ...]:
    """The stage of each zone by what concerns it as a whole: backend, region, name, state."""
    return tuple(_zone_stages(requirements, terrain))


def _zone_stages(requirements: Requirements, terrain: Terrain) -> list[int]:
    patterns = requirements.availability_zones
    selector = None if patterns is None else ZoneSelector.compile(patterns)
    backends = _folded(requirements.backends)
    regions = _folded(requirements.regions)
    stages = []
    for info in terrain.zones:
        zone = info.zone
        if backends is not None and zone.backend.casefold() not in backends:
            stages.append(STAGE[RefusalCode.BACKEND])
        elif regions is not None and zone.region.casefold() not in regions:
            stages.append(STAGE[RefusalCode.REGION])
        elif selector is not None and not selector.matches(zone):
            stages.append(STAGE[_zone_code(zone.name, selector.excluded(zone))])
        else:
            code = ZONE_STATES.get(info.state)
            stages.append(PASSED if code is None else STAGE[code])
    return stages


def _zone_code(name: str, excluded: bool) -> RefusalCode:
    if not name:
        return RefusalCode.NO_ZONES
    return RefusalCode.ZONE_EXCLUDED if excluded else RefusalCode.ZONE


def _folded(names: Sequence[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(name.casefold() for name in names)


def type_stages(requirements: Requirements, table: TypeTable) -> Stages:
    """The stage of each instance type by its name and what it has."""
    stages = np.full(len(table), PASSED, dtype=np.uint8)
    wanted = _folded(requirements.instance_types)
    if wanted is not None:
        stages[:] = STAGE[RefusalCode.INSTANCE_TYPE]
        stages[[place for name in wanted for place in table.by_name.get(name, ())]] = PASSED
    for code, refused in of_types(requirements.resources, table):
        np.minimum(stages, np.where(refused, np.uint8(STAGE[code]), np.uint8(PASSED)), out=stages)
    if requirements.containers:
        _lower(stages, table.lacks_containers, RefusalCode.CONTAINERS)
    return stages


def of_types(resources: Resources, table: TypeTable) -> list[tuple[RefusalCode, NDArray[np.bool_]]]:
    """For each requirement of resources its code, and the types that it refuses."""
    refused = [
        (RefusalCode.CPU, outside(resources.cpus, table.cpus)),
        (RefusalCode.MEMORY, outside(resources.memory_gb, table.memory_gb)),
    ]
    if resources.arch is not None:
        refused.append((RefusalCode.ARCH, _differs(table.archs, table.arch, resources.arch)))
    if resources.disk_gb is not None:
        # A disk of 0 GB is one whose size can be chosen or is not known: it refuses nothing.
        known = table.disk_gb > 0
        refused.append((RefusalCode.DISK, known & outside(resources.disk_gb, table.disk_gb)))
    return refused + (_of_gpus(resources.gpu, table) if resources.gpu is not None else [])


def _of_gpus(gpu: GpuRequirement, table: TypeTable) -> list[tuple[RefusalCode, NDArray[np.bool_]]]:
    has = table.gpu_count > 0
    optional = 0 in gpu.count
    refused: list[tuple[RefusalCode, NDArray[np.bool_]]] = [(RefusalCode.GPU, ~has & (not optional))]
    names = frozenset(name.casefold() for name in gpu.names)
    ability = gpu.compute_capability
    by_model = {
        RefusalCode.GPU_VENDOR: [gpu.vendor in (None, vendor) for _, vendor, _ in table.gpu_models],
        RefusalCode.GPU_NAME: [not names or name.casefold() in names for name, _, _ in table.gpu_models],
        RefusalCode.GPU_CAPABILITY: [
            ability is None or (has_ability is not None and has_ability >= ability)
            for _, _, has_ability in table.gpu_models
        ],
    }
    for code, suits in by_model.items():
        # The extra entry at the end serves the types without GPUs, whose model is -1.
        refused.append((code, has & ~np.array([*suits, True], dtype=bool)[table.gpu_model]))
    refused.append((RefusalCode.GPU_COUNT, has & outside(gpu.count, table.gpu_count)))
    memory = outside(gpu.memory_gb, table.gpu_memory_gb)
    memory |= outside(gpu.total_memory_gb, table.gpu_memory_gb * table.gpu_count)
    refused.append((RefusalCode.GPU_MEMORY, has & memory))
    return refused


def outside(limits: Range | None, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the values lie outside a range; None is no limit."""
    refused = np.zeros(len(values), dtype=bool)
    if limits is not None and limits.min is not None:
        refused |= values < limits.min
    if limits is not None and limits.max is not None:
        refused |= values > limits.max
    return refused


def _differs(names: Sequence[str], numbers: NDArray[np.int32], wanted: str) -> NDArray[np.bool_]:
    return np.array([name.casefold() != wanted.casefold() for name in names], dtype=bool)[numbers]


def markets(policy: SpotPolicy) -> frozenset[Market]:
    """The markets that a spot policy allows. Reserved machines count as on-demand ones: they are not reclaimed."""
    match policy:
        case SpotPolicy.SPOT:
            return frozenset({Market.SPOT})
        case SpotPolicy.ON_DEMAND:
            return frozenset({Market.ON_DEMAND, Market.RESERVED})
        case _:
            return frozenset(Market)


def _apply_ownership(stages: Stages, requirements: Requirements, terrain: Terrain) -> None:
    """A machine that a user owns is for the fleet that declares it, and there once: not while it is an instance."""
    owned = {info.name for info in terrain.snapshot.backends if info.owned}
    if not owned:
        return
    catalog = terrain.snapshot.catalog
    # By its name alone: a host whose declared zone changed is the same machine.
    taken = {(instance.zone.backend, instance.instance_type.name) for instance in terrain.snapshot.instances}
    for place, zone in enumerate(catalog.zones):
        if zone.backend not in owned:
            continue
        part = stages[catalog.rows(place)]
        if not requirements.owned:
            _lower(part, np.ones(len(part), dtype=bool), RefusalCode.OWNED)
        names = [catalog.table.types[kind].name for kind in catalog.columns.type[catalog.rows(place)].tolist()]
        _lower(part, np.array([(zone.backend, name) in taken for name in names], dtype=bool), RefusalCode.UNAVAILABLE)


def _world_stages(terrain: Terrain) -> Stages:
    """What failures and limits say of each offer: the same for all requirements, so it is found once."""
    if "stages" not in terrain.found:
        stages = np.full(len(terrain.snapshot.catalog), PASSED, dtype=np.uint8)
        _apply_failures(stages, terrain)
        _apply_limits(stages, terrain)
        terrain.found["stages"] = stages
    return terrain.found["stages"]


def _apply_failures(stages: Stages, terrain: Terrain) -> None:
    for failure in terrain.failures:
        if failure.scope.resource is not Resource.MACHINE:
            continue
        stage = STAGE[FAILURE_CODES.get(failure.kind, RefusalCode.RECENT_FAILURE)]
        for rows, within in covered(failure, terrain):
            part = stages[rows]
            part[within & (part > stage)] = stage


def covered(failure: Failure, terrain: Terrain) -> list[tuple[slice, NDArray[np.bool_]]]:
    """The rows of each zone that a failure reaches, and which of them it covers."""
    catalog, scope = terrain.snapshot.catalog, failure.scope
    found = []
    for place, zone in enumerate(catalog.zones):
        if scope.backend != zone.backend or scope.region not in (None, zone.region):
            continue
        if scope.zone not in (None, zone.name):
            continue
        rows = catalog.rows(place)
        within = np.ones(rows.stop - rows.start, dtype=bool)
        if scope.instance_type is not None:
            names = np.array([t.name == scope.instance_type for t in catalog.table.types], dtype=bool)
            within &= names[catalog.columns.type[rows]]
        if scope.market is not None:
            within &= catalog.columns.market[rows] == MARKET_NUMBER[scope.market]
        found.append((rows, within))
    return found


def _apply_limits(stages: Stages, terrain: Terrain) -> None:
    if not terrain.is_limited:
        return
    catalog = terrain.snapshot.catalog
    cpus, memory, gpus = catalog.table.cpus, catalog.table.memory_gb, catalog.table.gpu_count
    for place, number in enumerate(terrain.zone_of_offers):
        rows = catalog.rows(place)
        kinds = catalog.columns.type[rows]
        total = terrain.zones[number].capacity
        if total is not None:
            beyond = (cpus[kinds] > total.cpus) | (memory[kinds] > total.memory_gb) | (gpus[kinds] > total.gpus)
            _lower(stages[rows], beyond, RefusalCode.CAPACITY_USED)
        for market in Market if terrain.quotas else ():
            quota = terrain.quota(number, market)
            if quota is not None:
                same = catalog.columns.market[rows] == MARKET_NUMBER[market]
                _lower(stages[rows], same & (cpus[kinds] > terrain.free_cpus(quota)), RefusalCode.QUOTA)


def _lower(stages: Stages, refused: NDArray[np.bool_], code: RefusalCode) -> None:
    stages[refused & (stages > STAGE[code])] = STAGE[code]
