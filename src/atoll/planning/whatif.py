"""What would happen: a snapshot with one change, planned as any other."""

from collections.abc import Collection
from dataclasses import replace

from atoll.model.zone import Zone, ZoneInfo, ZoneState
from atoll.planning.snapshot import Snapshot


def emptied(snapshot: Snapshot, zone: Zone, leaving: Collection[str]) -> Snapshot:
    """The snapshot with a zone closed, and others to take the place of the instances (ids) that leave it."""
    instances = tuple(replace(one, outdated=one.outdated or one.id in leaving) for one in snapshot.instances)
    return replace(closed(snapshot, zone), instances=instances)


def closed(snapshot: Snapshot, zone: Zone) -> Snapshot:
    """The snapshot with a zone that takes no new work."""
    zones = tuple(_closed(info) if info.zone == zone else info for info in snapshot.zones)
    return replace(snapshot, zones=zones)


def _closed(info: ZoneInfo) -> ZoneInfo:
    return info if info.state is not ZoneState.AVAILABLE else replace(info, state=ZoneState.CLOSED)
