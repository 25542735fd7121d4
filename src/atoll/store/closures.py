"""Closed zones."""

from collections.abc import Sequence

from sqlalchemy import bindparam, or_, select

from atoll.model.records import Closure, Kind
from atoll.model.states import ClosureState
from atoll.store.connection import Connection
from atoll.store.query import Query
from atoll.store.rows import records_of
from atoll.store.tables import closures

_BINDING = or_(closures.c.server_wide, closures.c.project == bindparam("project"))
_IN_FORCE = Query(Kind.CLOSURE, closures.c.state != ClosureState.ENDED, order="created_at")
_OF_PROJECT = Query(Kind.CLOSURE, closures.c.state != ClosureState.ENDED, _BINDING, order="created_at")


class ClosureRepository:
    """Closures of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def in_force(self, project: str | None = None) -> Sequence[Closure]:
        """The closures that have not ended, those that bind one project or all; the oldest first."""
        if project is None:
            return await _IN_FORCE.all(self._connection)
        return await _OF_PROJECT.all(self._connection, project=project)

    async def newest(self, project: str, limit: int) -> Sequence[Closure]:
        """The newest closures that bind a project, ended ones too; the oldest of them first."""
        binding = or_(closures.c.server_wide, closures.c.project == project)
        order = (closures.c.created_at.desc(), closures.c.id.desc())
        rows = await self._connection.execute(select(closures).where(binding).order_by(*order).limit(limit))
        return records_of(Kind.CLOSURE, rows)[::-1]
