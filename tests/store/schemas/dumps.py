"""Databases to text and back, and rows for every table."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from atoll.store import migrations
from atoll.store.address import database_url
from atoll.store.schema import BETWEEN
from atoll.store.sqlite import sqlite_url
from atoll.testing.postgresql import Cluster

T = TypeVar("T")

SCHEMAS = Path(__file__).parent
_STATES = {"fleets": "active", "instances": "active", "volumes": "available", "attachments": "attached",
           "closures": "active",
    "runs": "running", "jobs": "running"}  # fmt: skip
_VALUES: dict[str, Any] = {
    "project": "main", "kind": "fleet", "zone_kind": "availability-zone", "market": "spot", "deleted_at": None,
    "config": {"nodes": 2}, "volumes": ["data"], "instance_type": {"name": "m", "cpus": 2, "memory_gb": 8},
    "role": "user", "operation": "cordon",
}  # fmt: skip
_TIME = "%Y-%m-%d %H:%M:%S.%f"
_NOISE = ("SET ", "--", "\\", "SELECT pg_catalog.set_config", "CREATE SCHEMA", "COMMENT ON")


class Dumped(Protocol):
    """A database of one kind."""

    kind: str

    @property
    def url(self) -> str:
        """Its URL."""

    def text(self) -> str:
        """All of it as SQL."""

    def load(self, text: str) -> None:
        """Make it from SQL."""


class SqliteDump:
    """A file."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = sqlite_url(path)

    def text(self) -> str:
        connection = sqlite3.connect(self.path)
        try:
            return "\n".join(connection.iterdump()) + "\n"
        finally:
            connection.close()

    def load(self, text: str) -> None:
        connection = sqlite3.connect(self.path)
        try:
            connection.executescript(text)
        finally:
            connection.close()


class PostgresqlDump:
    """A new database on a private server."""

    kind = "postgresql"

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name
        self.url = cluster.database(name)

    def text(self) -> str:
        whole = self._cluster.program("pg_dump", "--inserts", "--no-owner", "--no-privileges", self._name)
        return "\n".join(line for line in whole.splitlines() if line and not line.startswith(_NOISE)) + "\n"

    def load(self, text: str) -> None:
        self._cluster.sql(text, self._name)


async def run_on(url: str, work: Callable[[sa.Connection], T]) -> T:
    """Runs `work` in a transaction of a database of either kind."""
    address = database_url(url)
    if address.drivername == "sqlite":
        file = sa.create_engine(address, poolclass=NullPool)
        with file.begin() as connection:
            return work(connection)
    engine = create_async_engine(address, poolclass=NullPool)
    try:
        async with engine.begin() as asynchronous:
            return await asynchronous.run_sync(work)
    finally:
        await engine.dispose()


async def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""

    def rows(connection: sa.Connection) -> dict[str, list[dict[str, Any]]]:
        return {
            table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for table in _tables(connection).sorted_tables
        }

    return await run_on(url, rows)


def newest() -> str:
    """What the migrations make of an empty SQLite database: its statements, with the time at which they are run.

    Indexes are sorted by name: Alembic makes those of a table in no fixed order.
    """
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as connection:
        migrations.upgrade(connection)
        now = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
        connection.execute(sa.text("UPDATE users SET created_at = :now"), {"now": f"{now:{_TIME}}"})
        raw: Any = connection.connection.driver_connection
        statements = [line.removesuffix(";") for line in raw.iterdump()][1:-1]  # without BEGIN and COMMIT
    engine.dispose()
    statements.sort(key=lambda statement: (" INDEX " in statement, statement * (" INDEX " in statement)))
    whole = BETWEEN.join(statements).replace(f"'{now:{_TIME}}'", "strftime('%Y-%m-%d %H:%M:%f000', 'now')")
    return "\n".join(line.rstrip() for line in whole.splitlines())


def fill(dump: Dumped) -> None:
    """The newest schema with rows in every table: those of the former schema's file, and more where it has none."""
    import asyncio

    former = sorted(path for path in SCHEMAS.glob(f"*.{dump.kind}.sql"))
    if former:
        dump.load(former[-1].read_text())
    asyncio.run(run_on(dump.url, _fill))


def _fill(connection: sa.Connection) -> None:
    migrations.upgrade(connection)
    for table in _tables(connection).sorted_tables:
        rows = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
        if (rows or 0) < 2 and table.name != "alembic_version":
            connection.execute(sa.insert(table), [_row(table, number) for number in (1, 2)])


def _tables(connection: sa.Connection) -> sa.MetaData:
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return metadata


def _row(table: sa.Table, number: int) -> dict[str, Any]:
    return {column.name: _value(table.name, column, number) for column in table.columns if column.name != "seq"}


def _value(table: str, column: sa.Column[Any], number: int) -> Any:
    if column.name == "state":
        return _STATES[table]
    kind = column.type
    named = column.name in _VALUES and not (column.name == "project" and column.primary_key)
    if isinstance(kind, sa.JSON) or (named and not isinstance(_VALUES[column.name], dict)):
        return _VALUES[column.name]
    if isinstance(kind, sa.Boolean):
        return number == 1
    if isinstance(kind, sa.Integer | sa.Float):
        return number
    if isinstance(kind, sa.DateTime):
        return datetime(2026, 11, 24, 10, number, tzinfo=UTC)
    return b"line\n" if isinstance(kind, sa.LargeBinary) else f"{column.name}-{number}"
