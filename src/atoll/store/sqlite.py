"""SQLite: one writer at a time, and one commit for all waiting writers.

A commit waits for the disk (`synchronous=FULL`: a recorded intent survives a power cut), and that takes ten times as
long as what is written. So the writers that queue while one writes join its transaction, each within a savepoint of its
own, and all of them continue once that commit is done. A writer that fails rolls back only its own part.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from atoll.store import inline
from atoll.store.errors import translated

WRITES = "atoll_writes"
"""The execution option of writing connections: they take the write lock at their start."""


def connect(address: URL, *, foreign_keys: bool = True, **options: Any) -> AsyncEngine:
    """An engine over one file. Tables are rebuilt, in migrations, with `foreign_keys` off."""
    engine = create_async_engine(
        address, hide_parameters=True, connect_args={"async_creator_fn": inline.connect}, **options
    )
    keys = "ON" if foreign_keys else "OFF"
    pragmas = ("journal_mode=WAL", "synchronous=FULL", f"foreign_keys={keys}")

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    @event.listens_for(engine.sync_engine, "checkin")
    def _checkin(connection: Any, record: Any) -> None:
        if connection is not None and connection.driver_connection.spoilt:
            record.invalidate()

    @event.listens_for(engine.sync_engine, "invalidate")
    def _invalidate(connection: Any, _record: Any, _error: Any) -> None:
        # A task that is cancelled leaves its statement unfinished: closing alone would then keep the lock.
        connection.rollback()

    return engine


def driver(connection: AsyncConnection) -> inline.Connection:
    """The driver's own connection behind one that is in a transaction."""
    assert connection.sync_connection is not None
    own: inline.Connection = connection.sync_connection.connection.driver_connection  # type: ignore[assignment]
    return own


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite+aiosqlite:///{path}"


@dataclass(slots=True)
class _Group:
    connection: AsyncConnection
    committed: "asyncio.Task[None] | None" = None


class SharedCommit:
    """Writing transactions over one SQLite file."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()
        self._group: _Group | None = None
        self._commits: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A writing transaction, which is on the disk at the end. Raises Conflict."""
        async with self._turn:
            group = self._group or await self._begin()
            try:
                async with group.connection.begin_nested():
                    yield group.connection
            finally:
                if group.connection.invalidated and self._group is group:
                    self._group = None  # cancelled during a statement: the next writer starts a new transaction
        assert group.committed is not None
        await asyncio.shield(group.committed)

    async def close(self) -> None:
        """Wait for the commits in progress."""
        if self._commits:
            await asyncio.wait(self._commits)

    async def _begin(self) -> _Group:
        connection = await self._engine.connect()
        try:
            await connection.execution_options(**{WRITES: True})
            with translated():
                await connection.begin()
        except BaseException:
            await connection.close()
            raise
        group = _Group(connection)
        # It queues for its turn now: behind earlier writers, and before later ones.
        group.committed = asyncio.create_task(self._commit(group))
        self._commits.add(group.committed)
        group.committed.add_done_callback(self._done)
        self._group = group
        return group

    def _done(self, committed: asyncio.Task[None]) -> None:
        self._commits.discard(committed)
        if not committed.cancelled():
            committed.exception()  # a waiting writer has it; one that failed by itself does not look

    async def _commit(self, group: _Group) -> None:
        async with self._turn:
            if self._group is group:
                self._group = None
            try:
                with translated():
                    await group.connection.commit()
            finally:
                await group.connection.close()
