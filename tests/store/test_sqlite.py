"""The store on SQLite: its contract, on a real file."""

import asyncio
import gc
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from atoll.store.database import open_database
from atoll.store.errors import NotUnique
from atoll.store.sqlite import CONNECTIONS, sqlite_url
from atoll.testing.archive_contract import ArchiveContract
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


class TestArchives(ArchiveContract):
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


async def test_values_stay_out_of_messages(tmp_path: Path) -> None:
    opened = await open_database(sqlite_url(tmp_path / "atoll.db"), lambda: NOW)
    async with opened.write() as tx:
        await tx.add_all([instance("i1"), instance("i2", 1)])
    with pytest.raises(NotUnique) as refused:
        async with opened.write() as tx:
            await tx.add(instance("i1"))
    assert "i1" not in str(refused.value)
    await opened.close()


async def test_more_readers_than_connections_take_turns(tmp_path: Path) -> None:
    opened = await open_database(sqlite_url(tmp_path / "atoll.db"), lambda: NOW)

    async def read() -> None:
        async with opened.read() as tx:
            await tx.fleets.listing("main")
            await asyncio.sleep(0.001)

    await asyncio.gather(*(read() for _ in range(5 * CONNECTIONS)))
    await opened.close()


async def test_a_writer_that_is_cancelled_takes_nothing_of_the_others_with_it(tmp_path: Path) -> None:
    opened = await open_database(sqlite_url(tmp_path / "atoll.db"), lambda: NOW)

    async def write(number: int) -> None:
        async with opened.write() as tx:
            await tx.add(instance(f"i{number}", number))
            await asyncio.sleep(0.001)

    for turns in range(12):
        writers = [asyncio.create_task(write(10 * turns + number)) for number in range(5)]
        for _ in range(turns):
            await asyncio.sleep(0)
        writers[turns % 5].cancel()
        results = await asyncio.gather(*writers, return_exceptions=True)
        async with opened.read() as tx:
            kept = {id for (id,) in await tx._connection.sql("SELECT id FROM instances")}
        done = {f"i{10 * turns + number}" for number, result in enumerate(results) if result is None}
        cancelled = f"i{10 * turns + turns % 5}"  # its commit may have been made before the news of it
        assert done <= kept
        assert {f"i{10 * turns + number}" for number in range(5)} - done <= {cancelled}
    await opened.close()


async def test_a_group_whose_transaction_sqlite_rolled_back_is_reported_to_all_its_writers(tmp_path: Path) -> None:
    opened = await open_database(sqlite_url(tmp_path / "atoll.db"), lambda: NOW)

    async def write(number: int, *, spoils: bool) -> None:
        async with opened.write() as tx:
            await tx.add(instance(f"i{number}", number))
            if spoils:
                await tx._connection.sql("ROLLBACK")  # as SQLite does by itself after some errors of the disk
                raise OSError

    results = await asyncio.gather(write(1, spoils=False), write(2, spoils=True), return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results), results
    async with opened.read() as tx:
        assert (await tx._connection.sql("SELECT id FROM instances")).all() == []
    await opened.close()
