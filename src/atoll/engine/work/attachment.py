"""Attachments: disks are attached to machines for a job, and detached after it."""

from typing import assert_never

from atoll.backends.base import BackendError, NotFound
from atoll.engine.placing import restraint
from atoll.engine.work.handler import Due, Reconciling, reason_of
from atoll.model.records import Attachment, Instance, Job, Kind, Volume
from atoll.model.states import JOB, AttachmentState, InstanceState, VolumeState
from atoll.reconcile.action import Attach, AttachmentEffect, Detach
from atoll.reconcile.attachment import AttachmentSight, decide
from atoll.store.transaction import Transaction
from atoll.store.work import Lease


class AttachmentHandler(Reconciling[Attachment, AttachmentSight, AttachmentEffect]):
    """Works on attachments."""

    decide = staticmethod(decide)

    async def look(self, id: str) -> tuple[Attachment, AttachmentSight] | None:
        """The attachment, and the states of what it ties."""
        async with self.context.database.read() as tx:
            tie = await tx.get(Attachment, id)
            if tie is None:
                return None
            instance = await tx.get(Instance, tie.instance_id)
            volume = await tx.get(Volume, tie.volume_id)
            job = await tx.get(Job, tie.job_id)
            others = [each for each in await tx.attachments.live(volume=tie.volume_id) if each.id != tie.id]
            free = not [other for other in others if await _comes_before(tx, other, tie, job)]
        sight = AttachmentSight(
            tie,
            instance.state if instance is not None else InstanceState.TERMINATED,
            volume.state if volume is not None else VolumeState.DELETED,
            _needs(job, tie),
            free,
        )
        return tie, sight

    async def effect(self, lease: Lease, sight: AttachmentSight, action: AttachmentEffect) -> Due | None:
        """Attach or detach."""
        tie = sight.attachment
        async with self.context.database.read() as tx:
            instance = await tx.get(Instance, tie.instance_id)
            volume = await tx.get(Volume, tie.volume_id)
        assert instance is not None
        assert volume is not None
        disks = self.volumes(tie.zone)
        disk, machine = volume.backend_id or "", instance.backend_id or ""
        match action:
            case Detach():
                if disk and machine:
                    await self.call(tie.zone, disks.detach, disk, machine, tie.zone)
                async with self.context.database.write(lease) as tx:
                    await self.after(tx, await tx.step(tie, AttachmentState.DETACHED))
            case Attach():
                try:
                    attached = await self.call(tie.zone, disks.attach, disk, machine, tie.zone)
                except restraint.REFUSED as error:
                    return await self._refused(lease, tie, error)
                async with self.context.database.write(lease) as tx:
                    await self.after(tx, await tx.step(tie, AttachmentState.ATTACHED, source=attached.source))
            case _:
                assert_never(action)
        return None

    async def after(self, tx: Transaction, record: Attachment) -> None:
        """Wake the job, the volume, and the jobs that wait for the volume."""
        await tx.work.wake(Kind.JOB, [record.job_id], tx.now)
        await tx.work.wake(Kind.VOLUME, [record.volume_id], tx.now)
        others = await tx.attachments.live(volume=record.volume_id)
        await tx.work.wake(Kind.ATTACHMENT, [tie.id for tie in others if tie.id != record.id], tx.now)

    async def _refused(self, lease: Lease, tie: Attachment, error: BackendError) -> Due | None:
        if lease.attempts < 5:
            return Due(0.5 * 2**lease.attempts, failed=True)  # a machine that is ending may hold it a little longer
        async with self.context.database.write(lease) as tx:
            changes = {"reason": reason_of(error), "message": error.message}
            if not isinstance(error, NotFound):  # the machine or disk may be gone: the run is placed again
                await restraint.hold_run(tx, tie, error, self.context.config_digests)
            await self.after(tx, await tx.step(tie, AttachmentState.DETACHING, **changes))
        return None


def _needs(job: Job | None, tie: Attachment) -> bool:
    """Whether a tie's job is not over and still placed there."""
    return job is not None and job.state not in JOB.final and job.instance_id == tie.instance_id


async def _comes_before(tx: Transaction, other: Attachment, tie: Attachment, job: Job | None) -> bool:
    """Whether another tie of the volume is undone, or made, before this one is made.

    One that is being made may have its attach under way, even if it is no longer needed; and of two that are needed
    only one may begin, the older job's.
    """
    if other.state is not AttachmentState.ATTACHING:
        return True
    needing = await tx.get(Job, other.job_id)
    if needing is None or job is None or not _needs(needing, other):
        return True
    return (needing.created_at, other.id) < (job.created_at, tie.id)
