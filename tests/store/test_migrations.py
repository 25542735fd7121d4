"""Migrations, over both databases: from every released schema, wholly or not at all, by one server alone."""

import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from atoll.model.endpoint import UnixSocket
from atoll.model.records import Fleet, Instance, Kind, Run
from atoll.store import migrations, schema
from atoll.store.database import HEAD, DatabaseError, open_database, sqlite_url
from atoll.store.tables import TABLES, metadata
from tests.store.schemas.dumps import SCHEMAS, Dumped, PostgresqlDump, SqliteDump, newest, rows_of, run_on

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
KINDS = ("sqlite", "postgresql")
RELEASED = sorted({path.name.partition(".")[0] for path in SCHEMAS.glob("*.sql")})
DROPPED = {("fleets", "replaces"), ("instances", "agent_url")}
"""Columns that the newest release no longer has."""
BROKEN = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade():
    op.create_table("half", sa.Column("id", sa.String(), primary_key=True))
    with op.batch_alter_table("fleets") as batch:
        batch.add_column(sa.Column("half", sa.String()))
    op.execute("UPDATE fleets SET message = 'half'")
    op.execute("SELECT no_such_function()")
"""


@pytest.fixture(params=KINDS)
def dump(request: pytest.FixtureRequest, tmp_path: Path) -> Dumped:
    """An empty database."""
    if request.param == "sqlite":
        return SqliteDump(tmp_path / "atoll.db")
    return PostgresqlDump(request.getfixturevalue("postgresql"), f"migrated_{secrets.token_hex(6)}")


async def migrate(url: str) -> None:
    database = await open_database(url, lambda: NOW)
    await database.close()


def test_every_schema_up_to_the_newest_is_kept_for_both_databases() -> None:
    assert sorted(migrations.revisions()) == RELEASED
    assert {path.name for path in SCHEMAS.glob("*.sql")} == {
        f"{name}.{kind}.sql" for name in RELEASED for kind in KINDS
    }


@pytest.mark.parametrize("released", RELEASED)
async def test_a_database_of_a_released_schema_comes_to_the_newest_with_its_data(dump: Dumped, released: str) -> None:
    dump.load((SCHEMAS / f"{released}.{dump.kind}.sql").read_text())
    before = await rows_of(dump.url)
    assert all(before.values())
    assert before.pop("alembic_version") == [{"version_num": released}]
    await migrate(dump.url)
    after = await rows_of(dump.url)
    assert after["alembic_version"] == [{"version_num": HEAD}]
    for table, rows in before.items():
        names = [name for name in rows[0] if (table, name) not in DROPPED]
        kept = [{name: row[name] for name in names} for row in after[table]]
        assert all({name: row[name] for name in names} in kept for row in rows), table


@pytest.mark.parametrize("released", RELEASED)
async def test_records_of_a_released_schema_are_read_reconciled_and_shown(dump: Dumped, released: str) -> None:
    dump.load((SCHEMAS / f"{released}.{dump.kind}.sql").read_text())
    database = await open_database(dump.url, lambda: NOW)
    try:
        async with database.write() as tx:
            found = [await tx.get(type_, "id-1") for type_ in (Fleet, Instance, Run)]
            assert [record is not None and record.kind for record in found] == [Kind.FLEET, Kind.INSTANCE, Kind.RUN]
            assert len(await tx.events_after("main", 0)) == 2
            fleet = found[0]
            assert isinstance(fleet, Fleet)
            await tx.wake(fleet)
            await tx.step(fleet, "deleting")
            assert [event.seq for event in await tx.events_after("main", 2)] == [3]
    finally:
        await database.close()
    assert set(TABLES) == {Kind.FLEET, Kind.INSTANCE, Kind.VOLUME, Kind.ATTACHMENT, Kind.RUN, Kind.JOB, Kind.CLOSURE}


async def test_the_url_of_an_agent_becomes_its_endpoint(dump: Dumped) -> None:
    text = (SCHEMAS / f"0005.{dump.kind}.sql").read_text()
    dump.load(text.replace("'agent_url-1'", "'unix:/run/atoll/i-1.sock'"))
    database = await open_database(dump.url, lambda: NOW)
    try:
        async with database.read() as tx:
            found = {id: await tx.get(Instance, id) for id in ("id-1", "id-2")}
        endpoints = {id: instance and instance.endpoint for id, instance in found.items()}
        assert endpoints == {"id-1": UnixSocket("/run/atoll/i-1.sock"), "id-2": None}
    finally:
        await database.close()


async def test_a_migration_that_dies_half_way_leaves_the_database_as_it_was(
    dump: Dumped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump.load((SCHEMAS / f"{RELEASED[0]}.{dump.kind}.sql").read_text())
    before = dump.text()
    (tmp_path / "v9999.py").write_text(BROKEN.format(head=HEAD))
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "FOLDERS", [*migrations.FOLDERS, tmp_path])
        patch.setattr(schema, "HEAD", "9999")
        with pytest.raises(DatabaseError, match="no_such_function"):
            await migrate(dump.url)
    assert dump.text() == before
    await migrate(dump.url)
    assert (await rows_of(dump.url))["alembic_version"] == [{"version_num": HEAD}]


async def test_servers_that_start_at_once_migrate_once(dump: Dumped) -> None:
    dump.load((SCHEMAS / f"{RELEASED[0]}.{dump.kind}.sql").read_text())
    await asyncio.gather(*(migrate(dump.url) for _ in range(4)))
    assert (await rows_of(dump.url))["alembic_version"] == [{"version_num": HEAD}]


async def test_servers_that_start_at_once_on_nothing_make_one_database(dump: Dumped) -> None:
    await asyncio.gather(*(migrate(dump.url) for _ in range(4)))
    assert [row["name"] for row in (await rows_of(dump.url))["projects"]] == ["main"]


async def test_the_migrations_make_exactly_the_tables(dump: Dumped) -> None:
    def difference(connection: Connection) -> list[object]:
        migrations.upgrade(connection)
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await run_on(dump.url, difference) == []
    assert migrations.head() == HEAD


async def test_a_new_sqlite_file_gets_what_the_migrations_make(tmp_path: Path) -> None:
    assert schema.NEWEST.read_text() == newest(), "renew it: python -m tests.store.schemas"
    made, migrated = SqliteDump(tmp_path / "made.db"), SqliteDump(tmp_path / "migrated.db")
    await migrate(made.url)
    await run_on(migrated.url, migrations.upgrade)
    [user], [other] = [(await rows_of(dump.url)).pop("users") for dump in (made, migrated)]
    assert abs(user["created_at"] - other["created_at"]).total_seconds() < 60
    assert list(user) == list(other)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "atoll.db").write_text("this is a shopping list, and a rather long one at that" * 100)
    with pytest.raises(DatabaseError, match="cannot be used"):
        await migrate(sqlite_url(tmp_path / "atoll.db"))
