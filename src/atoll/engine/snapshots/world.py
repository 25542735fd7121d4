"""The world: the backends' listings, cached for a time, and snapshots for the planner."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from atoll.backends.base import Backend, BackendError, Listing
from atoll.engine.parts.kept_listings import KeptListings
from atoll.engine.snapshots.closures import zones_for
from atoll.model.catalog import Catalog
from atoll.model.failure import Scope
from atoll.model.market import StalePart
from atoll.model.quota import Quota, Taken, with_own_use
from atoll.model.records import Attachment, Instance, Job, Volume
from atoll.model.resources import InstanceType
from atoll.model.states import FleetState, InstanceState, JobState, VolumeState
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo, ZoneState
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot, Usage

if TYPE_CHECKING:  # worker processes read and plan files without the store
    from atoll.store.transaction import Transaction

LISTING_SECONDS = 20.0
"""How long a backend may take to list; then the last listing is used, and the error shown."""
PATIENCE_SECONDS = 2.0
"""How long a caller waits for a new listing if an earlier one is known."""
FAILURE_MEMORY = timedelta(hours=1)
"""How long past its end a failure still lengthens the next one."""


@dataclass(frozen=True, slots=True)
class World:
    """All backends' zones and offers together; `errors` names backends whose listing could not be refreshed.

    `stale` are parts of listings that are older than they should be, or missing.
    """

    catalog: Catalog
    zones: tuple[ZoneInfo, ...]
    as_of: Mapping[str, datetime]
    errors: Mapping[str, str] = field(default_factory=dict)
    quotas: tuple[Quota, ...] = ()
    stale: tuple[StalePart, ...] = ()

    def gone(self, zones: Collection[Zone]) -> frozenset[Zone]:
        """Those of `zones` that their backend, as it was listed last, no longer offers."""
        listed = {zone for zone in zones if zone.backend in self.as_of}
        return frozenset(listed - {info.zone for info in self.zones})


class Worlds:
    """The cache of listings. A slow backend delays only the first callers.

    If a listing is known, even from before a restart, no caller waits longer than `PATIENCE_SECONDS` after the start of
    a refresh: it goes on in the background, and until it ends the last listing serves with its date.
    """

    def __init__(
        self, backends: Mapping[str, Backend], now: Callable[[], datetime], kept: KeptListings | None = None
    ) -> None:
        self._backends = backends
        self._now = now
        self._kept = kept
        found = {name: kept.last(name) for name in backends} if kept else {}
        self._listings = {name: listing for name, listing in found.items() if listing is not None}
        self._stale = set(backends)
        self._refreshing: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, float] = {}
        self._errors: dict[str, str] = {}
        self._catalog: Catalog | None = None
        self._world: World | None = None
        self.on_recovery: Callable[[], None] = lambda: None
        """Called when a zone that took no new work is available again."""

    def invalidate(self, names: Collection[str] | None = None) -> None:
        """Refresh the listings of these backends, or all, at the next use."""
        self._stale.update(self._backends if names is None else names)

    async def close(self) -> None:
        """Stop refreshing."""
        tasks = list(self._refreshing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def world(self) -> World:
        """The world as it is known now, as fresh as their limits ask for where the backends answer."""
        self.refresh()
        await asyncio.gather(*(self._wait(name, task) for name, task in self._refreshing.items()))
        if self._world is None:
            self._world = self._compose()
        return self._world

    def refresh(self) -> None:
        """Start to refresh the listings that are not fresh, without waiting for them."""
        for name in self._backends:
            if name not in self._refreshing and self._is_stale(name):
                self._begun[name] = asyncio.get_running_loop().time()
                self._refreshing[name] = asyncio.create_task(self._refresh(name))

    def known(self) -> World:
        """The world as it was known last; no backend is called."""
        return self._world or self._compose()

    async def _wait(self, name: str, task: asyncio.Task[None]) -> None:
        """Wait for a refresh: to its end if no listing is known, else for what patience is left."""
        seconds = None
        if name in self._listings:
            seconds = max(0.0, self._begun[name] + PATIENCE_SECONDS - asyncio.get_running_loop().time())
        _, late = await asyncio.wait([task], timeout=seconds)
        if late and name not in self._errors:
            self._errors[name] = f"no answer within {PATIENCE_SECONDS:.0f} s; still waiting"
            self._world = None
        elif not late:
            task.result()

    def _is_stale(self, name: str) -> bool:
        listing = self._listings.get(name)
        if listing is None or name in self._stale:
            return True
        return (self._now() - listing.as_of).total_seconds() > self._backends[name].limits.listing_seconds

    async def _refresh(self, name: str) -> None:
        self._stale.discard(name)
        try:
            async with asyncio.timeout(LISTING_SECONDS):
                listing = await self._backends[name].listing()
        except BackendError as error:
            self._errors[name] = error.message
            self._stale.add(name)
        except TimeoutError:
            self._errors[name] = f"no answer within {LISTING_SECONDS:.0f} s"
            self._stale.add(name)
        else:
            former = self._listings.get(name)
            self._listings[name], self._catalog = replace(listing, offers=listing.catalog), None
            if former is not None and _available(listing) - _available(former) & {info.zone for info in former.zones}:
                self.on_recovery()
            self._errors.pop(name, None)
            if self._kept is not None:
                self._kept.keep(name, self._listings[name])
        finally:
            self._refreshing.pop(name, None)
            self._world = None

    def _compose(self) -> World:
        listings = [self._listings[name] for name in sorted(self._listings)]
        if self._catalog is None:
            oldest = min((listing.as_of for listing in listings), default=self._now())
            self._catalog = Catalog.merged([listing.catalog for listing in listings], oldest)
        as_of = {name: listing.as_of for name, listing in self._listings.items()}
        zones = tuple(info for listing in listings for info in listing.zones)
        quotas = tuple(quota for listing in listings for quota in listing.quotas)
        stale = tuple(part for listing in listings for part in listing.stale)
        return World(self._catalog, zones, as_of, dict(self._errors), quotas, stale)


def _available(listing: Listing) -> set[Zone]:
    return {info.zone for info in listing.zones if info.state is ZoneState.AVAILABLE}


def _as_known(kind: InstanceType, engines: Mapping[str, str]) -> InstanceType:
    """An instance's type with the container engine that such machines have now; it may be newer than the instance."""
    engine = engines.get(kind.name, kind.containers)
    return kind if engine == kind.containers else replace(kind, containers=engine)


