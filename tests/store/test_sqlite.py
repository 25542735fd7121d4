"""The store on SQLite: its contract, on a real file."""

import asyncio
import gc
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select

from atoll.store.database import open_database
from atoll.store.errors import NotUnique
from atoll.store.prepared import Prepared
from atoll.store.sqlite import sqlite_url
from atoll.store.tables import instances
from atoll.testing.listing_contract import ListingContract
from atoll.testing.queue_contract import QueueContract
from atoll.testing.retention_contract import RetentionContract
from atoll.testing.store_contract import StoreContract
from atoll.testing.store_samples import instance

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class TestStore(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sqlite_url(tmp_path / "atoll.db")


class TestListing(ListingContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sqlite_url(tmp_path / "atoll.db")


class TestRetention(RetentionContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sqlite_url(tmp_path / "atoll.db")


class TestQueue(QueueContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sqlite_url(tmp_path / "atoll.db")


async def test_closing_waits_for_an_unawaited_commit(tmp_path: Path) -> None:
    """A write that fails goes on before the commit that it shared; its connection may not be left open by that."""
    for turns in range(8):
        opened = await open_database(sqlite_url(tmp_path / "atoll.db"), lambda: NOW)
        before = asyncio.all_tasks()
        with pytest.raises(LookupError):
            async with opened.write():
                raise LookupError
        for _ in range(turns):
            await asyncio.sleep(0)
        await opened.close()
        assert asyncio.all_tasks() <= before
        del opened
    gc.collect()  # a connection that was never closed warns when it goes, and warnings are errors


async def test_a_write_waits_for_another_process_without_blocking_others(tmp_path: Path) -> None:
    opened = await open_database(sqlite_url(tmp_path / "atoll.db"), lambda: NOW)

    async def write() -> None:
        async with opened.write() as tx:
            await tx.settings.first("word", "kept")

    with closing(sqlite3.connect(tmp_path / "atoll.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(write())
        async with asyncio.timeout(5):
            async with opened.read():
                pass
        await asyncio.sleep(0.05)
        assert not writing.done()
        other.execute("COMMIT")
        await writing
    async with opened.write() as tx:
        assert await tx.settings.first("word", "other") == "kept"
    await opened.close()


async def test_the_driver_and_sqlalchemy_read_and_write_the_same_of_a_prepared_statement(tmp_path: Path) -> None:
    opened = await open_database(sqlite_url(tmp_path / "atoll.db"), lambda: NOW)
    wanted = Prepared(
        select(instances).where(instances.c.created_at == bindparam("at"), instances.c.state.not_in(["terminated"]))
    )
    async with opened.write() as tx:
        await tx.add_all([instance("i1"), instance("i2", 1)])
    async with opened.write() as tx:
        connection = tx._connection
        direct = await connection.rows(wanted, {"at": instance().created_at})
        composed = (await connection.execute(wanted.statement, {"at": instance().created_at})).all()
        assert [tuple(row) for row in direct] == [tuple(row) for row in composed]
        assert len(direct) == 2
    with pytest.raises(NotUnique) as refused:
        async with opened.write() as tx:
            await tx.add(instance("i1"))
    assert "i1" not in str(refused.value)  # values stay out of messages
    await opened.close()
