"""The database: schema, names, fences and events, on a real SQLite file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError

from atoll.model.offer import Market
from atoll.model.records import Fleet, Instance, Kind
from atoll.model.resources import Gpu, InstanceType
from atoll.model.states import FleetState, IllegalStep, InstanceState
from atoll.model.zone import Zone
from atoll.store import migrations
from atoll.store.database import HEAD, Database, DatabaseError, open_database, sqlite_url
from atoll.store.tables import metadata
from atoll.store.work import LeaseLost

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
LEASE = timedelta(seconds=30)


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Database]:
    opened = await open_database(sqlite_url(folder / "atoll.db"), lambda: NOW)
    try:
        yield opened
    finally:
        await opened.close()


def fleet(id: str = "f1", name: str = "demo") -> Fleet:
    return Fleet(id, "main", name, FleetState.ACTIVE, {"nodes": 3}, 3, NOW)


def instance() -> Instance:
    zone = Zone("local", "local", "local-b", "id-b")
    type_ = InstanceType("m", 2, 8, gpu=Gpu("H100", 8, 80, compute_capability=(9, 0)))
    return Instance("i1", "main", "f1", "demo", 0, InstanceState.PENDING, zone, type_, Market.SPOT, 0.5, NOW)


async def test_a_record_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        async with db.write() as tx:
            await tx.add(instance())
        async with db.read() as tx:
            found = await tx.get(Instance, "i1")
    assert found == instance()
    assert found is not None
    assert found.zone.zone_id == "id-b"


async def test_two_living_fleets_cannot_bear_one_name(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        async with db.write() as tx:
            await tx.add(fleet())
        with pytest.raises(IntegrityError):
            async with db.write() as tx:
                await tx.add(fleet("f2"))
        async with db.write() as tx:
            gone = await tx.step(fleet(), FleetState.DELETING)
            await tx.step(gone, FleetState.DELETED)
            await tx.add(fleet("f2"))


async def test_an_illegal_step_raises_and_leaves_neither_change_nor_event(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        async with db.write() as tx:
            await tx.add(fleet())
        with pytest.raises(IllegalStep):
            async with db.write() as tx:
                await tx.step(fleet(), FleetState.DELETED)
        async with db.read() as tx:
            assert await tx.get(Fleet, "f1") == fleet()
            assert [event.to_state for event in await tx.events_after("main", 0)] == ["active"]


async def test_each_change_of_state_is_an_event_with_its_zone(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        async with db.write() as tx:
            await tx.step(await tx.add(instance()), InstanceState.LAUNCHING, reason="planned")
        async with db.read() as tx:
            events = await tx.events_after("main", 0)
    assert [(event.from_state, event.to_state, event.reason) for event in events] == [
        ("", "pending", ""),
        ("pending", "launching", "planned"),
    ]
    assert {str(event.zone) for event in events} == {"local-b"}


async def test_a_worker_that_lost_its_lease_can_write_nothing(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        async with db.write() as tx:
            kept = await tx.add(fleet())
            [old] = await tx.work.lease(NOW, 10, LEASE)
        async with db.write() as tx:
            [new] = await tx.work.lease(NOW + 2 * LEASE, 10, LEASE)
        with pytest.raises(LeaseLost):
            async with db.write(old) as tx:
                await tx.step(kept, FleetState.DELETING)
        async with db.write(new) as tx:
            assert await tx.get(Fleet, "f1") == kept


async def test_a_leased_item_is_not_leased_again(tmp_path: Path) -> None:
    async with database(tmp_path) as db, db.write() as tx:
        await tx.add(fleet())
        assert len(await tx.work.lease(NOW, 10, LEASE)) == 1
        assert await tx.work.lease(NOW, 10, LEASE) == []


async def test_a_wake_up_during_a_lease_makes_the_item_due_at_its_end(tmp_path: Path) -> None:
    async with database(tmp_path) as db, db.write() as tx:
        kept = await tx.add(fleet())
        [lease] = await tx.work.lease(NOW, 10, LEASE)
        await tx.wake(kept)
        await tx.work.release(lease, NOW, NOW + timedelta(hours=1), 0)
        assert [item.id for item in await tx.work.lease(NOW, 10, LEASE)] == ["f1"]


async def test_an_item_without_more_to_do_is_gone(tmp_path: Path) -> None:
    async with database(tmp_path) as db, db.write() as tx:
        await tx.add(fleet())
        [lease] = await tx.work.lease(NOW, 10, LEASE)
        await tx.work.release(lease, NOW, None, 0)
        assert await tx.work.next_due() is None


async def test_waking_later_does_not_delay_what_is_due_earlier(tmp_path: Path) -> None:
    async with database(tmp_path) as db, db.write() as tx:
        await tx.add(fleet())
        await tx.work.wake(Kind.FLEET, ["f1"], NOW + timedelta(hours=1))
        assert await tx.work.next_due() == NOW


async def test_a_database_of_a_newer_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with database(tmp_path) as db, db.write() as tx:
        await tx._connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match=r"newer Atoll .*9999.* use that Atoll"):
        async with database(tmp_path):
            pass


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "atoll.db").write_text("this is a shopping list, and a rather long one at that" * 100)
    with pytest.raises(DatabaseError, match="cannot be used"):
        async with database(tmp_path):
            pass


def test_the_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/atoll.db")

    def difference(connection: Connection) -> list[object]:
        migrations.upgrade(connection)
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    with engine.begin() as connection:
        assert difference(connection) == []
    engine.dispose()
    assert migrations.head() == HEAD


async def test_the_one_server_of_a_database_takes_over_what_a_killed_one_had_leased(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        async with db.write() as tx:
            await tx.work.wake(Kind.RUN, ["r1"], NOW)
            [lost] = await tx.work.lease(NOW, 10, LEASE)
            assert await tx.work.lease(NOW, 10, LEASE) == []
        async with db.write() as tx:
            await tx.work.take_over()
            [taken] = await tx.work.lease(NOW, 10, LEASE)
            assert taken.id == "r1"
            with pytest.raises(LeaseLost):
                await tx.work.check(lost)
