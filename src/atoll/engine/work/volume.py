"""Volumes: their disks are created in the planned zone, and deleted."""

from typing import Any

from atoll.backends.base import (
    AuthFailed,
    BackendError,
    CapacityUnavailable,
    InvalidRequest,
    NotFound,
    NotOffered,
    QuotaExceeded,
    Tags,
    VolumeBackend,
    VolumeRequest,
    ZoneMismatch,
)
from atoll.engine.work.handler import Due, Reconciling, reason_of
from atoll.model.records import Kind, Volume
from atoll.model.states import VolumeState
from atoll.model.zone import Zone
from atoll.reconcile.action import CreateDisk, DeleteDisk
from atoll.reconcile.volume import VolumeSight, decide
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

_REFUSED = (CapacityUnavailable, QuotaExceeded, NotOffered, AuthFailed, InvalidRequest, ZoneMismatch, NotFound)


class VolumeHandler(Reconciling[Volume, VolumeSight]):
    """Works on volumes."""

    decide = staticmethod(decide)
    tries_in = VolumeState.CREATING

    async def look(self, id: str) -> tuple[Volume, VolumeSight] | None:
        """The volume, and whether it is attached."""
        async with self.context.database.read() as tx:
            volume = await tx.get(Volume, id)
            if volume is None:
                return None
            return volume, VolumeSight(volume, bool(await tx.attachments.live(volume=id)))

    async def effect(self, lease: Lease, sight: VolumeSight, action: Any) -> Due | None:
        """Create or delete the disk."""
        volume = sight.volume
        assert volume.zone is not None
        disks = self._disks(volume.zone)
        if isinstance(action, CreateDisk):
            return await self._create(lease, volume, volume.zone, disks)
        assert isinstance(action, DeleteDisk)
        try:
            if volume.backend_id is not None:
                await self.call(volume.zone, disks.delete_volume, volume.backend_id, volume.zone)
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

    async def _create(self, lease: Lease, volume: Volume, zone: Zone, disks: VolumeBackend) -> Due | None:
        request = VolumeRequest(zone, volume.size_gb, Tags(self.context.owner, volume.id, volume.name))
        first = self.first_try(lease)
        try:
            disk = await self.call(zone, disks.create_volume, request)
        except _REFUSED as error:
            if isinstance(error, AuthFailed) and not first:
                raise  # a former try may have made a disk: only credentials that work can tell
            async with self.context.database.write(lease) as tx:
                failed = await tx.step(volume, VolumeState.FAILED, reason=reason_of(error), message=error.message)
                await self.after(tx, failed)
            return None
        async with self.context.database.write(lease) as tx:
            await self.after(tx, await tx.step(volume, VolumeState.AVAILABLE, backend_id=disk.id, message=""))
        return None

    def _disks(self, zone: Zone) -> VolumeBackend:
        backend = self.backend(zone)
        if not isinstance(backend, VolumeBackend):
            raise BackendError(f"backend `{zone.backend}` has no volumes")
        return backend
