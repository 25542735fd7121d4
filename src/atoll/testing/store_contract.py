"""What every database under the store must do, as tests: subclass `StoreContract` with a fixture `url`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atoll.model.endpoint import Endpoint, ExecStream, SshSocket, TcpSocket, UnixSocket
from atoll.model.observation import Observation, Outcome
from atoll.model.offer import Market
from atoll.model.records import EventKind, Fleet, Instance, Job, Kind, Volume
from atoll.model.states import FleetState, IllegalStep, InstanceState, JobState, VolumeState
from atoll.model.zone import Zone
from atoll.store.database import Database, DatabaseError
from atoll.store.errors import Conflict, NotUnique, StoreFault
from atoll.store.event_selection import EventSelection
from atoll.testing.store_samples import HOUR, LEASE, NOW, events_of, fleet, instance, opened

ENDPOINTS = (
    UnixSocket("/run/agent.sock"),
    TcpSocket("10.0.0.1", 9000),
    SshSocket("rack-1:2222", "/home/it's/agent.sock"),
    ExecStream(("kubectl", "exec", "-i", "pod", "--", "bridge")),
    ExecStream(("srun", "--overlap", "bridge"), "login-1"),
    None,
)


class StoreContract:
    """Records, events, names and the queue."""

    @pytest.fixture
    def url(self) -> str:
        """The URL of an empty database of the newest schema."""
        raise NotImplementedError

    @pytest.fixture
    async def db(self, url: str) -> AsyncIterator[Database]:
        """That database."""
        async with opened(url) as [database]:
            yield database

    async def test_a_record_comes_back_as_it_was_kept(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.add(instance())
        async with db.read() as tx:
            found = await tx.get(Instance, "i1")
        assert found == instance()
        assert found is not None
        assert found.zone.zone_id == "id-b"

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    async def test_each_kind_of_endpoint_is_read_as_it_was_written(self, db: Database, endpoint: Endpoint) -> None:
        async with db.write() as tx:
            await tx.add(instance())
        async with db.write() as tx:
            await tx.update(instance(), endpoint=endpoint)
        async with db.read() as tx:
            found = await tx.get(Instance, "i1")
        assert found is not None
        assert found.endpoint == endpoint

    async def test_a_look_leaves_its_connection_fit_for_transactions(self, db: Database) -> None:
        for _ in range(3):
            async with db.look() as tx:
                assert await tx.get(Fleet, "f1") is None
            with suppress(ZeroDivisionError):
                async with db.write() as tx:
                    await tx.add(fleet())
                    await tx.flush()
                    raise ZeroDivisionError

    async def test_looks_that_are_cut_off_keep_no_connection(self, db: Database) -> None:
        async def look() -> None:
            async with db.look() as tx:
                await tx.get(Fleet, "f1")
                await asyncio.sleep(0)
                await tx.get(Fleet, "f2")

        for steps in range(40):
            cut = asyncio.create_task(look())
            for _ in range(steps):
                await asyncio.sleep(0)
            cut.cancel()
            await asyncio.wait([cut])
        async with asyncio.timeout(10):
            await asyncio.gather(*(look() for _ in range(30)))

    async def test_two_living_fleets_cannot_bear_one_name(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.add(fleet())
        with pytest.raises(NotUnique):
            async with db.write() as tx:
                await tx.add(fleet("f2"))
        async with db.write() as tx:
            gone = await tx.step(fleet(), FleetState.DELETING)
            await tx.step(gone, FleetState.DELETED)
            await tx.add(fleet("f2"))

    async def test_a_bug_is_a_fault_and_no_conflict(self, db: Database) -> None:
        nodes: Any = None  # a rule that no other transaction can break
        with pytest.raises(StoreFault):
            async with db.write() as tx:
                await tx.add(replace(fleet(), nodes=nodes))
        with pytest.raises(StoreFault):
            async with db.read() as tx:
                await tx._connection.sql("SELECT a FROM nowhere")
        async with db.write() as tx:
            await tx.add(fleet())

    async def test_of_two_who_take_a_name_at_the_same_time_one_gets_it(self, db: Database) -> None:
        async def take(id: str) -> str:
            async with db.write() as tx:
                await tx.add(fleet(id))
            return id

        results = await asyncio.gather(*(take(f"f{number}") for number in range(8)), return_exceptions=True)
        taken = [result for result in results if isinstance(result, str)]
        assert len(taken) == 1
        assert sum(isinstance(result, NotUnique) for result in results) == 7
        assert [event.subject for event in await events_of(db)] == taken

    async def test_an_illegal_step_raises_and_leaves_neither_change_nor_event(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.add(fleet())
        with pytest.raises(IllegalStep):
            async with db.write() as tx:
                await tx.step(fleet(), FleetState.DELETED)
        async with db.read() as tx:
            assert await tx.get(Fleet, "f1") == fleet()
        assert [event.to_state for event in await events_of(db)] == ["active"]

    async def test_a_step_from_a_state_that_has_passed_is_a_conflict_and_changes_nothing(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.add(instance())
        async with db.write() as tx:
            await tx.step(instance(), InstanceState.LAUNCHING)

        async def late() -> None:
            async with db.write() as tx:
                await tx.update(instance(), message="seen too late")
                await tx.step(instance(), InstanceState.TERMINATED)

        with pytest.raises(Conflict, match="instance i1 is no longer pending"):
            await late()
        async with db.read() as tx:
            found = await tx.get(Instance, "i1")
        assert found is not None
        assert (found.state, found.message) == (InstanceState.LAUNCHING, "")
        assert [event.to_state for event in await events_of(db)] == ["pending", "launching"]

    async def test_each_change_of_state_is_an_event_with_its_zone(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.step(await tx.add(instance()), InstanceState.LAUNCHING, reason="planned")
        events = await events_of(db)
        assert [(event.from_state, event.to_state, event.reason) for event in events] == [
            ("", "pending", ""),
            ("pending", "launching", "planned"),
        ]
        assert {str(event.zone) for event in events} == {"local-b"}

    async def test_many_records_of_several_kinds_are_kept_at_once_with_events_and_work(self, db: Database) -> None:
        zoned = Volume("v1", "main", "a", VolumeState.SUBMITTED, {}, 1, "local", NOW, instance().zone)
        free = Volume("v2", "main", "b", VolumeState.SUBMITTED, {}, 1, "local", NOW)
        job = Job("j1", "main", "r1", "run", 0, 0, JobState.SUBMITTED, NOW)
        machines = [instance(f"i{number}", number) for number in range(3000)]
        async with db.write() as tx:
            await tx.add_all([free, zoned, job, *machines], reason="planned")
        async with db.read() as tx:
            assert [await tx.get(Volume, "v1"), await tx.get(Volume, "v2")] == [zoned, free]
            assert await tx.get(Job, "j1") == job
            assert await tx.get(Instance, "i2999") == machines[-1]
            assert len(await tx.fleets.live_instances("main")) == 3000
            events = await tx.events_after("main", 0, limit=5000)
        assert [event.subject for event in events] == ["v2", "v1", "j1", *(machine.id for machine in machines)]
        assert {event.reason for event in events} == {"planned"}
        async with db.write() as tx:
            assert len(await tx.work.lease(NOW, 5000, LEASE)) == 3003

    async def test_events_are_selected_by_what_they_concern_and_by_their_time(self, db: Database) -> None:
        names = ["a", "a-0", "a-12", "a-b", "a-", "a-0x", "ab-0", "b"]
        async with db.write() as tx:
            await tx.add_all([Volume(f"v{name}", "main", name, VolumeState.SUBMITTED, {}, 1, "local", NOW)
                              for name in names], reason="new")  # fmt: skip
            time = tx.now
        async with db.read() as tx:

            async def found(selection: EventSelection) -> list[str]:
                newest = await tx.last_events("main", 50, selection=selection)
                assert list(newest) == list(await tx.events_after("main", 0, selection=selection))
                return sorted(event.name for event in newest)

            assert await found(EventSelection(related="a")) == ["a", "a-0", "a-12"]
            assert await found(EventSelection(name="a-b")) == ["a-b"]
            assert await found(EventSelection(EventKind.RUN)) == []
            assert await found(EventSelection(since=time, until=time + timedelta(seconds=1))) == sorted(names)
            assert await found(EventSelection(until=time)) == []
            assert await found(EventSelection(since=time + timedelta(microseconds=1))) == []

    async def test_a_failed_write_undoes_its_own_part_alone(self, db: Database) -> None:
        async def write(number: int) -> None:
            async with db.write() as tx:
                await tx.add(instance(f"i{number}", number))
                await asyncio.sleep(0)
                if number % 3 == 0:
                    raise LookupError(number)

        results = await asyncio.gather(*(write(number) for number in range(20)), return_exceptions=True)
        assert sum(isinstance(result, LookupError) for result in results) == 7
        kept = {f"i{number}" for number in range(20) if number % 3}
        async with db.read() as tx:
            assert {machine.id for machine in await tx.fleets.live_instances()} == kept
        assert {event.subject for event in await events_of(db)} == kept

    async def test_a_write_that_is_cut_off_leaves_nothing_and_the_next_one_works(self, db: Database) -> None:
        async def write() -> None:
            async with db.write() as tx:
                await tx.add(fleet("cut", "cut"))
                while True:
                    await tx.get(Fleet, "cut")

        for number in range(12):
            task = asyncio.create_task(write())
            await asyncio.sleep(number / 1000)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with db.write() as tx:
                await tx.add(fleet(f"f{number}", f"name-{number}"))
        assert [event.subject for event in await events_of(db)] == [f"f{number}" for number in range(12)]

    async def test_a_commit_is_told(self, db: Database) -> None:
        noticed: list[bool] = []
        db.on_commit = lambda: noticed.append(True)
        async with db.write() as tx:
            await tx.add(fleet())
        assert noticed
        del noticed[:]
        with pytest.raises(NotUnique):
            async with db.write() as tx:
                await tx.add(fleet())
        assert not noticed

    async def test_a_commit_tells_when_the_work_is_due_that_it_made_due(self, db: Database) -> None:
        noticed: list[datetime | None] = []
        db.on_due = lambda at: noticed.append(at) if at is not None else None  # other servers are noticed later
        async with db.write() as tx:
            await tx.add(fleet())
            await tx.work.wake(Kind.INSTANCE, ["i1"], NOW + HOUR)
        async with db.write() as tx:
            leases = await tx.work.lease(NOW, 10, LEASE)
        async with db.write() as tx:
            await tx.work.release(leases[0], NOW, NOW + HOUR, 0)
        async with db.write() as tx:
            [lease] = await tx.work.lease(NOW + HOUR, 1, LEASE)
            await tx.work.release(lease, NOW + HOUR, None, 0)
        assert noticed == [NOW, NOW + HOUR]

    async def test_of_two_who_saw_the_same_setting_one_may_change_it(self, url: str) -> None:
        async with opened(url, 2) as databases:
            for seen, value in ((None, "1"), ("1", "2")):
                results = await asyncio.gather(
                    *(self._swap(databases[number % 2], seen, value) for number in range(6)), return_exceptions=True
                )
                assert sorted(map(str, results)) == ["False"] * 5 + ["True"]
            async with databases[0].read() as tx:
                assert await tx.settings.get("placements") == "2"

    async def test_the_first_value_of_a_setting_holds(self, db: Database) -> None:
        async def first(value: str) -> str:
            async with db.write() as tx:
                return await tx.settings.first("owner", value)

        assert len(set(await asyncio.gather(*(first(str(number)) for number in range(6))))) == 1

    async def test_what_is_away_of_kept_fleets_is_counted_by_zone_and_by_time(self, db: Database) -> None:
        """`f1` of 3 nodes has one that works, one that ends and one that is silent; a former one has ended."""
        works = replace(instance("i1", 1), state=InstanceState.ACTIVE, started_at=NOW)
        leaves = replace(works, id="i2", node=2, end_reason="zone-drained")
        silent = replace(works, id="i3", node=3, unreachable_since=NOW, zone=Zone("local", "local", "local-c", "id-c"))
        former = replace(leaves, id="i4", node=4, state=InstanceState.TERMINATING)
        recovering = replace(fleet(), config={"nodes": 3, "placement": {"rebalance": "on-recovery"}})
        async with db.write() as tx:
            await tx.add_all(
                [recovering, replace(fleet("f2", "runs"), auto_created=True), works, leaves, silent, former]
            )
            await tx.add_all([replace(each, id=f"x{each.id}", fleet_id="f2") for each in (works, leaves)])
        async with db.write() as tx:
            await tx.step(former, InstanceState.TERMINATED)
        async with db.read() as tx:
            assert await tx.fleets.readiness() == {"f1": (3, 1)}
            assert await tx.fleets.recovering() == ["f1"]
            for fleet_id in ("f1", None):
                times, ending, zones = await tx.fleets.departures(NOW - HOUR, fleet_id, "")
                assert (times, ending) == ([NOW], {works.zone: 1})
                assert sorted(zones) == [works.zone, silent.zone]
            assert await tx.fleets.departures(NOW, "f1", "i2") == ([], {}, [silent.zone])

    async def test_observations_are_read_by_zone_and_deleted_when_they_are_old(self, db: Database) -> None:
        zone, other = Zone("fake", "fake-1", "fake-1a"), Zone("fake", "fake-1", "fake-1b")
        start = datetime(2026, 1, 1, tzinfo=UTC)
        async with db.write() as tx:
            for number in range(6):
                where, at = (zone, other)[number % 2], start + timedelta(days=number)
                for outcome in (Outcome.ATTEMPT, Outcome.LAUNCHED):
                    made = Observation(f"i{number}", outcome, where, "f.2x8", Market.SPOT, at, 2.5 * number, "")
                    await tx.observations.add(made)
        async with db.read() as tx:
            found = await tx.observations.of_zone(zone, start, 3)
            launched = await tx.observations.launched(start + timedelta(days=4), 10)
            assert await tx.observations.attempted_at("i3") == start + timedelta(days=3)
            assert await tx.observations.attempted_at("i9") is None
        assert [(each.instance_id, each.zone) for each in found] == [("i4", zone), ("i4", zone), ("i2", zone)]
        assert [(each.zone, each.seconds) for each in launched] == [(other, 12.5), (zone, 10.0)]
        async with db.write() as tx:
            assert await tx.observations.delete_before(start + timedelta(days=3), 4) == 4
            assert await tx.observations.delete_before(start + timedelta(days=3), 4) == 2
            assert await tx.observations.delete_before(start + timedelta(days=3), 4) == 0
            assert len(await tx.observations.launched(start, 10)) == 3

    async def test_a_log_is_kept_once_however_many_fetch_it(self, url: str) -> None:
        log = bytes(range(256)) * 12
        async with opened(url, 2) as databases:

            async def fetch(number: int) -> None:
                """Follow the log with chunks of a size of one's own."""
                db, step = databases[number % 2], 7 + 13 * number
                offset = 0
                while offset < len(log):
                    async with db.write() as tx:
                        await tx.logs.append("j1", offset, log[offset : offset + step])
                    async with db.read() as tx:
                        offset = await tx.logs.size("j1")

            await asyncio.gather(*(fetch(number) for number in range(5)))
            async with databases[0].write() as tx:
                await tx.logs.append("j1", len(log) + 1, b"after a gap")
                assert await tx.logs.size("j1") == len(log)
                assert await tx.logs.read("j1", 0, len(log) + 1) == log
                assert await tx.logs.read("j1", 300, 1000) == log[300:1300]
                assert await tx.logs.read("j1", len(log), 10) == b""
                assert (await tx.logs.size("j2"), await tx.logs.read("j2", 0, 10)) == (0, b"")

    async def test_a_database_of_a_newer_version_is_refused_with_what_to_do(self, url: str) -> None:
        async with opened(url) as [db], db.write() as tx:
            await tx._connection.sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(DatabaseError, match=r"newer Atoll .*9999.* use that Atoll"):
            async with opened(url):
                pass

    @staticmethod
    async def _swap(db: Database, seen: str | None, value: str) -> bool:
        async with db.write() as tx:
            return await tx.settings.swap("placements", seen, value)
