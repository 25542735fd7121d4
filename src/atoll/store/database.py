"""The database: opening and migrating it, and the transactions over it.

SQLite in WAL mode has one writer, so writers of this process queue on a lock instead of failing on a busy database.
`synchronous=FULL`: a recorded intent survives a power cut.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from atoll.store.transaction import Transaction
from atoll.store.work import Lease

HEAD = "0002"
"""The newest schema; a test holds it against the migrations."""


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class Database:
    """Transactions over one database. `on_commit` is called after each write, for whoever waits for news."""

    def __init__(self, engine: AsyncEngine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now
        self._writer = asyncio.Lock()
        self.on_commit: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A consistent view that writes nothing."""
        async with self._engine.connect() as connection:
            yield Transaction(connection, self._now())

    @asynccontextmanager
    async def write(self, lease: Lease | None = None) -> AsyncIterator[Transaction]:
        """A writing transaction, fenced by `lease` when given. No call to a backend may be awaited inside.

        Raises LeaseLost when the lease is no longer the newest.
        """
        async with self._writer, self._engine.begin() as connection:
            transaction = Transaction(connection, self._now())
            if lease is not None:
                await transaction.work.check(lease)
            yield transaction
        self.on_commit()

    async def close(self) -> None:
        """Let go of all connections."""
        await self._engine.dispose()


async def open_database(url: str, now: Callable[[], datetime]) -> Database:
    """Open the database at an SQLAlchemy URL, and bring it to the newest schema.

    Raises DatabaseError where it is of a newer version, damaged or cannot be reached.
    """
    engine = create_async_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    try:
        await _migrate(engine, url)
    except (DBAPIError, OSError) as error:
        await engine.dispose()
        cause = error.orig if isinstance(error, DBAPIError) else error
        place = engine.url.database if engine.dialect.name == "sqlite" else engine.url.render_as_string()
        raise DatabaseError(f"the database {place} cannot be used: {cause}") from error
    except DatabaseError:
        await engine.dispose()
        raise
    return Database(engine, now)


async def _migrate(engine: AsyncEngine, url: str) -> None:
    version = await _version(engine)
    if version == HEAD:
        return
    from atoll.store import migrations

    if version is not None and version not in migrations.revisions():
        raise DatabaseError(
            f"the database {engine.url.database} is of a newer Atoll (schema {version}, this one knows {HEAD}): "
            "use that Atoll, or another data folder"
        )
    async with engine.begin() as connection:
        await connection.run_sync(migrations.upgrade)


async def _version(engine: AsyncEngine) -> str | None:
    async with engine.connect() as connection:
        try:
            return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
        except DBAPIError as error:
            missing = isinstance(error, OperationalError) and "no such table" in str(error)
            if missing or "does not exist" in str(error):
                return None
            raise


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite+aiosqlite:///{path}"
