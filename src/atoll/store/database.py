"""The database: opening and migrating it, and the transactions over it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool

from atoll.model.system_error import error_words
from atoll.store import postgresql, schema, sqlite
from atoll.store.address import DatabaseError, database_url, place
from atoll.store.connection import Connection, Direct
from atoll.store.errors import translated
from atoll.store.schema import HEAD
from atoll.store.sqlite import SharedCommit, sqlite_url
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

__all__ = ["HEAD", "Database", "DatabaseError", "open_database", "sqlite_url"]


class Database:
    """Transactions over one database; `looking` is another engine over it for looks, where they need one.

    `on_commit` is called after each write, here or on another server, for whoever waits for news; `on_due` for who
    looks after the queue, with the time at which work is due that a write here made due, or None after those of others.
    """

    def __init__(self, engine: AsyncEngine, now: Callable[[], datetime], looking: AsyncEngine | None = None) -> None:
        self._engine = engine
        self._looking = looking or engine
        self._now = now
        self._shared: SharedCommit | None = None
        self._listener: postgresql.Listener | None = None
        self._begin: Callable[[], AbstractAsyncContextManager[AsyncConnection]] = engine.begin
        self._direct: Callable[[AsyncConnection], Direct | None] = lambda connection: None
        self._reading: dict[str, object] = {}
        self.on_commit: Callable[[], None] = lambda: None
        self.on_due: Callable[[datetime | None], None] = lambda at: None
        if engine.dialect.name == "sqlite":
            self._shared = SharedCommit(engine)
            self._begin = self._shared.transaction
            self._direct = sqlite.driver
        else:
            self._listener = postgresql.Listener(engine, self._heard)
            self._reading = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    @property
    def shared(self) -> bool:
        """Whether several servers may work on it."""
        return self._listener is not None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A consistent, read-only transaction. Raises StoreUnavailable, StoreFault."""
        with translated():
            async with self._engine.connect() as connection:
                if self._reading:
                    await connection.execution_options(**self._reading)
                await connection.begin()
                yield Transaction(Connection(connection, self._direct(connection)), self._now())

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Transaction]:
        """Reads without a transaction: each statement may see a different state.

        On PostgreSQL no transaction is begun and ended: beside much work, each exchange takes as long as what is read.
        """
        with translated():
            connection = await self._looking.connect()
            try:
                yield Transaction(Connection(connection, self._direct(connection)), self._now())
            finally:
                await connection.close()  # exchanges nothing, so that it needs no task of its own

    @asynccontextmanager
    async def write(self, lease: Lease | None = None) -> AsyncIterator[Transaction]:
        """A writing transaction, fenced by `lease` when given. No call to a backend may be awaited inside.

        Raises LeaseLost when the lease is no longer the newest, Conflict when another transaction interfered, NotUnique
        when another record has the same name, and StoreFault for a bug; nothing is written then. StoreUnavailable
        leaves that unknown.
        """
        with translated():
            async with self._begin() as connection:
                transaction = Transaction(Connection(connection, self._direct(connection)), self._now())
                if lease is not None:
                    await transaction.work.check(lease)
                yield transaction
                await transaction.flush()
        if self._listener is not None:
            self._listener.notify()
        if transaction.work.soonest is not None:
            self.on_due(transaction.work.soonest)
        self.on_commit()

    async def close(self) -> None:
        """Close all connections."""
        if self._listener is not None:
            await self._listener.close()
        if self._shared is not None:
            await self._shared.close()
        await self._engine.dispose()
        await self._looking.dispose()

    def _heard(self) -> None:
        self.on_due(None)
        self.on_commit()


async def open_database(url: str, now: Callable[[], datetime]) -> Database:
    """Open the database at a URL, and bring it to the newest schema.

    Raises DatabaseError where it is of a newer version, damaged or cannot be reached.
    """
    address = database_url(url)
    try:
        await _prepare(address)
    except DBAPIError as error:
        raise DatabaseError(f"the database {place(address)} cannot be used: {error.orig}") from error
    except OSError as error:
        raise DatabaseError(f"the database {place(address)} cannot be reached: {error_words(error)}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "asyncpg":
            raise
        raise DatabaseError(f"the database {place(address)} cannot be used: {error}") from error
    if address.drivername.startswith("postgresql"):
        return Database(postgresql.pooled(address), now, postgresql.looking(address))
    return Database(sqlite.connect(address), now)


async def _prepare(address: URL) -> None:
    """Look at the schema, and migrate where it is not the newest, on a connection of its own."""
    if address.drivername.startswith("postgresql"):
        engine = postgresql.connect(address, poolclass=NullPool)
    else:
        engine = sqlite.connect(address, foreign_keys=False, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            found = await schema.version(connection)
        if found != schema.HEAD:
            async with engine.connect() as connection:
                await schema.migrate(connection, place(address))
    finally:
        await engine.dispose()
