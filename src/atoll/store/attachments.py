"""Attachments of volumes to instances."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Attachment, Kind
from atoll.model.states import AttachmentState
from atoll.store.query import query
from atoll.store.rows import records_of
from atoll.store.tables import attachments


class AttachmentRepository:
    """Attachments of one transaction; those that are detached are history and not returned."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def live(
        self, *, volume: str | None = None, instance: str | None = None, job: str | None = None
    ) -> Sequence[Attachment]:
        """The ties that hold or are being made or undone, of one volume, instance or job (ids), or all."""
        told = {"volume_id": volume, "instance_id": instance, "job_id": job}
        asked = {name: id for name, id in told.items() if id is not None}
        return records_of(Kind.ATTACHMENT, await self._connection.execute(_live(*asked), asked))


@cache
def _live(*names: str) -> Select[Any]:
    same = (attachments.c[name] == bindparam(name) for name in names)
    return query(Kind.ATTACHMENT, attachments.c.state != AttachmentState.DETACHED, *same)
