"""The logs of jobs, in the format of `atoll.wire.logs`: one append-only file each, or the database's chunks where
several servers share one database and any of them may serve a log that another fetched.

The size of what is kept is the offset up to which the agent's log was fetched: there is nothing else to record, and
nothing to get out of step with.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from atoll.engine.parts.sizes import folder_bytes
from atoll.model.records import Job
from atoll.store.database import Database


class Logs(Protocol):
    """Where the logs of jobs are kept."""

    async def size(self, job: Job) -> int:
        """How many bytes are here already."""
        ...

    async def append(self, job: Job, offset: int, data: bytes) -> None:
        """Add what followed `offset`; what is here already is not kept twice."""
        ...

    async def read(self, job: Job, offset: int, limit: int) -> bytes:
        """At most `limit` bytes from `offset`; fewer only at the end of what is here."""
        ...

    async def delete(self, jobs: Sequence[Job]) -> None:
        """Delete the logs of jobs that are over; a log that does not exist is no error."""
        ...

    async def total(self) -> int:
        """How many bytes all logs take."""
        ...


def open_logs(database: Database, folder: Path) -> Logs:
    """The logs' place: the database where servers share it, else files in the folder."""
    return DatabaseLogs(database) if database.shared else LogFiles(folder)


class DatabaseLogs:
    """Logs in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def size(self, job: Job) -> int:
        """How many bytes are here already."""
        async with self._database.read() as tx:
            return await tx.logs.size(job.id)

    async def append(self, job: Job, offset: int, data: bytes) -> None:
        """Add what followed `offset`; what is here already is not kept twice."""
        async with self._database.write() as tx:
            await tx.logs.append(job.id, offset, data)

    async def read(self, job: Job, offset: int, limit: int) -> bytes:
        """At most `limit` bytes from `offset`; fewer only at the end of what is here."""
        async with self._database.read() as tx:
            return await tx.logs.read(job.id, offset, limit)

    async def delete(self, jobs: Sequence[Job]) -> None:
        """Delete the logs of jobs that are over; a log that does not exist is no error."""
        async with self._database.write() as tx:
            await tx.logs.delete([job.id for job in jobs])

    async def total(self) -> int:
        """How many bytes all logs take."""
        async with self._database.read() as tx:
            return await tx.logs.total()


class LogFiles:
    """Log files under one folder, a sub-folder for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, job: Job) -> Path:
        """The job's log file, which need not exist yet."""
        return self._folder / job.run_id / f"{job.id}.log"

    async def size(self, job: Job) -> int:
        """How many bytes are here already."""
        return self._size(job)

    async def append(self, job: Job, offset: int, data: bytes) -> None:
        """Add what followed `offset`; what is here already is not written twice."""
        path = self.path(job)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = data[max(self._size(job) - offset, 0) :]
        with path.open("ab") as file:
            file.write(data)

    async def read(self, job: Job, offset: int, limit: int) -> bytes:
        """At most `limit` bytes from `offset`; empty past the end."""
        try:
            with self.path(job).open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return b""

    async def delete(self, jobs: Sequence[Job]) -> None:
        """Delete the logs of jobs that are over; a log that does not exist is no error. Raises OSError."""
        await asyncio.to_thread(self._delete, [self.path(job) for job in jobs])

    async def total(self) -> int:
        """How many bytes all logs take."""
        return await asyncio.to_thread(folder_bytes, self._folder)

    def _delete(self, paths: Sequence[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # another job of the run has a log there, or none had
                path.parent.rmdir()

    def _size(self, job: Job) -> int:
        try:
            return self.path(job).stat().st_size
        except FileNotFoundError:
            return 0
