"""The packed files of runs, each a tar file by its SHA-256: files of the data folder, or the database's parts where
several servers share one database and any of them may hand an archive to a job.

A file is written before its record and deleted after it, so that a record always has its content; one left without a
record is overwritten when its archive is sent again.
"""

import asyncio
import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from atoll.engine.parts.refusal import Refused
from atoll.model.error_codes import ErrorCode
from atoll.store.archives import Archive
from atoll.store.database import Database
from atoll.store.errors import NotUnique
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

PART_BYTES = 1 << 20
"""The length of a part in the database, but for the last one."""
MOST_BYTES = 16 << 30
"""The most that all archives of an installation may take."""


class Archives(Protocol):
    """Where archives are kept."""

    folder: Path
    """For files that are being received; on the disk that holds the archives, where they are files."""

    async def keep(self, archive: Archive, file: Path) -> None:
        """Store an archive from a file with its content, which is moved or deleted. Raises Refused (too-large)."""
        ...

    async def read(self, archive: Archive, offset: int) -> bytes:
        """Some bytes from `offset`, at most `PART_BYTES`; empty at the end. Raises FileNotFoundError."""
        ...

    async def delete_unused(self, lease: Lease, before: datetime, limit: int) -> int:
        """Delete archives that no unfinished run uses and none wanted since `before`; returns their number."""
        ...


def open_archives(database: Database, folder: Path) -> Archives:
    """The archives' place: the database where servers share it, else files in the folder."""
    return DatabaseArchives(database, folder) if database.shared else ArchiveFiles(database, folder)


async def refuse_missing(tx: Transaction, project: str, digests: Collection[str]) -> None:
    """Mark archives as wanted now. Raises Refused where one of them is not stored."""
    if len(await tx.archives.want(project, digests)) < len({*digests}):
        message = "the server lacks some of the files that the runs need"
        raise Refused(ErrorCode.FILES_MISSING, message, help="run the command again: it sends what is missing")


async def _record(tx: Transaction, archive: Archive) -> bool:
    """Store the record of an archive; False where there is one. Raises Refused (too-large)."""
    if await tx.archives.want(archive.project, [archive.digest]):
        return False
    if await tx.archives.total() + archive.bytes > MOST_BYTES:
        message = f"the files of all runs may take {MOST_BYTES >> 30} GiB on this server, and no more fit"
        help = "they are deleted an hour after the runs that use them have finished"
        raise Refused(ErrorCode.TOO_LARGE, message, help=help, status=413)
    await tx.archives.add(archive)
    return True


class ArchiveFiles:
    """Archives in files of one server, a sub-folder for each project."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self.folder = folder
        self._changing = asyncio.Lock()  # no archive is stored while the same one is deleted

    async def keep(self, archive: Archive, file: Path) -> None:
        """Store an archive from a file with its content, which is moved. Raises Refused (too-large)."""
        target = self._path(archive)
        async with self._changing:
            await asyncio.to_thread(_move, file, target)
            try:
                async with self._database.write() as tx:
                    await _record(tx, archive)
            except Refused:
                target.unlink(missing_ok=True)
                raise

    async def read(self, archive: Archive, offset: int) -> bytes:
        """Some bytes from `offset`; empty at the end. Raises FileNotFoundError."""
        return await asyncio.to_thread(_read, self._path(archive), offset)

    async def delete_unused(self, lease: Lease, before: datetime, limit: int) -> int:
        """Delete archives that no unfinished run uses and none wanted since `before`; returns their number."""
        async with self._changing:
            async with self._database.write(lease) as tx:
                gone = await tx.archives.delete_unused(before, limit)
            await asyncio.to_thread(_delete, [self._path(one) for one in gone])
        return len(gone)

    def _path(self, archive: Archive) -> Path:
        return self.folder / archive.project / f"{archive.digest}.tar"


class DatabaseArchives:
    """Archives in the database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self.folder = folder

    async def keep(self, archive: Archive, file: Path) -> None:
        """Store an archive from a file with its content, which is deleted. Raises Refused (too-large)."""
        with suppress(NotUnique):  # sent twice at the same time: the other one is stored
            await self._insert(archive, file)
        file.unlink(missing_ok=True)

    async def _insert(self, archive: Archive, file: Path) -> None:
        async with self._database.write() as tx:
            if not await _record(tx, archive):
                return
            for offset in range(0, archive.bytes, PART_BYTES):
                data = await asyncio.to_thread(_read, file, offset)
                await tx.archives.add_part(archive.project, archive.digest, offset, data)

    async def read(self, archive: Archive, offset: int) -> bytes:
        """Some bytes from `offset`; empty at the end. Raises FileNotFoundError."""
        start = offset - offset % PART_BYTES
        async with self._database.read() as tx:
            data = await tx.archives.part(archive.project, archive.digest, start)
        if not data and offset < archive.bytes:
            raise FileNotFoundError(archive.digest)
        return data[offset - start :]

    async def delete_unused(self, lease: Lease, before: datetime, limit: int) -> int:
        """Delete archives that no unfinished run uses and none wanted since `before`; returns their number."""
        async with self._database.write(lease) as tx:
            return len(await tx.archives.delete_unused(before, limit))


def _move(file: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.chmod(0o600)
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
    file.replace(target)


def _read(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PART_BYTES)


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
