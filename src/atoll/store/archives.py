"""Archives: the packed files of runs, by project and SHA-256. Their content is in parts where servers share the
database, and in files of the data folder otherwise.

An archive is deleted once no unfinished run uses it and none wanted it for a while. A request marks the archives of its
runs as wanted before it stores these: a deletion at the same time waits for that row, and finds it wanted.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, insert, select, update

from atoll.model.states import RUN
from atoll.store.connection import Connection
from atoll.store.query import among
from atoll.store.tables import archive_parts, archive_uses, archives, runs


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive: the SHA-256 of its tar file, whose length is `bytes`."""

    project: str
    digest: str
    bytes: int


class ArchiveRepository:
    """Archives of one transaction."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    async def want(self, project: str, digests: Collection[str]) -> set[str]:
        """Mark those of the archives that are stored as wanted now; returns their digests."""
        if not digests:
            return set()
        chosen = (archives.c.project == project, among(archives.c.digest, digests, self._connection.dialect.name))
        marked = update(archives).where(*chosen).values(wanted_at=self._now).returning(archives.c.digest)
        return {row[0] for row in await self._connection.rows(marked)}

    async def get(self, project: str, digest: str) -> Archive | None:
        """The archive; None where it is not stored."""
        chosen = select(archives.c.bytes).where(archives.c.project == project, archives.c.digest == digest)
        row = await self._connection.row(chosen)
        return None if row is None else Archive(project, digest, row[0])

    async def add(self, archive: Archive) -> None:
        """Store the record of an archive, wanted now."""
        values = {"project": archive.project, "digest": archive.digest, "bytes": archive.bytes}
        await self._connection.execute(insert(archives).values(**values, wanted_at=self._now))

    async def total(self) -> int:
        """The bytes of all archives."""
        return int((await self._connection.execute(select(func.sum(archives.c.bytes)))).scalar() or 0)

    async def use(self, run: str, project: str, digests: Collection[str]) -> None:
        """Record that a run uses these archives."""
        if digests:
            rows = [{"run_id": run, "project": project, "digest": digest} for digest in sorted({*digests})]
            await self._connection.change_all(insert(archive_uses), rows)

    async def delete_unused(self, before: datetime, limit: int) -> Sequence[Archive]:
        """Delete archives that no unfinished run uses and that none wanted since `before`; returns them."""
        finished = ~exists().where(runs.c.id == archive_uses.c.run_id, runs.c.state.not_in(RUN.final))
        await self._connection.execute(delete(archive_uses).where(finished))
        used = exists().where(archive_uses.c.project == archives.c.project, archive_uses.c.digest == archives.c.digest)
        unused = select(archives.c.project, archives.c.digest, archives.c.bytes).where(
            archives.c.wanted_at < before, ~used
        )
        gone: list[Archive] = []
        for project, digest, size in await self._connection.rows(unused.order_by(archives.c.wanted_at).limit(limit)):
            this = (archives.c.project == project, archives.c.digest == digest, archives.c.wanted_at < before)
            if await self._connection.change(delete(archives).where(*this)):
                parts = (archive_parts.c.project == project, archive_parts.c.digest == digest)
                await self._connection.execute(delete(archive_parts).where(*parts))
                gone.append(Archive(project, digest, size))
        return gone

    async def add_part(self, project: str, digest: str, start: int, data: bytes) -> None:
        """Store the bytes of an archive from `start`."""
        row = {"project": project, "digest": digest, "start": start, "data": data}
        await self._connection.execute(insert(archive_parts).values(**row))

    async def part(self, project: str, digest: str, start: int) -> bytes:
        """The part that begins at `start`; empty where none does."""
        chosen = select(archive_parts.c.data).where(
            archive_parts.c.project == project, archive_parts.c.digest == digest, archive_parts.c.start == start
        )
        row = await self._connection.row(chosen)
        return b"" if row is None else bytes(row[0])
