"""The size of the work queue, for the server's metrics."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, text

from atoll.store.connection import Connection
from atoll.store.tables import work


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work of one kind: `items` in all, `due` of them waiting for a worker now, the longest for `age` seconds."""

    kind: str
    items: int
    due: int
    age: float


class QueueMetrics:
    """Counts the queue, and reads the schema version and the size of the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def schema(self) -> str | None:
        """Returns the database's current schema version."""
        return (await self._connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()

    async def database_bytes(self) -> int:
        """The size of the database: SQLite's file, or what PostgreSQL says."""
        sqlite = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        postgresql = "SELECT pg_database_size(current_database())"
        size = text(postgresql if self._connection.dialect.name == "postgresql" else sqlite)
        return int((await self._connection.execute(size)).scalar() or 0)

    async def backlog(self, now: datetime) -> list[Backlog]:
        """The backlog of each kind that has items."""
        items = (await self._connection.execute(select(work.c.kind, func.count()).group_by(work.c.kind))).all()
        waits = (work.c.due_at <= now, or_(work.c.leased_until.is_(None), work.c.leased_until < now))
        oldest = select(work.c.kind, func.count(), func.min(work.c.due_at)).where(*waits).group_by(work.c.kind)
        due = {kind: (count, first) for kind, count, first in (await self._connection.execute(oldest)).all()}
        found = []
        for kind, count in items:
            waiting, first = due.get(kind, (0, None))
            found.append(Backlog(kind, count, waiting, (now - first).total_seconds() if first else 0.0))
        return found
