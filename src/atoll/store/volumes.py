"""Volumes."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Kind, Volume
from atoll.model.states import VolumeState
from atoll.store.query import fetch
from atoll.store.tables import volumes


class VolumeRepository:
    """Volumes of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def named(self, project: str, name: str) -> Volume | None:
        """The volume that bears this name now."""
        where = (volumes.c.project == project, volumes.c.name == name, volumes.c.deleted_at.is_(None))
        return next(iter(await fetch(self._connection, Kind.VOLUME, *where)), None)

    async def listing(self, project: str | None = None) -> Sequence[Volume]:
        """The volumes that are not deleted, of one project or of all, the oldest first."""
        where = [volumes.c.deleted_at.is_(None), volumes.c.state != VolumeState.DELETED]
        if project is not None:
            where.append(volumes.c.project == project)
        return await fetch(self._connection, Kind.VOLUME, *where, order="created_at")
