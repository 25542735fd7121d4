"""Volumes."""

from collections.abc import Sequence

from sqlalchemy import bindparam

from atoll.model.records import Kind, Volume
from atoll.model.states import VolumeState
from atoll.store.connection import Connection
from atoll.store.query import Query
from atoll.store.tables import volumes

_LIVING = (volumes.c.deleted_at.is_(None), volumes.c.state != VolumeState.DELETED)
_OURS = volumes.c.project == bindparam("project")
_NAMED = Query(Kind.VOLUME, _OURS, volumes.c.name == bindparam("name"), volumes.c.deleted_at.is_(None))
_OF_PROJECT = Query(Kind.VOLUME, *_LIVING, _OURS, order="created_at")
_OF_ALL = Query(Kind.VOLUME, *_LIVING, order="created_at")


class VolumeRepository:
    """Volumes of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def named(self, project: str, name: str) -> Volume | None:
        """The volume that bears this name now."""
        return await _NAMED.first(self._connection, project=project, name=name)

    async def listing(self, project: str | None = None) -> Sequence[Volume]:
        """The volumes that are not deleted, of one project or of all, the oldest first."""
        if project is None:
            return await _OF_ALL.all(self._connection)
        return await _OF_PROJECT.all(self._connection, project=project)
