"""The schema's version: one server migrates a database to the newest one when it opens it.

A new SQLite file gets the newest schema from one text: to go through all migrations takes twenty times as long, and
most of the first command's wait.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from atoll.store import locks
from atoll.store.address import DatabaseError

HEAD = "0007"
"""The newest schema; a test holds it against the migrations."""
NEWEST = Path(__file__).parent / "migrations" / "newest.sqlite.sql"
"""What the migrations make of an empty SQLite file, as `python -m tests.store.schemas` writes it."""
BETWEEN = ";\n\n"
"""Between two of its statements."""


def version(connection: Connection) -> str | None:
    """The schema's version, None in an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def migrate(connection: Connection, place: str) -> None:
    """Migrate the database to the newest schema within the writing transaction of `connection`.

    Raises DatabaseError where it is of a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": locks.MIGRATION})
    found = version(connection)  # another server may have been quicker
    if found == HEAD:
        return
    if found is None and connection.dialect.name == "sqlite" and _empty(connection):
        create(connection)
        return
    from atoll.store import migrations

    if found is not None and found not in migrations.revisions():
        raise DatabaseError(
            f"the database {place} is of a newer Atoll (schema {found}, this one knows {HEAD}): "
            "use that Atoll, or another database"
        )
    migrations.upgrade(connection)
    if connection.dialect.name == "sqlite":
        _check_keys(connection, place)


def create(connection: Connection) -> None:
    """Give an empty SQLite database the newest schema, within the caller's transaction."""
    for statement in NEWEST.read_text().split(BETWEEN):
        connection.exec_driver_sql(statement)


def _empty(connection: Connection) -> bool:
    return not inspect(connection).get_table_names()


def _check_keys(connection: Connection, place: str) -> None:
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise DatabaseError(f"the database {place} has rows that refer to none: it is damaged, restore a backup")
