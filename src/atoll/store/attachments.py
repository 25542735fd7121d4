"""Attachments of volumes to instances."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Attachment, Kind
from atoll.model.states import AttachmentState
from atoll.store.query import fetch
from atoll.store.tables import attachments


class AttachmentRepository:
    """Attachments of one transaction; those that are detached are history and not returned."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def live(
        self, *, volume: str | None = None, instance: str | None = None, job: str | None = None
    ) -> Sequence[Attachment]:
        """The ties that hold or are being made or undone, of one volume, instance or job (ids), or all."""
        where = [attachments.c.state != AttachmentState.DETACHED]
        where += [attachments.c.volume_id == volume] if volume is not None else []
        where += [attachments.c.instance_id == instance] if instance is not None else []
        where += [attachments.c.job_id == job] if job is not None else []
        return await fetch(self._connection, Kind.ATTACHMENT, *where)
