"""What the engine sees of the world: the backends' listings, cached for a while, and snapshots for the planner."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from atoll.backends.base import Backend, BackendError, Listing
from atoll.model.catalog import Catalog
from atoll.model.failure import Scope
from atoll.model.records import Instance
from atoll.model.states import VolumeState
from atoll.model.zone import Capacity, Zone, ZoneInfo
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot, Usage
from atoll.store.transaction import Transaction

FRESH = timedelta(seconds=60)
"""How long a listing is used before it is asked for anew."""
LISTING_SECONDS = 20.0
"""How long a backend may take to list; then the last listing is used, and the error shown."""
FAILURE_MEMORY = timedelta(hours=1)
"""How long past its end a failure still lengthens the next one."""


@dataclass(frozen=True, slots=True)
class World:
    """All backends' zones and offers together; `errors` names backends whose listing could not be refreshed."""

    catalog: Catalog
    zones: tuple[ZoneInfo, ...]
    as_of: Mapping[str, datetime]
    errors: Mapping[str, str] = field(default_factory=dict)


class Worlds:
    """The cache of listings. A slow backend delays nobody but those who ask for it first."""

    def __init__(self, backends: Mapping[str, Backend], now: Callable[[], datetime]) -> None:
        self._backends = backends
        self._now = now
        self._listings: dict[str, Listing] = {}
        self._errors: dict[str, str] = {}
        self._lock = asyncio.Lock()
        self._world: World | None = None

    def invalidate(self) -> None:
        """Ask the backends anew next time."""
        self._listings.clear()

    async def world(self) -> World:
        """The world as it is known now, at most `FRESH` old."""
        async with self._lock:
            stale = [name for name in self._backends if self._stale(name)]
            if stale or self._world is None:
                await asyncio.gather(*(self._refresh(name) for name in stale))
                self._world = self._compose()
            return self._world

    def _stale(self, name: str) -> bool:
        listing = self._listings.get(name)
        return listing is None or self._now() - listing.as_of > FRESH

    async def _refresh(self, name: str) -> None:
        try:
            async with asyncio.timeout(LISTING_SECONDS):
                self._listings[name] = await self._backends[name].listing()
            self._errors.pop(name, None)
        except BackendError as error:
            self._errors[name] = error.message
        except TimeoutError:
            self._errors[name] = f"no answer within {LISTING_SECONDS:.0f} s"

    def _compose(self) -> World:
        listings = [self._listings[name] for name in sorted(self._listings)]
        as_of = {name: listing.as_of for name, listing in self._listings.items()}
        offers = [offer for listing in listings for offer in listing.offers]
        zones = tuple(info for listing in listings for info in listing.zones)
        catalog = Catalog.from_offers(offers, min(as_of.values(), default=self._now()))
        return World(catalog, zones, as_of, dict(self._errors))


def usage_of(instances: Sequence[Instance]) -> tuple[Usage, ...]:
    """What instances take of their zones."""
    used: dict[Zone, Capacity] = {}
    for instance in instances:
        used[instance.zone] = used.get(instance.zone, Capacity()) + instance.instance_type.capacity
    return tuple(Usage(zone, used[zone]) for zone in sorted(used))


async def take_snapshot(
    tx: Transaction, world: World, backends: Mapping[str, Backend], project: str, leaving: Collection[str] = ()
) -> Snapshot:
    """The planner's picture. `leaving` are ids of fleets and runs about to be replaced: they count no more."""
    everyone = [instance for instance in await tx.fleets.live_instances() if instance.fleet_id not in leaving]
    busy = {job.instance_id for job in await tx.runs.claims() if job.run_id not in leaving}
    attachments = await tx.attachments.live()
    infos = {name: backend.info for name, backend in backends.items()}
    deleting = {fleet.id for fleet in await tx.fleets.listing(project) if fleet.state != "active"}
    instances = tuple(
        ExistingInstance(
            id=instance.id,
            zone=instance.zone,
            instance_type=instance.instance_type,
            market=instance.market,
            price=instance.price,
            fleet=instance.fleet,
            node=instance.node,
            busy=instance.id in busy or instance.unreachable_since is not None,
            attached=tuple(tie.name for tie in attachments if tie.instance_id == instance.id),
        )
        for instance in everyone
        if instance.project == project and not instance.end_reason and instance.fleet_id not in deleting
    )
    volumes = tuple(
        ExistingVolume(
            volume.name,
            volume.zone,
            volume.size_gb,
            tuple(tie.instance_id for tie in attachments if tie.volume_id == volume.id),
            infos[volume.backend].multi_attach if volume.backend in infos else False,
        )
        for volume in await tx.volumes.listing(project)
        if volume.zone is not None and not volume.end_reason and volume.state is not VolumeState.FAILED
    )
    return Snapshot(
        catalog=world.catalog,
        zones=world.zones,
        now=tx.now,
        backends=tuple(infos[name] for name in sorted(infos)),
        instances=instances,
        volumes=volumes,
        usage=usage_of(everyone),
        failures=tuple(await tx.failures.recent(tx.now - FAILURE_MEMORY)),
    )


def zone_scope(zone: Zone) -> Scope:
    """Everything in one zone."""
    return Scope(zone.backend, zone.region, zone.name)
