"""Zones with their contents, as fronts show them."""

from collections.abc import Iterable
from dataclasses import replace
from math import isfinite

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused
from atoll.engine.queries.observations import observed_in
from atoll.engine.snapshots.closures import zones_for
from atoll.engine.snapshots.world import usage_of
from atoll.model.error_codes import ErrorCode
from atoll.model.market import StalePart
from atoll.model.quota import with_own_use
from atoll.model.zone import Capacity, Zone, ZoneState
from atoll.wire.api import ZoneView


class ZoneQueries:
    """Reads zones."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def all(self, project: str) -> list[ZoneView]:
        """The zones of all configured backends, after those that are no longer offered and hold something."""
        context = self._context
        world = await context.worlds.world()
        async with context.database.read() as tx:
            taken = await tx.fleets.taken()
            used = {usage.zone: usage.used for usage in usage_of(taken)}
            instances = await tx.listing.instances_by_zone(project)
            volumes = await tx.listing.volumes_by_zone(project)
            zones = await zones_for(tx, world.zones, project)
        offered, quotas = world.catalog.sizes, with_own_use(world.quotas, taken)
        known = {info.zone for info in world.zones}
        stranded = [
            ZoneView(
                zone,
                ZoneState.GONE,
                context.now(),
                "no longer offered" if zone.backend in context.backends else not_configured(zone.backend),
                used=used.get(zone, Capacity()),
                instances=instances.get(zone, 0),
                volumes=volumes.get(zone, 0),
            )
            for zone in sorted({*instances, *volumes} - known)
        ]
        return stranded + [
            ZoneView(
                info.zone,
                info.state,
                world.as_of[info.zone.backend],
                info.reason,
                info.until,
                _finite(info.capacity),
                used.get(info.zone, Capacity()),
                instances.get(info.zone, 0),
                volumes.get(info.zone, 0),
                offered.get(info.zone, 0),
                context.backends[info.zone.backend].faults is not None,
                tuple(q for q in quotas if (q.backend, q.region) == (info.zone.backend, info.zone.region)),
                stale=stale_in(world.stale, info.zone),
            )
            for info in zones
        ]

    async def get(self, project: str, zone: Zone) -> ZoneView:
        """One zone, with what was observed of launches there. Raises Refused: not-found."""
        for view in await self.all(project):
            if view.zone == zone:
                return replace(view, observed=await observed_in(self._context, zone))
        raise Refused(
            ErrorCode.NOT_FOUND, f"there is no zone `{zone}`", help="`atoll zone list` shows them all", status=404
        )


def stale_in(parts: Iterable[StalePart], zone: Zone) -> tuple[str, ...]:
    """What is older than it should be of what is known of a zone's region."""
    return tuple(part.text for part in parts if (part.backend, part.region) == (zone.backend, zone.region))


def not_configured(backend: str) -> str:
    """Why the state of a backend's resources is unknown."""
    return f"backend `{backend}` is not configured"


def no_longer_offered(zones: Iterable[Zone]) -> list[str]:
    """A note for each zone that its backend no longer lists."""
    return [f"zone {zone} is no longer offered" for zone in sorted(zones)]


def _finite(capacity: Capacity | None) -> Capacity | None:
    """The capacity with 0 for what has no declared limit; None without any limit. JSON has no infinity."""
    if capacity is None:
        return None
    amounts = (capacity.cpus, capacity.memory_gb, capacity.gpus)
    limits = [amount if isfinite(amount) else 0 for amount in amounts]
    return Capacity(*limits) if any(map(isfinite, amounts)) else None
