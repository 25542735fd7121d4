"""SQLite in memory without threads: every statement runs in line, so that a simulation is quick and always the same.

`MemoryEngine` has the face of SQLAlchemy's `AsyncEngine` as far as `Database` uses it. One connection serves everybody:
a transaction runs through without giving way to another task, which is what one writer means. A transaction that does
give way (to a cloud, say) is found by whoever begins next.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import URL, Connection, CursorResult, Engine, Executable, StaticPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine

from atoll.store import migrations

T = TypeVar("T")


class MemoryConnection:
    """One transaction's statements."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement."""
        return self._connection.execute(statement, parameters)

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the connection itself."""
        return work(self._connection)


class MemoryEngine:
    """Transactions over the one database of this process; `fresh` makes it new."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None, cached_statements=512)
        self._engine = _engine(self.raw)
        self._open = False
        with self._engine.begin() as connection:
            migrations.upgrade(connection)
        self._empty = self.raw.serialize()

    def fresh(self) -> None:
        """A database with the newest schema and nothing else."""
        self._open = False
        if self.raw.in_transaction:
            self.raw.rollback()
        self.raw.deserialize(self._empty)

    def typed(self) -> AsyncEngine:
        """This engine, as the type that `Database` names."""
        return cast(AsyncEngine, self)

    @property
    def dialect(self) -> Any:
        """SQLite's."""
        return self._engine.dialect

    @property
    def url(self) -> URL:
        """Where it is."""
        return self._engine.url

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[MemoryConnection]:
        """A transaction that is undone at its end."""
        async with self._transaction(commits=False) as connection:
            yield connection

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryConnection]:
        """A transaction that is kept at its end, unless an exception ends it."""
        async with self._transaction(commits=True) as connection:
            yield connection

    async def dispose(self) -> None:
        """The database is the process's own: it stays."""

    @asynccontextmanager
    async def _transaction(self, *, commits: bool) -> AsyncIterator[MemoryConnection]:
        assert not self._open, "a transaction gave way to another task: it awaits something other than the database"
        self._open = True
        try:
            with self._engine.connect() as connection:
                yield MemoryConnection(connection)
                if commits:
                    connection.commit()
        finally:
            self._open = False


@cache
def memory_engine() -> MemoryEngine:
    """The process's own in-memory database: statements are compiled once for all simulations."""
    return MemoryEngine()


def _engine(raw: sqlite3.Connection) -> Engine:
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool, query_cache_size=2000)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
