"""What every database under the store deletes and keeps of its history, as tests: subclass with a fixture `url`."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from atoll.model.records import Attachment, Closure, EventKind, Instance, Job, Run
from atoll.model.states import AttachmentState, ClosureState, FleetState, InstanceState, JobState, RunState
from atoll.store.database import Database
from atoll.testing.store_samples import NOW, fleet, instance, opened

LATER = NOW + timedelta(seconds=1)
MANY = 100


def run(id: str = "r1", state: RunState = RunState.DONE, replaces: str | None = None) -> Run:
    """A run that has finished, unless its state says otherwise."""
    finished = NOW if state in (RunState.DONE, RunState.FAILED, RunState.STOPPED) else None
    return Run(id, "main", id, "task", state, {}, NOW, finished, replaces=replaces)


def job(id: str = "j1", submission: int = 0, state: JobState = JobState.DONE) -> Job:
    """A job that has ended, unless its state says otherwise."""
    finished = NOW if state in (JobState.DONE, JobState.FAILED) else None
    return Job(id, "main", "r1", "r1", 0, submission, state, NOW, "i1", finished_at=finished)


class RetentionContract:
    """Deletes what is over."""

    @pytest.fixture
    async def db(self, url: str) -> AsyncIterator[Database]:
        """One server's view."""
        async with opened(url) as [database]:
            yield database

    async def test_old_events_are_deleted_a_few_at_a_time_and_the_newest_stays(self, db: Database) -> None:
        """Its number would be used again, and followers of the events would miss the new one."""
        for number in range(5):
            async with db.write() as tx:
                tx.announce("main", EventKind.SECRET, f"s{number}", "set")
        async with db.write() as tx:
            assert await tx.retention.events(NOW, MANY) == 0
            assert await tx.retention.events(LATER, 2) == 2
            assert await tx.retention.events(LATER, MANY) == 2
            assert await tx.retention.events(LATER, MANY) == 0
        async with db.read() as tx:
            assert [event.name for event in await tx.events_after("main", 0)] == ["s4"]

    async def test_a_finished_run_goes_with_its_jobs_and_then_their_instances_and_fleet(self, db: Database) -> None:
        machine = replace(instance(), state=InstanceState.TERMINATING)
        tie = Attachment("a1", "main", "v1", "i1", "j1", "data", AttachmentState.DETACHING, machine.zone)
        async with db.write() as tx:
            await tx.add_all([replace(fleet(), state=FleetState.DELETING), machine, tie, run(), job()])
        async with db.write() as tx:
            assert not await tx.retention.old_jobs(LATER, MANY), "an attachment still names the job"
            assert await tx.retention.runs(LATER, MANY) == 0
            await tx.step(tie, AttachmentState.DETACHED)
            await tx.step(machine, InstanceState.TERMINATED)
            await tx.step(replace(fleet(), state=FleetState.DELETING), FleetState.DELETED)
            assert await tx.retention.instances(LATER, MANY) == 0
        await self._end_work(db)
        async with db.write() as tx:
            assert await tx.retention.attachments(NOW, MANY) == 0
            assert await tx.retention.attachments(LATER, MANY) == 1
            assert await tx.retention.instances(LATER, MANY) == 0, "a job still names it"
            assert await tx.retention.fleets(LATER, MANY) == 0, "an instance still names it"
            old = await tx.retention.old_jobs(LATER, MANY)
            assert [one.id for one in old] == ["j1"]
            await tx.retention.delete_jobs(["j1"])
            assert await tx.retention.runs(LATER, MANY) == 1
            assert await tx.retention.instances(LATER, MANY) == 1
            assert await tx.retention.fleets(LATER, MANY) == 1
        async with db.read() as tx:
            assert (await tx.get(Run, "r1"), await tx.get(Job, "j1"), await tx.get(Instance, "i1")) == (None,) * 3

    async def test_of_a_run_that_goes_on_only_earlier_attempts_are_deleted(self, db: Database) -> None:
        jobs = [job("j1"), job("j2", submission=1), job("j3", submission=2)]
        async with db.write() as tx:
            await tx.add_all([run(state=RunState.RUNNING), *jobs])
        async with db.write() as tx:
            assert [one.id for one in await tx.retention.old_jobs(LATER, MANY)] == ["j1", "j2"]
            assert await tx.retention.runs(LATER, MANY) == 0

    async def test_a_run_that_another_one_waits_for_stays(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.add_all([run(), run("r2", RunState.SUBMITTED, replaces="r1")])
        async with db.write() as tx:
            assert await tx.retention.runs(LATER, MANY) == 0

    async def test_a_record_whose_turn_is_due_stays_until_it_has_been(self, db: Database) -> None:
        ended = replace(fleet(), state=FleetState.DELETING)
        async with db.write() as tx:
            await tx.add(ended)
            await tx.step(ended, FleetState.DELETED)
        async with db.write() as tx:
            assert await tx.retention.fleets(LATER, MANY) == 0
        await self._end_work(db)
        async with db.write() as tx:
            assert await tx.retention.fleets(LATER, MANY) == 1

    async def test_an_ended_closure_of_a_zone_is_deleted_and_one_in_force_stays(self, db: Database) -> None:
        zone = instance().zone
        closure = Closure("c1", "main", ClosureState.ACTIVE, zone, "admin", NOW, NOW)
        async with db.write() as tx:
            await tx.add_all([closure, replace(closure, id="c2")])
            await tx.step(closure, ClosureState.ENDED)
        await self._end_work(db)
        async with db.write() as tx:
            assert await tx.retention.closures(LATER, MANY) == 1
        async with db.read() as tx:
            assert [one.id for one in await tx.closures.in_force()] == ["c2"]

    async def test_logs_of_ended_jobs_are_listed_once_and_those_of_running_jobs_never(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.add_all([run(state=RunState.RUNNING), job("j1"), job("j2", submission=1, state=JobState.RUNNING)])
        async with db.write() as tx:
            assert [log.id for log in await tx.retention.old_logs(LATER, MANY)] == ["j1"]
            await tx.retention.mark_logs(["j1"])
            assert not await tx.retention.old_logs(LATER, MANY)
            await tx.logs.append("j1", 0, b"first\n")
            await tx.logs.append("j2", 0, b"second\n")
            assert await tx.logs.total() == 13
            await tx.logs.delete(["j1"])
            assert (await tx.logs.read("j1", 0, 99), await tx.logs.read("j2", 0, 99)) == (b"", b"second\n")

    @staticmethod
    async def _end_work(db: Database) -> None:
        async with db.write() as tx:
            for lease in await tx.work.lease(tx.now, MANY, timedelta(seconds=30)):
                await tx.work.release(lease, tx.now, None, 0)
