"""SQLite in memory without threads: every statement runs in line, so that a simulation is quick and always the same.

`MemoryEngine` has the face of SQLAlchemy's `AsyncEngine` as far as `Database` uses it. One connection serves all:
a transaction runs through without giving way to another task, which is what one writer means. A transaction that does
give way (to a cloud, say) is found by the next one to begin.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import URL, Connection, CursorResult, Executable, StaticPool, create_engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from atoll.store import schema
from atoll.store.connection import Direct
from atoll.store.database import Database

T = TypeVar("T")


class MemoryConnection:
    """One transaction's statements; as `Direct`, those that are prepared."""

    def __init__(self, connection: Connection, raw: sqlite3.Connection) -> None:
        self._connection = connection
        self._raw = raw
        self.dialect = connection.dialect

    async def begin(self) -> None:
        """Begun it is already."""

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement."""
        return self._connection.execute(statement, parameters)

    async def run(self, sql: str, values: Sequence[Any], many: bool = False) -> sqlite3.Cursor:
        """As `Direct.run`."""
        return self._raw.executemany(sql, values) if many else self._raw.execute(sql, values)

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the connection itself."""
        return work(self._connection)


class MemoryEngine:
    """Transactions over the one database of this process; `fresh` makes it new."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None, cached_statements=512)
        self.open = False
        engine = create_engine("sqlite://", creator=lambda: self.raw, poolclass=StaticPool, query_cache_size=2000)
        with engine.begin() as connection:
            schema.create(connection)
        # One connection for ever, which leaves BEGIN and COMMIT to us: opening one takes longer than most statements.
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self.statements = MemoryConnection(self._connection, self.raw)
        named = self.raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        select = {table: f"SELECT * FROM {table}" for (table,) in named}  # noqa: S608 - our own tables
        self._first_rows = {table: self.raw.execute(query).fetchall() for table, query in select.items()}

    def fresh(self) -> None:
        """A database with the newest schema and nothing else."""
        self.open = False
        if self.raw.in_transaction:
            self.raw.rollback()
        # Rows are removed and tables stay: statements would have to be prepared again for new tables.
        for table, rows in self._first_rows.items():
            self.raw.execute(f"DELETE FROM {table}")  # noqa: S608
            for row in rows:
                places = ", ".join("?" * len(row))
                self.raw.execute(f"INSERT INTO {table} VALUES ({places})", row)  # noqa: S608

    def typed(self) -> AsyncEngine:
        """This engine, as the type that `Database` names."""
        return cast(AsyncEngine, self)

    @property
    def dialect(self) -> Any:
        """SQLite's."""
        return self._connection.dialect

    @property
    def url(self) -> URL:
        """Where it is."""
        return self._connection.engine.url

    def direct(self, connection: AsyncConnection) -> Direct:
        """The driver behind one of these connections."""
        return cast(MemoryConnection, connection)

    def connect(self) -> "MemoryTransaction":
        """Reads, each by itself: no write comes between them."""
        return MemoryTransaction(self, commits=False)

    def begin(self) -> "MemoryTransaction":
        """A transaction that is kept at its end, unless an exception ends it."""
        return MemoryTransaction(self, commits=True)

    async def dispose(self) -> None:
        """The database is the process's own: it stays."""


class MemoryDatabase(Database):
    """The database of an engine in memory."""

    def __init__(self, engine: MemoryEngine, now: Callable[[], datetime]) -> None:
        super().__init__(engine.typed(), now)
        # Each transaction is committed by itself: in line no other transaction shares a commit.
        self._begin = engine.typed().begin
        self._shared = None
        self._direct = engine.direct


class MemoryTransaction:
    """What `connect` and `begin` of an engine give."""

    def __init__(self, engine: MemoryEngine, *, commits: bool) -> None:
        self._engine = engine
        self._commits = commits

    async def __aenter__(self) -> MemoryConnection:
        engine = self._engine
        assert not engine.open, "a transaction gave way to another task: it awaits something other than the database"
        engine.open = True
        if self._commits:
            engine.raw.execute("BEGIN")
        return engine.statements

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        engine = self._engine
        engine.open = False
        if self._commits and error is None:
            engine.raw.execute("COMMIT")
        elif engine.raw.in_transaction:
            engine.raw.execute("ROLLBACK")


@cache
def memory_engine() -> MemoryEngine:
    """The process's own in-memory database: statements are compiled once for all simulations."""
    return MemoryEngine()
