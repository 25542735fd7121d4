"""SQLite: statements in line, one writer at a time, and one commit for all waiting writers.

SQLAlchemy's synchronous engine runs each statement on the event loop's thread: on a local file that takes less time
than a switch to another thread and back. What waits does not block the loop: a commit runs in a thread, and a statement
that meets another process's lock is retried.

A commit waits for the disk (`synchronous=FULL`: a recorded intent survives a power cut), and that takes ten times as
long as what is written. So the writers that queue while one writes join its transaction, each within a savepoint of its
own, and all of them continue once that commit is done. A writer that fails rolls back only its own part.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import URL, CursorResult, Engine, Executable, event
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from atoll.store.connection import Connection, Connections, Values
from atoll.store.errors import Conflict, StoreUnavailable, translated

BUSY_SECONDS = 10.0
"""How long another process, such as a backup, may hold the database."""
BUSY_PAUSE = 0.01
"""Seconds between two attempts to get a lock."""
BREATH = 0.005
"""Seconds that consecutive statements may take before they yield to other tasks."""
CONNECTIONS = 15
"""Transactions at a time."""
POOL_SECONDS = 30.0
"""How long a transaction may wait for a connection."""

_SPOILING = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_SPOILT = "spoilt"
"""Marks a connection whose disk failed: a file opened meanwhile may stay read-only, so it is not used again."""

T = TypeVar("T")


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite:///{path}"


def connect(address: URL, *, foreign_keys: bool = True, busy_seconds: float = 0, **options: Any) -> Engine:
    """An engine over one file. Tables are rebuilt, in migrations, with `foreign_keys` off.

    A statement blocks its thread for up to `busy_seconds` where another process holds a lock.
    """
    # We say BEGIN ourselves, and a commit runs in another thread.
    ours = {"isolation_level": None, "check_same_thread": False, "timeout": busy_seconds, "cached_statements": 512}
    engine = sa.create_engine(address, hide_parameters=True, connect_args=ours, **options)
    keys = "ON" if foreign_keys else "OFF"
    pragmas = ("journal_mode=WAL", "synchronous=FULL", f"foreign_keys={keys}")

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "handle_error")
    def _error(context: Any) -> None:
        in_statement = context.connection is not None and context.statement is not None
        if in_statement and _code(context.original_exception) in _SPOILING:
            context.connection.info[_SPOILT] = True

    @event.listens_for(engine, "checkin")
    def _checkin(_connection: Any, record: Any) -> None:
        if record.info.get(_SPOILT):
            record.invalidate()

    return engine


def _code(error: BaseException | None) -> int:
    """SQLite's primary result code (sqlite.org/rescode.html); 0 where it is no error of SQLite."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


@contextmanager
def upgrading(address: URL) -> Iterator[sa.Connection]:
    """A connection that may rebuild tables; for threads, as it waits for locks."""
    engine = connect(address, foreign_keys=False, busy_seconds=BUSY_SECONDS, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


class _Patience:
    """Runs statements in line: it yields to other tasks now and then, and while a lock is held."""

    def __init__(self) -> None:
        self._gave_way = 0.0

    async def run(self, work: Callable[[], T]) -> T:
        """Retry `work` until its lock is free. Raises OperationalError after a time limit."""
        begins = monotonic()
        if begins - self._gave_way > BREATH:
            await asyncio.sleep(0)
            self._gave_way = begins = monotonic()
        while True:
            try:
                return work()
            except DBAPIError as error:
                if _code(error.orig) != sqlite3.SQLITE_BUSY or monotonic() - begins >= BUSY_SECONDS:
                    raise
            await asyncio.sleep(BUSY_PAUSE)


class SqliteConnection(Connection):
    """Statements of one transaction, in line."""

    def __init__(self, connection: sa.Connection, patience: _Patience) -> None:
        self._sync = connection
        self._patience = patience

    @property
    def dialect(self) -> Dialect:
        """SQLite's."""
        return self._sync.dialect

    async def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement."""
        return await self._patience.run(lambda: self._sync.execute(statement, values))

    async def change_all(self, statement: Executable, rows: Sequence[Values]) -> None:
        """Run a statement without rows for each of `rows`."""
        if rows:
            await self._patience.run(lambda: self._sync.execute(statement, rows))


@dataclass(slots=True)
class _Group:
    connection: sa.Connection
    committed: "asyncio.Task[None] | None" = None


class SqliteConnections(Connections):
    """The connections of one file."""

    def __init__(self, address: URL) -> None:
        self._engine = connect(address, pool_size=CONNECTIONS, max_overflow=0)
        self._patience = _Patience()
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._turn = asyncio.Lock()
        self._group: _Group | None = None
        self._commits: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The file's URL."""
        return self._engine.url.render_as_string()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A transaction that reads the state of one moment."""
        async with self._connection() as connection:
            await self._begin(connection, "BEGIN")
            yield SqliteConnection(connection, self._patience)

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Connection]:
        """Statements outside a transaction."""
        async with self._connection() as connection:
            yield SqliteConnection(connection, self._patience)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """A writing transaction, which is on the disk at the end. Raises Conflict."""
        async with self._turn:
            group = self._group or await self._new_group()
            with group.connection.begin_nested():
                yield SqliteConnection(group.connection, self._patience)
        assert group.committed is not None
        await asyncio.shield(group.committed)

    async def close(self) -> None:
        """Wait for the commits in progress, and close all connections."""
        if self._commits:
            await asyncio.wait(self._commits)
        self._engine.dispose()
        self._disk.shutdown()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[sa.Connection]:
        """A connection, which is rolled back at the end. Raises StoreUnavailable where none becomes free."""
        try:
            async with asyncio.timeout(POOL_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise StoreUnavailable("no connection to the database became free in time") from None
        try:
            with await self._patience.run(self._engine.connect) as connection:
                yield connection
        finally:
            self._free.release()

    async def _begin(self, connection: sa.Connection, how: str) -> None:
        await self._patience.run(lambda: connection.exec_driver_sql(how))

    async def _new_group(self) -> _Group:
        """A transaction that writers join until its commit has its turn."""
        context = self._connection()
        connection = await context.__aenter__()
        try:
            with translated():
                await self._begin(connection, "BEGIN IMMEDIATE")
        except BaseException:
            await context.__aexit__(None, None, None)
            raise
        group = _Group(connection)

        async def commit() -> None:
            try:
                await self._commit(group)
            finally:
                await context.__aexit__(None, None, None)

        # It queues for its turn now: behind earlier writers, and before later ones.
        group.committed = asyncio.create_task(commit())
        self._commits.add(group.committed)
        group.committed.add_done_callback(self._done)
        self._group = group
        return group

    def _done(self, committed: asyncio.Task[None]) -> None:
        self._commits.discard(committed)
        if not committed.cancelled():
            committed.exception()  # a waiting writer has it; one that failed by itself does not look

    async def _commit(self, group: _Group) -> None:
        """Commits in a thread. The commit has succeeded or failed when this returns, even on cancellation."""
        async with self._turn:
            if self._group is group:
                self._group = None
            driver: Any = group.connection.connection.driver_connection
            if not driver.in_transaction:  # SQLite rolls back the whole transaction after some errors of the disk
                raise Conflict("the transaction was lost before its end")
            committing = asyncio.get_running_loop().run_in_executor(self._disk, group.connection.commit)
            with translated():
                try:
                    await asyncio.shield(committing)
                except asyncio.CancelledError:
                    await asyncio.wait([committing])
                    raise