def usage_of(taken: Iterable[Taken]) -> tuple[Usage, ...]:
    """The usage of zones by these counts of instances by type."""
    used: dict[Zone, Capacity] = {}
    for zone, type_, _, count in taken:
        used[zone] = used.get(zone, Capacity()) + type_.capacity * count
    return tuple(Usage(zone, used[zone]) for zone in sorted(used))


async def take_snapshot(
    tx: "Transaction", world: World, backends: Mapping[str, Backend], project: str, leaving: Collection[str] = ()
) -> Snapshot:
    """The planner's snapshot for a project. `leaving` are ids of runs about to be replaced: they do not count.

    A volume is attached to an instance while a job needs it there: one that has only to be detached is free, and
    the next user waits for that.
    """
    ours = {instance.id: instance for instance in await tx.fleets.live_instances(project)}
    claims = {job.id: job for job in await tx.runs.claims() if job.run_id not in leaving}
    used = _used_blocks(claims.values(), ours)
    held: defaultdict[str, list[str]] = defaultdict(list)
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for tie in await tx.attachments.live():
        held[tie.instance_id].append(tie.name)
        if _needed(tie, claims.get(tie.job_id), ours.get(tie.instance_id)):
            holders[tie.volume_id].append(tie.instance_id)
    infos = {name: backend.info for name, backend in backends.items()}
    engines = {kind.name: kind.containers for kind in world.catalog.table.types if kind.containers is not None}
    going = {fleet.id for fleet in await tx.fleets.listing(project) if fleet.state is not FleetState.ACTIVE}
    instances = tuple(
        ExistingInstance(
            id=instance.id,
            zone=instance.zone,
            instance_type=_as_known(instance.instance_type, engines),
            market=instance.market,
            price=instance.price,
            fleet=instance.fleet,
            node=instance.node,
            busy=used[instance.id] >= instance.blocks or instance.unreachable or instance.zone.backend not in infos,
            attached=tuple(held.get(instance.id, ())),
            outdated=instance.leaves,
            blocks=instance.blocks,
            used_blocks=min(used[instance.id], instance.blocks),
        )
        for instance in ours.values()
        if not instance.end_reason and instance.fleet_id not in going
    )
    volumes = _existing(await tx.volumes.listing(project), holders, infos)
    taken = await tx.fleets.taken()
    return Snapshot(
        catalog=world.catalog,
        zones=(*await zones_for(tx, world.zones, project), *_out_of_reach((*instances, *volumes), infos)),
        now=tx.now,
        backends=tuple(infos[name] for name in sorted(infos)),
        instances=instances,
        volumes=volumes,
        usage=usage_of(taken),
        quotas=with_own_use(world.quotas, taken),
        failures=tuple(await tx.failures.recent(tx.now - FAILURE_MEMORY)),
    )


def _existing(
    volumes: Iterable[Volume], holders: Mapping[str, Sequence[str]], infos: Mapping[str, BackendInfo]
) -> tuple[ExistingVolume, ...]:
    """The volumes that have a zone and stay, with the instances that have them for a job."""
    return tuple(
        ExistingVolume(
            volume.name,
            volume.zone,
            volume.size_gb,
            tuple(holders.get(volume.id, ())),
            infos[volume.backend].multi_attach if volume.backend in infos else False,
        )
        for volume in volumes
        if volume.zone is not None and not volume.end_reason and volume.state is not VolumeState.FAILED
    )


def _out_of_reach(
    things: Iterable[ExistingInstance | ExistingVolume], configured: Collection[str]
) -> tuple[ZoneInfo, ...]:
    """The zones of backends that are not configured, and hold something."""
    zones = {thing.zone for thing in things if thing.zone.backend not in configured}
    return tuple(
        ZoneInfo(zone, ZoneState.GONE, f"backend `{zone.backend}` is not configured on this server")
        for zone in sorted(zones)
    )


def _used_blocks(claims: Iterable[Job], instances: Mapping[str, Instance]) -> Counter[str]:
    """How many blocks of each instance are claimed."""
    used: Counter[str] = Counter()
    for job in claims:
        instance = instances.get(job.instance_id or "")
        if instance is not None:
            used[instance.id] += len(job.blocks) or instance.blocks
    return used


def _needed(tie: Attachment, job: Job | None, instance: Instance | None) -> bool:
    """Whether a job has its volume there, or will: on a machine that ends it has it no more, nor does it begin."""
    if job is None or job.instance_id != tie.instance_id or instance is None:
        return False
    if instance.state is InstanceState.TERMINATING:
        return False
    return job.state is not JobState.PLACED or not instance.end_reason


def zone_scope(zone: Zone) -> Scope:
    """Everything in one zone."""
    return Scope(zone.backend, zone.region, zone.name)
