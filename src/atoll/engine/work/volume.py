"""Volumes: their disks are created in the planned zone, and deleted."""

from contextlib import suppress
from dataclasses import replace
from typing import assert_never

from atoll.backends.base import (
    BackendError,
    CapacityUnavailable,
    DiskRequest,
    InvalidRequest,
    NotFound,
    NotOffered,
    QuotaExceeded,
    Tags,
    ZoneMismatch,
)
from atoll.engine.context import Context
from atoll.engine.placing.batching import Placer
from atoll.engine.placing.demand import spec_of, volume_request
from atoll.engine.placing.placement import PlacementRaced, keep_zone
from atoll.engine.snapshots.world import FAILURE_MEMORY
from atoll.engine.work.handler import Due, Reconciling, reason_of
from atoll.model.failure import Resource, Scope
from atoll.model.records import Kind, Volume
from atoll.model.states import VolumeState
from atoll.model.zone import Zone
from atoll.planning.failures import remember
from atoll.planning.reasons import explain
from atoll.reconcile.action import CreateDisk, DeleteDisk, PlaceVolume, VolumeEffect
from atoll.reconcile.volume import VolumeSight, decide
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

_DRY = (CapacityUnavailable, QuotaExceeded, NotOffered)
"""Refusals of the zone: another one may do, or the same later."""
_WRONG = (InvalidRequest, ZoneMismatch, NotFound)
"""Refusals of the request itself, which is not repeated."""
SHORTAGE_SECONDS = 10.0
"""How soon a volume for which no zone can be had is planned again; each further time it takes longer."""


class VolumeHandler(Reconciling[Volume, VolumeSight, VolumeEffect]):
    """Works on volumes."""

    decide = staticmethod(decide)

    def __init__(self, context: Context, placer: Placer) -> None:
        super().__init__(context)
        self.placer = placer

    async def look(self, id: str) -> tuple[Volume, VolumeSight] | None:
        """The volume, and whether it is attached."""
        async with self.context.database.read() as tx:
            volume = await tx.get(Volume, id)
            if volume is None:
                return None
            attached = bool(await tx.attachments.live(volume=id))
            return volume, VolumeSight(volume, attached, volume_request(volume.name, spec_of(volume)).follows)

    async def effect(self, lease: Lease, sight: VolumeSight, action: VolumeEffect) -> Due | None:
        """Plan the zone, create or delete the disk."""
        volume = sight.volume
        match action:
            case PlaceVolume():
                return await self._place(lease, volume)
            case CreateDisk():
                assert volume.zone is not None
                return await self._create(lease, volume, volume.zone)
            case DeleteDisk():
                assert volume.zone is not None
                return await self._delete(lease, volume, volume.zone)
            case _:
                assert_never(action)

    async def _delete(self, lease: Lease, volume: Volume, zone: Zone) -> Due | None:
        disks = self.volumes(zone)
        try:
            if volume.backend_id is not None and spec_of(volume).volume_id is None:  # an existing disk is kept
                await self.call(zone, disks.delete, volume.backend_id, zone)
        except InvalidRequest:
            return Due(2, failed=True)  # a machine that is ending may hold it a little longer
        async with self.context.database.write(lease) as tx:
            await tx.step(volume, VolumeState.DELETED, reason=volume.end_reason)
        return None

    async def after(self, tx: Transaction, record: Volume) -> None:
        """Wake the attachments and jobs that wait for the volume."""
        ties = await tx.attachments.live(volume=record.id)
        await tx.work.wake(Kind.ATTACHMENT, [tie.id for tie in ties], tx.now)
        await tx.work.wake(Kind.JOB, [tie.job_id for tie in ties], tx.now)

    async def _create(self, lease: Lease, volume: Volume, zone: Zone) -> Due | None:
        disks = self.volumes(zone)
        request = DiskRequest(zone, volume.size_gb, Tags(self.context.owner, volume.id, volume.name))
        existing = spec_of(volume).volume_id
        try:
            if existing is None:
                disk = await self.call(zone, disks.create, request)
            else:
                disk = await self.call(zone, disks.describe, existing, zone)
        except _DRY as error:
            await self._dry(lease, volume, zone, error)
            return None
        except _WRONG as error:
            async with self.context.database.write(lease) as tx:
                failed = await tx.step(volume, VolumeState.FAILED, reason=reason_of(error), message=error.message)
                await self.after(tx, failed)
            return None
        async with self.context.database.write(lease) as tx:
            await self.after(tx, await tx.step(volume, VolumeState.AVAILABLE, backend_id=disk.id, message=""))
        return None

    async def _place(self, lease: Lease, volume: Volume) -> Due | None:
        async with self.placer.placing(volume, volume_request(volume.name, spec_of(volume))) as placing:
            plan, message = placing.plan, ""
            if plan.shortfall is not None:
                message = explain.waiting_text(plan)
            with suppress(PlacementRaced):
                async with placing.write(lease) as tx:
                    await keep_zone(tx, volume, plan)
                    if message != volume.message:
                        await tx.update(volume, message=message)
        if plan.shortfall is None:
            return None
        return Due(min(SHORTAGE_SECONDS * 2.0 ** min(lease.attempts, 5), 180), failed=True)

    async def _dry(self, lease: Lease, volume: Volume, zone: Zone, error: BackendError) -> None:
        """The zone has no disk now: that is remembered, and the volume is placed again."""
        scope = replace(error.scope or Scope(zone.backend, zone.region, zone.name), resource=Resource.VOLUME)
        scope = replace(scope, instance_type=None, market=None)
        async with self.context.database.write(lease) as tx:
            former = await tx.failures.recent(tx.now - FAILURE_MEMORY)
            await tx.failures.remember(remember(former, error.kind, scope, tx.now, error.message))
            changes = {"zone": None, "message": error.message}
            await self.after(tx, await tx.step(volume, VolumeState.SUBMITTED, reason=reason_of(error), **changes))
