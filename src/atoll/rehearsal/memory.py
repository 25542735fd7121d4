"""SQLite in memory without threads: every statement runs in line, so that a simulation is quick and always the same.

One connection serves all: a transaction runs through without giving way to another task, which is what one writer
means. A transaction that does give way (to a cloud, say) is found by the next one to begin.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache

import sqlalchemy as sa
from sqlalchemy import CursorResult, Executable, StaticPool, create_engine
from sqlalchemy.engine import Dialect

from atoll.store import schema
from atoll.store.connection import Connection, Connections, Values


class MemoryConnection(Connection):
    """Statements in line."""

    def __init__(self, connection: sa.Connection) -> None:
        self._sync = connection
        self._dialect = connection.dialect

    @property
    def dialect(self) -> Dialect:
        """SQLite's."""
        return self._dialect

    async def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[*tuple[object, ...]]:
        """Run a statement."""
        return self._sync.execute(statement, values)

    async def change_all(self, statement: Executable, rows: Sequence[Values]) -> None:
        """Run a statement without rows for each of `rows`."""
        if rows:
            self._sync.execute(statement, rows)


class MemoryEngine(Connections):
    """Transactions over the one database of this process; `fresh` makes it new."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None, cached_statements=512)
        self.open = False
        engine = create_engine("sqlite://", creator=lambda: self.raw, poolclass=StaticPool, query_cache_size=2000)
        with engine.begin() as connection:
            schema.create(connection)
        # One connection for ever, which leaves BEGIN and COMMIT to us: opening one takes longer than most statements.
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._statements = MemoryConnection(self._connection)
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

    @property
    def url(self) -> str:
        """Where it is."""
        return self._connection.engine.url.render_as_string()

    def read(self) -> "_Transaction":
        """A transaction that reads: no write comes between its statements."""
        return _Transaction(self, commits=False)

    def look(self) -> "_Transaction":
        """As `read`."""
        return self.read()

    def write(self) -> "_Transaction":
        """A transaction that is kept at its end, unless an exception ends it."""
        return _Transaction(self, commits=True)

    async def close(self) -> None:
        """The database is the process's own: it stays."""

    def begin(self, commits: bool) -> MemoryConnection:
        """The statements of a transaction that begins."""
        assert not self.open, "a transaction gave way to another task: it awaits something other than the database"
        self.open = True
        if commits:
            self.raw.execute("BEGIN")
        return self._statements

    def end(self, kept: bool) -> None:
        """End the transaction, with what it wrote where it is to be `kept`."""
        self.open = False
        if self.raw.in_transaction:
            self.raw.execute("COMMIT" if kept else "ROLLBACK")


class _Transaction(AbstractAsyncContextManager[Connection]):
    """What `read` and `write` of an engine return."""

    def __init__(self, engine: MemoryEngine, *, commits: bool) -> None:
        self._engine = engine
        self._commits = commits

    async def __aenter__(self) -> MemoryConnection:
        return self._engine.begin(self._commits)

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._engine.end(self._commits and error is None)


@cache
def memory_engine() -> MemoryEngine:
    """The process's own in-memory database: statements are compiled once for all simulations."""
    return MemoryEngine()
