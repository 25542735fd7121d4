"""Where a volume may go, and where one goes that no run of the request uses."""

from collections.abc import Iterable, Mapping

import numpy as np

from atoll.model.catalog import AVAILABILITIES
from atoll.model.failure import Failure, Resource
from atoll.model.offer import Availability
from atoll.model.zone import Zone, ZoneState
from atoll.planning.facts import told_of
from atoll.planning.filters.feasibility import ZONE_STATES
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.request import VolumeRequest
from atoll.planning.terrain import Terrain
from atoll.zones.selection import ZoneSelector

VolumeRefusals = Mapping[int, tuple[RefusalCode, Mapping[str, Fact]]]


def volume_refusals(volume: VolumeRequest, terrain: Terrain) -> VolumeRefusals:
    """For each zone where the volume cannot go, why."""
    text = volume.availability_zone
    selector = None if text is None else ZoneSelector.compile([text])
    refused: dict[int, tuple[RefusalCode, Mapping[str, Fact]]] = {}
    for number, info in enumerate(terrain.zones):
        zone = info.zone
        if volume.backend is not None and zone.backend.casefold() != volume.backend.casefold():
            refused[number] = (RefusalCode.BACKEND, {"wanted": (volume.backend,)})
        elif volume.region and zone.region.casefold() != volume.region.casefold():
            refused[number] = (RefusalCode.REGION, {"wanted": (volume.region,)})
        elif selector is not None and not zone.name:
            refused[number] = (RefusalCode.NO_ZONES, {"wanted": (text,) if text else ()})
        elif selector is not None and not selector.matches(zone):
            refused[number] = (RefusalCode.ZONE, {"wanted": (text,) if text else ()})
        elif not terrain.backend(zone.backend).volumes:
            refused[number] = (RefusalCode.NO_VOLUMES, {"backend": zone.backend})
        elif info.state is not ZoneState.AVAILABLE:
            until = info.until.isoformat() if info.until else None
            refused[number] = (ZONE_STATES[info.state], {"reason": info.reason, "until": until})
        elif (failure := _failure(zone, terrain)) is not None:
            refused[number] = (RefusalCode.RECENT_FAILURE, {**told_of(failure), "volumes": True})
    return refused


def _failure(zone: Zone, terrain: Terrain) -> Failure | None:
    """The failure that leaves volumes in a zone out for longest."""
    found = [
        failure
        for failure in terrain.failures
        if failure.scope.resource is Resource.VOLUME
        and failure.scope.backend == zone.backend
        and failure.scope.region in (None, zone.region)
        and failure.scope.zone in (None, zone.name)
    ]
    return max(found, key=lambda one: (one.until is None, one.until or one.at), default=None)


def volume_zones(volume: VolumeRequest, terrain: Terrain) -> tuple[int, ...]:
    """The zones where the volume may go."""
    refused = volume_refusals(volume, terrain)
    return tuple(number for number in range(len(terrain.zones)) if number not in refused)


def lone_zone(volume: VolumeRequest, terrain: Terrain, nodes: Iterable[int]) -> int | None:
    """The zone of a volume that nothing in the request uses, or None when it can go nowhere.

    Where the fleets' nodes are (`nodes` holds the zone of each, existing and planned), else where machines can be had;
    ties break by the request's id and never by the order of zones.
    """
    zones = volume_zones(volume, terrain)
    near = list(nodes)
    lots = terrain.lots(volume.name)
    offered = offered_zones(terrain)
    return min(zones, key=lambda zone: (-near.count(zone), zone not in offered, lots[zone]), default=None)


def offered_zones(terrain: Terrain) -> frozenset[int]:
    """The zones that offer any machine now."""
    catalog = terrain.snapshot.catalog
    has = catalog.columns.availability == AVAILABILITIES.index(Availability.AVAILABLE)
    return frozenset(terrain.zone_of_offers[place] for place in np.unique(catalog.columns.zone[has]).tolist())
