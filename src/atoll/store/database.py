"""The database: opening and migrating it, and the transactions over it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from atoll.model.system_error import error_words
from atoll.store import schema, sqlite
from atoll.store.address import DatabaseError, database_url, place
from atoll.store.connection import Connections
from atoll.store.errors import translated
from atoll.store.schema import HEAD
from atoll.store.sqlite import sqlite_url
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

__all__ = ["HEAD", "Database", "DatabaseError", "open_database", "sqlite_url"]


class Database:
    """Transactions over one database.

    `on_commit` is called after each write, here or on another server, for those that wait for news; `on_due` for what
    works off the queue, with the time at which work is due that a write here made due, or None after those of others.
    """

    def __init__(self, connections: Connections, now: Callable[[], datetime]) -> None:
        self.connections = connections
        self._now = now
        self.on_commit: Callable[[], None] = lambda: None
        self.on_due: Callable[[datetime | None], None] = lambda at: None
        connections.follow(self._others_committed)

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self.connections.url

    @property
    def shared(self) -> bool:
        """Whether several servers may work on it."""
        return self.connections.shared

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A consistent, read-only transaction. Raises StoreUnavailable, StoreFault."""
        with translated():
            async with self.connections.read() as connection:
                yield Transaction(connection, self._now())

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Transaction]:
        """Reads without a transaction: each statement may see a different state."""
        with translated():
            async with self.connections.look() as connection:
                yield Transaction(connection, self._now())

    @asynccontextmanager
    async def write(self, lease: Lease | None = None) -> AsyncIterator[Transaction]:
        """A writing transaction, fenced by `lease` when given. No call to a backend may be awaited inside.

        Raises LeaseLost when the lease is no longer the newest, Conflict when another transaction interfered, NotUnique
        when another record has the same name, and StoreFault for a bug; nothing is written then. StoreUnavailable
        leaves that unknown.
        """
        with translated():
            async with self.connections.write() as connection:
                transaction = Transaction(connection, self._now())
                if lease is not None:
                    await transaction.work.check(lease)
                yield transaction
                await transaction.flush()
        self.connections.announce()
        if transaction.work.soonest is not None:
            self.on_due(transaction.work.soonest)
        self.on_commit()

    async def close(self) -> None:
        """Close all connections."""
        await self.connections.close()

    def _others_committed(self) -> None:
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
        from atoll.store.postgresql import PostgresqlConnections

        return Database(PostgresqlConnections(address), now)
    return Database(sqlite.SqliteConnections(address), now)


async def _prepare(address: URL) -> None:
    """Look at the schema, and migrate where it is not the newest, on a connection of its own."""
    if not address.drivername.startswith("postgresql"):
        await asyncio.to_thread(_prepare_file, address)
        return
    from atoll.store import postgresql

    engine = postgresql.connect(address, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(schema.version)
        if found != schema.HEAD:
            async with engine.begin() as connection:
                await connection.run_sync(schema.migrate, place(address))
    finally:
        await engine.dispose()


def _prepare_file(address: URL) -> None:
    with sqlite.upgrading(address) as connection:
        found = schema.version(connection)
    if found != schema.HEAD:
        with sqlite.upgrading(address) as connection, connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            schema.migrate(connection, place(address))
