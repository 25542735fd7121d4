"""What would happen: a snapshot with one change, planned as any other."""

from collections.abc import Collection
from dataclasses import replace

from atoll.model.quota import with_own_use
from atoll.model.zone import Capacity, Zone, ZoneInfo, ZoneState
from atoll.planning.snapshot import Snapshot


def emptied(snapshot: Snapshot, zone: Zone, leaving: Collection[str]) -> Snapshot:
    """The snapshot with a zone closed, and others to take the place of the instances (ids) that leave it."""
    instances = tuple(replace(one, outdated=one.outdated or one.id in leaving) for one in snapshot.instances)
    return replace(closed(snapshot, zone), instances=instances)


def without(snapshot: Snapshot, ids: Collection[str]) -> Snapshot:
    """The snapshot as if these instances (ids) did not exist: what they take of capacities and quotas is free."""
    ended = [one for one in snapshot.instances if one.id in ids]
    freed: dict[Zone, Capacity] = {}
    for one in ended:
        freed[one.zone] = freed.get(one.zone, Capacity()) + one.instance_type.capacity
    usage = (replace(one, used=one.used - freed.get(one.zone, Capacity())) for one in snapshot.usage)
    return replace(
        snapshot,
        instances=tuple(one for one in snapshot.instances if one.id not in ids),
        usage=tuple(usage),
        quotas=with_own_use(snapshot.quotas, [(one.zone, one.instance_type, one.market, -1) for one in ended]),
    )


def closed(snapshot: Snapshot, zone: Zone) -> Snapshot:
    """The snapshot with a zone that takes no new work."""
    zones = tuple(_closed(info) if info.zone == zone else info for info in snapshot.zones)
    return replace(snapshot, zones=zones)


def _closed(info: ZoneInfo) -> ZoneInfo:
    return info if info.state is not ZoneState.AVAILABLE else replace(info, state=ZoneState.CLOSED)
