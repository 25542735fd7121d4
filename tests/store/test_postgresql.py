"""The store on PostgreSQL: its contract, on a private server."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import text

from atoll.model.records import Fleet, Kind
from atoll.model.states import FleetState
from atoll.store.database import Database, DatabaseError, open_database
from atoll.store.errors import Conflict
from atoll.store.postgresql import CHANNEL
from atoll.testing.archive_contract import ArchiveContract
from atoll.testing.listing_contract import ListingContract
from atoll.testing.postgresql import Cluster
from atoll.testing.queue_contract import QueueContract
from atoll.testing.retention_contract import RetentionContract
from atoll.testing.store_contract import StoreContract
from atoll.testing.store_samples import LEASE, NOW, events_of, fleet, opened


class TestStore(StoreContract):
    @pytest.fixture
    def url(self, postgresql_database: Callable[[], str]) -> str:
        return postgresql_database()


class TestListing(ListingContract):
    @pytest.fixture
    def url(self, postgresql_database: Callable[[], str]) -> str:
        return postgresql_database()


class TestRetention(RetentionContract):
    @pytest.fixture
    def url(self, postgresql_database: Callable[[], str]) -> str:
        return postgresql_database()


class TestArchives(ArchiveContract):
    @pytest.fixture
    def url(self, postgresql_database: Callable[[], str]) -> str:
        return postgresql_database()


class TestQueue(QueueContract):
    @pytest.fixture
    def url(self, postgresql_database: Callable[[], str]) -> str:
        return postgresql_database()


async def test_who_follows_the_events_never_passes_one_that_is_committed_late(
    postgresql_database: Callable[[], str],
) -> None:
    async with opened(postgresql_database(), 3) as (first, second, follower):
        numbered, go = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            async with first.write() as tx:
                await tx.add(fleet("slow", "slow"))
                await tx.flush()  # its event has its number now, and is not committed
                numbered.set()
                await go.wait()

        async def quick() -> None:
            async with second.write() as tx:
                await tx.add(fleet("quick", "quick"))

        async def follow() -> list[str]:
            seen: list[str] = []
            after = 0
            while len(seen) < 2:
                async with follower.read() as tx:
                    for event in await tx.events_after("main", after):
                        seen.append(event.subject)
                        after = event.seq
                await asyncio.sleep(0.01)
            return seen

        following = asyncio.create_task(follow())
        writers = [asyncio.create_task(slow())]
        await numbered.wait()
        writers.append(asyncio.create_task(quick()))
        await asyncio.sleep(0.2)  # long enough for the quick one to pass, if it could
        go.set()
        await asyncio.gather(*writers)
        assert sorted(await following) == ["quick", "slow"]


async def test_a_reader_sees_one_moment(postgresql_database: Callable[[], str]) -> None:
    async with opened(postgresql_database(), 2) as (first, second):
        async with first.write() as tx:
            await tx.add(fleet())
        async with first.read() as tx:
            assert await tx.get(Fleet, "f1") == fleet()
            async with second.write() as other:
                await other.step(fleet(), FleetState.DELETING)
            assert await tx.get(Fleet, "f1") == fleet()


async def test_a_commit_on_one_server_wakes_the_others(
    postgresql: Cluster, postgresql_database: Callable[[], str]
) -> None:
    url = postgresql_database()
    async with opened(url, 2) as (first, second):
        heard = asyncio.Event()
        second.on_commit = heard.set
        for number in range(2):
            await _listening(postgresql, url, 2)
            heard.clear()
            while not heard.is_set():
                async with first.write() as tx:
                    await tx.work.wake(Kind.FLEET, [f"f{number}"], NOW)
                await asyncio.sleep(0.05)
            mine = f"application_name = '{CHANNEL}' AND datname = '{_name(url)}'"
            cut = postgresql.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")
            assert cut.split() == ["t", "t"]


async def test_a_deadlock_is_a_conflict_for_one_of_both(postgresql_database: Callable[[], str]) -> None:
    async with opened(postgresql_database(), 2) as databases:
        async with databases[0].write() as tx:
            await tx.add_all([fleet("f1", "a"), fleet("f2", "b")])
        met = asyncio.Barrier(2)

        async def update(number: int) -> None:
            async with databases[number].write() as tx:
                order = [fleet("f1", "a"), fleet("f2", "b")][:: 1 - 2 * number]
                await tx.update(order[0], message=str(number))
                await met.wait()
                await tx.update(order[1], message=str(number))

        results = await asyncio.gather(update(0), update(1), return_exceptions=True)
        assert [type(result) for result in sorted(results, key=str, reverse=True)] in (
            [type(None), Conflict],
            [Conflict, type(None)],
        )


async def test_an_item_in_the_midst_of_a_fenced_write_is_not_taken_even_after_its_lease(
    postgresql_database: Callable[[], str],
) -> None:
    async with opened(postgresql_database(), 2) as (holder, other):
        async with holder.write() as tx:
            await tx.add(fleet())
            [lease] = await tx.work.lease(NOW, 1, LEASE)
        async with holder.write(lease):
            async with other.write() as tx:
                assert await tx.work.lease(NOW + 2 * LEASE, 1, LEASE) == []
            async with other.write() as tx:  # waking it is allowed at the same time
                await tx.work.wake(Kind.FLEET, ["f1"], NOW)
        async with other.write() as tx:
            assert [taken.id for taken in await tx.work.lease(NOW + 2 * LEASE, 1, LEASE)] == ["f1"]
        assert [event.subject for event in await events_of(other)] == ["f1"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://u:hidden@/none?host=SOCKET", 'database "none" does not exist|role "u" does not exist'),
        ("postgresql://u:hidden@127.0.0.1:1/none", "cannot be reached"),
        ("postgresql://u:hidden@/none?host=/nowhere", "cannot be reached"),
        ("postgresql://u:hidden@/none?options=x", "unknown options: options"),
        ("postgresql://u:hidden@host", "names no database"),
        ("mysql://u:hidden@host/db", "kind `mysql` is not known"),
        ("hidden", "cannot be read"),
    ],
)
async def test_an_unusable_database_is_reported_without_its_password(
    postgresql: Cluster, url: str, message: str
) -> None:
    with pytest.raises(DatabaseError, match=message) as caught:
        await open_database(url.replace("SOCKET", str(postgresql.folder)), lambda: NOW)
    assert "hidden" not in str(caught.value)


async def _listening(cluster: Cluster, url: str, count: int) -> None:
    listening = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{_name(url)}' AND query LIKE 'LISTEN%'"
    while int(cluster.sql(listening)) < count:
        await asyncio.sleep(0.02)


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


async def test_an_event_gets_its_number_once_it_holds_the_lock(postgresql_database: Callable[[], str]) -> None:
    newest = text("SELECT last_value FROM events_seq_seq")
    async with opened(postgresql_database(), 2) as (first, second):

        async def later() -> None:
            async with second.write() as tx:
                await tx.add(fleet("later", "later"))

        async with first.write() as tx:
            await tx.add(fleet("first", "first"))
            await tx.flush()
            taken = (await tx._connection.execute(newest)).scalar()
            waiting = asyncio.create_task(later())
            while not await _waits_for_lock(first):
                await asyncio.sleep(0.01)
            assert (await tx._connection.execute(newest)).scalar() == taken
        await waiting


async def _waits_for_lock(db: Database) -> bool:
    async with db.read() as tx:
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool((await tx._connection.execute(waiting)).scalar())
