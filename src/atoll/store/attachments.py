"""Attachments of volumes to instances."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import bindparam

from atoll.model.records import Attachment, Kind
from atoll.model.states import AttachmentState
from atoll.store.connection import Connection
from atoll.store.query import Query
from atoll.store.tables import attachments


class AttachmentRepository:
    """Attachments of one transaction; those that are detached are history and not returned."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def live(
        self, *, volume: str | None = None, instance: str | None = None, job: str | None = None
    ) -> Sequence[Attachment]:
        """The attachments that are not detached, of one volume, instance or job (ids), or all."""
        ids = {"volume_id": volume, "instance_id": instance, "job_id": job}
        given = {name: id for name, id in ids.items() if id is not None}
        return await _live(*given).all(self._connection, **given)


@cache
def _live(*names: str) -> Query:
    same = (attachments.c[name] == bindparam(name) for name in names)
    return Query(Kind.ATTACHMENT, attachments.c.state != AttachmentState.DETACHED, *same)
