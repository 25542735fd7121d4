"""The zones that `spread` is to be even over."""

from atoll.model.zone import Zone, ZoneState
from atoll.planning.filters.feasibility import assess, level_of
from atoll.planning.request import Requirements
from atoll.planning.snapshot import Snapshot
from atoll.planning.terrain import Terrain
from atoll.zones.selection import ZoneSelector


def eligible_zones(requirements: Requirements, snapshot: Snapshot) -> frozenset[Zone]:
    """The zones that are available and have an offer that meets the requirements.

    Failures, quotas and use count where the snapshot has them: without them, the answer is what could be had when they
    have passed.
    """
    terrain = Terrain.of(snapshot, "")
    return frozenset(terrain.zones[zone].zone for zone in assess(requirements, terrain).passing)


def usable_zones(requirements: Requirements, snapshot: Snapshot) -> frozenset[Zone]:
    """The zones that the requirements allow and that are available, whatever is offered or free there."""
    terrain = Terrain.of(snapshot, "")
    return frozenset(terrain.zones[zone].zone for zone in level_of(requirements, terrain).passing)


def closed_zones(requirements: Requirements, snapshot: Snapshot) -> tuple[tuple[Zone, ZoneState], ...]:
    """The zones that the requirements allow and that take no new work, with their states."""
    patterns = requirements.availability_zones
    selector = None if patterns is None else ZoneSelector.compile(patterns)
    return tuple(
        (info.zone, info.state)
        for info in snapshot.zones
        if info.state in (ZoneState.IMPAIRED, ZoneState.DRAINED, ZoneState.CLOSED)
        and (requirements.backends is None or info.zone.backend in requirements.backends)
        and (requirements.regions is None or info.zone.region in requirements.regions)
        and (selector is None or selector.matches(info.zone))
    )
