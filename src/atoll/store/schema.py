"""The schema's version: one server migrates a database to the newest one when it opens it.

A new SQLite file gets the newest schema from one text: to go through all migrations takes twenty times as long, and
most of the first command's wait.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.store.address import DatabaseError
from atoll.store.postgresql import MIGRATION_LOCK
from atoll.store.sqlite import WRITES

HEAD = "0006"
"""The newest schema; a test holds it against the migrations."""
NEWEST = Path(__file__).parent / "migrations" / "newest.sqlite.sql"
"""What the migrations make of an empty SQLite file, as `python -m tests.store.schemas` writes it."""
BETWEEN = ";\n\n"
"""Between two of its statements."""


async def version(connection: AsyncConnection) -> str | None:
    """The schema's version, None in an empty database."""
    if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
        return None
    found: str | None = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    return found


async def migrate(connection: AsyncConnection, place: str) -> None:
    """Migrate the database behind a fresh connection to the newest schema, atomically.

    Raises DatabaseError where it is of a newer version.
    """
    await connection.execution_options(**{WRITES: True})
    async with connection.begin():
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        found = await version(connection)  # another server may have been quicker
        if found == HEAD:
            return
        if found is None and connection.dialect.name == "sqlite" and await connection.run_sync(_empty):
            await connection.run_sync(create)
            return
        from atoll.store import migrations

        if found is not None and found not in migrations.revisions():
            raise DatabaseError(
                f"the database {place} is of a newer Atoll (schema {found}, this one knows {HEAD}): "
                "use that Atoll, or another database"
            )
        await connection.run_sync(migrations.upgrade)
        if connection.dialect.name == "sqlite":
            await connection.run_sync(_check_keys, place)


def create(connection: Connection) -> None:
    """Give an empty SQLite database the newest schema, within the caller's transaction."""
    for statement in NEWEST.read_text().split(BETWEEN):
        connection.exec_driver_sql(statement)


def _empty(connection: Connection) -> bool:
    return not inspect(connection).get_table_names()


def _check_keys(connection: Connection, place: str) -> None:
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise DatabaseError(f"the database {place} has rows that refer to none: it is damaged, restore a backup")
