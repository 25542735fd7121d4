"""The logs of jobs in the database, where several servers share it: chunks, each from the byte where the former ended.

Two workers that fetch the same log write the same bytes: the first with a chunk that starts at a given byte stores
it, and the other continues from its end. So the chunks of a log follow each other without gap or overlap.
"""

from collections.abc import Collection

from sqlalchemy import delete, func, select

from atoll.store.connection import Connection
from atoll.store.query import among
from atoll.store.tables import log_chunks
from atoll.store.upsert import insert_into

ROWS = 256
"""How many chunks are fetched at once."""


class LogRepository:
    """Logs of one transaction, by the ids of their jobs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def size(self, job: str) -> int:
        """How many bytes are here already."""
        end = log_chunks.c.start + func.length(log_chunks.c.data)
        last = select(end).where(log_chunks.c.job_id == job).order_by(log_chunks.c.start.desc()).limit(1)
        return (await self._connection.execute(last)).scalar() or 0

    async def append(self, job: str, offset: int, data: bytes) -> None:
        """Append bytes from `offset`; drops bytes that are stored already, and bytes that would leave a gap."""
        size = await self.size(job)
        data = data[max(size - offset, 0) :]
        if not data or offset > size:
            return
        chunk = insert_into(log_chunks, self._connection.dialect.name).values(job_id=job, start=size, data=data)
        await self._connection.execute(chunk.on_conflict_do_nothing(index_elements=["job_id", "start"]))

    async def read(self, job: str, offset: int, limit: int) -> bytes:
        """At most `limit` bytes from `offset`; fewer only at the end."""
        mine = log_chunks.c.job_id == job
        first = select(func.max(log_chunks.c.start)).where(mine, log_chunks.c.start <= offset)
        start = (await self._connection.execute(first)).scalar()
        found = bytearray()
        while start is not None and len(found) < limit:
            following = select(log_chunks.c.start, log_chunks.c.data).where(mine, log_chunks.c.start >= start)
            rows = (await self._connection.execute(following.order_by(log_chunks.c.start).limit(ROWS))).all()
            for at, data in rows:
                found += data[max(offset - at, 0) :]
            start = rows[-1].start + len(rows[-1].data) if len(rows) == ROWS else None
        return bytes(found[:limit])

    async def delete(self, jobs: Collection[str]) -> None:
        """Delete the logs of jobs."""
        mine = among(log_chunks.c.job_id, jobs, self._connection.dialect.name)
        await self._connection.execute(delete(log_chunks).where(mine))

    async def total(self) -> int:
        """How many bytes all logs have; PostgreSQL knows the length of a chunk without reading it."""
        total = select(func.sum(func.length(log_chunks.c.data)))
        return int((await self._connection.execute(total)).scalar() or 0)
