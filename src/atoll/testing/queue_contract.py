"""What the queue of every database must do, as tests: subclass `QueueContract` with a fixture `url`."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from atoll.model.records import Fleet, Kind
from atoll.model.states import FleetState
from atoll.store.database import Database, open_database
from atoll.store.work import LeaseLost
from atoll.testing.store_samples import HOUR, LEASE, NOW, fleet, opened


class QueueContract:
    """The queue of work."""

    @pytest.fixture
    def url(self) -> str:
        """The URL of an empty database of the newest schema."""
        raise NotImplementedError

    @pytest.fixture
    async def db(self, url: str) -> AsyncIterator[Database]:
        """That database, with one fleet and its item."""
        async with opened(url) as [database]:
            async with database.write() as tx:
                await tx.add(fleet())
            yield database

    async def test_a_worker_that_lost_its_lease_can_write_nothing(self, db: Database) -> None:
        async with db.write() as tx:
            [old] = await tx.work.lease(NOW, 10, LEASE)
        async with db.write() as tx:
            [new] = await tx.work.lease(NOW + 2 * LEASE, 10, LEASE)
        with pytest.raises(LeaseLost):
            async with db.write(old) as tx:
                await tx.step(fleet(), FleetState.DELETING)
        for due in (None, NOW):
            with pytest.raises(LeaseLost):
                async with db.write() as tx:
                    await tx.work.release(old, NOW, due, 0)
        async with db.write(new) as tx:
            assert await tx.get(Fleet, "f1") == fleet()

    async def test_a_lease_of_an_items_former_life_can_write_nothing(self, url: str) -> None:
        clock = [NOW]
        db = await open_database(url, lambda: clock[0])
        try:
            async with db.write() as tx:
                await tx.add(fleet())
                [old] = await tx.work.lease(clock[0], 1, LEASE)
            clock[0] += 2 * LEASE
            async with db.write() as tx:
                [newer] = await tx.work.lease(clock[0], 1, LEASE)
                await tx.work.release(newer, clock[0], None, 0)
                await tx.wake(fleet())
                assert len(await tx.work.lease(clock[0], 1, LEASE)) == 1
            with pytest.raises(LeaseLost):
                async with db.write(old):
                    pass
        finally:
            await db.close()

    async def test_a_leased_item_is_not_leased_again(self, db: Database) -> None:
        async with db.write() as tx:
            assert len(await tx.work.lease(NOW, 10, LEASE)) == 1
            assert await tx.work.lease(NOW, 10, LEASE) == []

    async def test_the_longest_due_is_leased_first_and_no_more_than_asked_for(self, db: Database) -> None:
        async with db.write() as tx:
            for number in range(20):
                await tx.work.wake(Kind.INSTANCE, [f"i{number}"], NOW - timedelta(seconds=number))
        async with db.write() as tx:
            leases = await tx.work.lease(NOW, 5, LEASE)
        assert [lease.id for lease in leases] == ["i19", "i18", "i17", "i16", "i15"]

    async def test_workers_that_lease_at_the_same_time_share_what_is_due(self, url: str) -> None:
        async def lease(db: Database) -> list[str]:
            async with db.write() as tx:
                return [lease.id for lease in await tx.work.lease(NOW, 20, LEASE)]

        async with opened(url, 3) as databases:
            async with databases[0].write() as tx:
                await tx.work.wake(Kind.INSTANCE, [f"i{number:03}" for number in range(200)], NOW)
            shares = await asyncio.gather(*(lease(databases[number % 3]) for number in range(10)))
        taken = [id for share in shares for id in share]
        assert len(taken) == len(set(taken))
        assert all(len(share) <= 20 for share in shares)
        assert len(taken) == 200

    async def test_the_next_look_is_due_when_the_lease_of_a_dead_worker_ends(self, db: Database) -> None:
        async with db.write() as tx:
            [lease] = await tx.work.lease(NOW, 10, LEASE)
            assert await tx.work.next_due() == lease.until
            assert [again.fence for again in await tx.work.lease(lease.until, 10, LEASE)] == [lease.fence + 1]

    async def test_a_wake_up_during_a_lease_makes_the_item_due_at_its_end(self, db: Database) -> None:
        async with db.write() as tx:
            [lease] = await tx.work.lease(NOW, 10, LEASE)
            await tx.wake(fleet())
            await tx.work.wake(Kind.FLEET, ["f1"], NOW + HOUR)
            await tx.work.release(lease, NOW, NOW + 2 * HOUR, 0)
            assert [item.id for item in await tx.work.lease(NOW, 10, LEASE)] == ["f1"]

    async def test_a_wake_up_for_later_during_a_lease_is_not_forgotten_nor_an_earlier_one(self, db: Database) -> None:
        for at in ((NOW + HOUR,), (NOW, NOW + HOUR), (NOW + HOUR, NOW)):
            async with db.write() as tx:
                [lease] = await tx.work.lease(NOW + HOUR, 10, LEASE)
            for time in at:
                async with db.write() as tx:
                    await tx.work.wake(Kind.FLEET, ["f1"], time)
            async with db.write() as tx:
                await tx.work.release(lease, NOW, NOW + 2 * HOUR, 0)
                assert await tx.work.next_due() == min(at)

    async def test_items_that_failed_are_told_by_how_often(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.work.wake(Kind.FLEET, ["f2", "f3", "f4"], NOW)
            await tx.work.wake(Kind.RUN, ["r1"], NOW)
            failures = {"f1": 0, "f2": 1, "f3": 4, "f4": 2, "r1": 9}
            for lease in await tx.work.lease(NOW, 10, LEASE):
                await tx.work.release(lease, NOW, NOW + HOUR, failures[lease.id])
            assert await tx.work.retrying(Kind.FLEET, 2) == ["f3", "f4"]
            assert await tx.work.retrying(Kind.FLEET, 9) == ["f3", "f4", "f2"]
            await tx.work.lease(NOW + HOUR, 10, LEASE)
            assert await tx.work.retrying(Kind.FLEET, 9) == []

    async def test_an_item_without_more_to_do_is_gone(self, db: Database) -> None:
        async with db.write() as tx:
            [lease] = await tx.work.lease(NOW, 10, LEASE)
            await tx.work.release(lease, NOW, None, 0)
            assert await tx.work.next_due() is None

    async def test_an_item_that_was_woken_meanwhile_stays(self, db: Database) -> None:
        async with db.write() as tx:
            [lease] = await tx.work.lease(NOW, 10, LEASE)
            await tx.wake(fleet())
            await tx.work.release(lease, NOW, None, 0)
            assert await tx.work.next_due() == NOW

    async def test_waking_later_does_not_delay_what_is_due_earlier(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.work.wake(Kind.FLEET, ["f1"], NOW + HOUR)
            assert await tx.work.next_due() == NOW

    async def test_the_end_of_a_lease_is_what_comes_next_where_all_is_leased(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.work.lease(NOW, 10, LEASE)
            assert await tx.work.next_due() == NOW + LEASE

    async def test_a_renewed_lease_holds_and_a_lost_one_is_told(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.work.wake(Kind.INSTANCE, ["i1", "i2"], NOW)
            leases = await tx.work.lease(NOW, 10, LEASE)
            await tx.work.release(leases[0], NOW, None, 0)
        async with db.write() as tx:
            assert await tx.work.renew_all(leases, NOW + 3 * LEASE) == leases[:1]
        async with db.write() as tx:
            assert await tx.work.lease(NOW + 2 * LEASE, 10, LEASE) == []
            taken = await tx.work.lease(NOW + 4 * LEASE, 10, LEASE)
            assert len(taken) == 2
        async with db.write() as tx:
            assert await tx.work.renew_all(leases, NOW + 9 * LEASE) == leases
            assert await tx.work.renew_all([], NOW) == []

    async def test_things_that_wake_each_other_do_not_wait_in_a_circle(self, url: str) -> None:
        """Each writes under its own lease and wakes all others, again and again, on two servers."""
        ids = [f"i{number}" for number in range(8)]

        async def work(db: Database, id: str) -> None:
            [lease] = [lease for lease in leases if lease.id == id]
            for turn in range(10):
                async with db.write(lease) as tx:
                    others = ids if turn % 2 else ids[::-1]
                    for other in others:
                        await tx.work.wake(Kind.INSTANCE, [other], NOW)
                    await asyncio.sleep(0)

        async with opened(url, 2) as databases:
            async with databases[0].write() as tx:
                await tx.work.wake(Kind.INSTANCE, ids, NOW)
                leases = await tx.work.lease(NOW, 8, LEASE)

            async def renew() -> None:
                for _ in range(20):
                    async with databases[1].write() as tx:
                        assert await tx.work.renew_all(leases[::-1], NOW + LEASE) == []

            await asyncio.gather(*(work(databases[n % 2], id) for n, id in enumerate(ids)), renew())
