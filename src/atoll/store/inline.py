"""SQLite on the event loop's own thread, for SQLAlchemy's asyncio dialect.

A statement on a local file takes about twenty microseconds; handing it to a thread and waiting for the result takes ten
times as long, and a statement needs four such round trips. So statements run on the loop's thread. The commit, which
waits for the disk, runs in a thread; a wait for another process's lock yields to other tasks.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, TypeVar

BUSY_SECONDS = 10.0
"""How long another process, such as a backup, may hold the database."""
BUSY_PAUSE = 0.01
"""Seconds between two attempts to get a lock."""
BREATH = 0.005
"""Seconds that consecutive statements may take before they yield to other tasks."""

_SPOILING = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}

T = TypeVar("T")


class Cursor:
    """One statement and its rows."""

    def __init__(self, connection: "Connection", raw: sqlite3.Cursor) -> None:
        self._connection = connection
        self._raw = raw
        self.arraysize = raw.arraysize

    async def __aenter__(self) -> "Cursor":
        return self

    @property
    def description(self) -> Any:
        """The columns, after a statement that has rows."""
        return self._raw.description

    @property
    def rowcount(self) -> int:
        """The number of changed rows."""
        return self._raw.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The last row that was inserted."""
        return self._raw.lastrowid

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""
        await self._connection.patiently(lambda: self._raw.execute(statement, parameters))

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of `parameters`."""
        await self._connection.patiently(lambda: self._raw.executemany(statement, parameters))

    async def fetchall(self) -> list[Any]:
        """Returns all remaining rows."""
        return self._raw.fetchall()

    async def close(self) -> None:
        """Closes the statement."""
        self._raw.close()


class Connection:
    """One connection. Used by one task at a time, as SQLAlchemy does."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._connection = raw  # SQLAlchemy looks whether there is one, by this name
        self._disk: ThreadPoolExecutor | None = None
        self._gave_way = 0.0
        self.spoilt = False
        """The disk failed: a file that was opened meanwhile may stay read-only, so the connection is not used again."""

    def cursor(self) -> Cursor:
        """A new cursor."""
        return Cursor(self, self._connection.cursor())

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        """Register an SQL function."""
        self._connection.create_function(*arguments, **options)

    async def run(self, sql: str, values: Sequence[Any], many: bool = False) -> sqlite3.Cursor:
        """Run one statement, or with `many` the same one for each of `values`. Raises sqlite3.Error."""
        work = self._connection.executemany if many else self._connection.execute
        return await self.patiently(lambda: work(sql, values))

    async def commit(self) -> None:
        """Commits in a thread. The commit has succeeded or failed when this returns, even on cancellation."""
        if not self._connection.in_transaction:
            return
        if self._disk is None:
            self._disk = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        done = asyncio.get_running_loop().run_in_executor(self._disk, self._connection.commit)
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait([done])
            raise

    async def rollback(self) -> None:
        """Undo what is not committed."""
        self._connection.rollback()

    async def close(self) -> None:
        """Closes the file."""
        self.stop()

    def stop(self) -> None:
        """Closes the file, also outside of any task."""
        if self._disk is not None:
            self._disk.shutdown()
        self._connection.close()

    async def patiently(self, work: Callable[[], T]) -> T:
        """Retry `work` until its lock is free. Raises sqlite3.OperationalError after a time limit."""
        begins = monotonic()
        if begins - self._gave_way > BREATH:
            await asyncio.sleep(0)
            self._gave_way = begins = monotonic()
        while True:
            try:
                return work()
            except sqlite3.OperationalError as error:
                code = error.sqlite_errorcode & 0xFF
                self.spoilt = self.spoilt or code in _SPOILING
                if code != sqlite3.SQLITE_BUSY or monotonic() - begins >= BUSY_SECONDS:
                    raise
            await asyncio.sleep(BUSY_PAUSE)


async def connect(path: str, **options: Any) -> Connection:
    """Open a database file."""
    # We say BEGIN ourselves, a commit runs in another thread, and waits for a lock happen in `patiently`.
    ours: dict[str, Any] = {"isolation_level": None, "check_same_thread": False, "timeout": 0, "cached_statements": 512}
    return Connection(sqlite3.connect(path, **options | ours))
