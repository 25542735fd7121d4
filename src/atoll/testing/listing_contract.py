"""What lists must read from every database, as tests: subclass `ListingContract` with a fixture `url`."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from atoll.model.records import Attachment, Job, Run
from atoll.model.states import AttachmentState, InstanceState, JobState, RunState
from atoll.store.database import Database
from atoll.testing.store_samples import HOUR, NOW, instance, opened


class ListingContract:
    """What lists read."""

    @pytest.fixture
    def url(self) -> str:
        """The URL of an empty database of the newest schema."""
        raise NotImplementedError

    @pytest.fixture
    async def db(self, url: str) -> AsyncIterator[Database]:
        """A database with instances of several fleets, kept in another order than they are listed in."""
        async with opened(url) as [database]:
            async with database.write() as tx:
                for number, (fleet, node) in enumerate([("b", 0), ("a", 10), ("a", 2), ("a", 0)]):
                    await tx.add(replace(instance(f"i{number}", node), fleet_id=fleet, fleet=fleet))
                await tx.add(replace(instance("other"), project="other", fleet="a"))
                await tx.add(replace(instance("gone"), fleet_id="a", fleet="a", state=InstanceState.TERMINATED))
            yield database

    async def test_instances_come_page_by_page_in_the_order_of_fleet_and_node(self, db: Database) -> None:
        async with db.read() as tx:
            first = await tx.listing.instances("main", None, 3)
            second = await tx.listing.instances("main", first[-1].id, 3)
            assert [one.name for one in [*first, *second]] == ["a-0", "a-2", "a-10", "b-0"]
            assert await tx.listing.instances("main", "i0", 3) == []

    async def test_nothing_follows_an_instance_that_is_not_there(self, db: Database) -> None:
        async with db.read() as tx:
            assert await tx.listing.instances("main", "nobody", 3) == []
            assert await tx.listing.instances("main", "other", 3) == []

    async def test_a_page_may_follow_an_instance_that_is_gone_by_now(self, db: Database) -> None:
        async with db.read() as tx:
            assert [one.name for one in await tx.listing.instances("main", "gone", 9)] == ["a-0", "a-2", "a-10", "b-0"]

    async def test_instances_of_fleets_come_by_fleet(self, db: Database) -> None:
        async with db.read() as tx:
            found = await tx.listing.instances_of(["a", "b", "c"])
        names = {fleet: [machine.name for machine in machines] for fleet, machines in found.items()}
        assert names == {"a": ["a-0", "a-2", "a-10"], "b": ["b-0"]}

    async def test_a_shown_instance_has_what_it_is_and_what_is_on_it(self, db: Database) -> None:
        there = instance("i9")
        held = replace(
            there, fleet_id="f9", state=InstanceState.ACTIVE, unreachable_since=NOW, backend_id="m", message="why"
        )
        async with db.write() as tx:
            await tx.add(held)
            for id, state in (("j2", JobState.RUNNING), ("j1", JobState.RUNNING), ("j0", JobState.DONE)):
                await tx.add(Job(id, "main", f"r-{id}", f"run-{id}", 0, 0, state, NOW, instance_id="i9"))
            for id, tied in (("a1", AttachmentState.ATTACHED), ("a0", AttachmentState.DETACHED)):
                await tx.add(Attachment(id, "main", f"v-{id}", "i9", "j1", f"volume-{id}", tied, there.zone))
        async with db.read() as tx:
            [found] = (await tx.listing.instances_of(["f9"]))["f9"]
        assert (found.id, found.fleet, found.node, found.price) == ("i9", "demo", 0, 0.5)
        assert (found.state, found.market, found.created_at) == (held.state, held.market, NOW)
        assert (found.zone, found.zone.zone_id, found.instance_type) == (held.zone, "id-b", held.instance_type)
        assert (found.backend_id, found.end_reason, found.message, found.unreachable_since) == ("m", "", "why", NOW)
        assert (found.runs, found.volumes) == (("run-j1", "run-j2"), ("volume-a1",))

    async def test_pages_of_runs_begin_with_the_newest_and_go_back_without_gap_or_overlap(self, db: Database) -> None:
        times = [NOW, NOW + HOUR, NOW + HOUR, NOW + 2 * HOUR, NOW + 3 * HOUR]
        made = [Run(f"r{n}", "main", f"n{n}", "task", RunState.DONE, {}, at, at) for n, at in enumerate(times)]
        async with db.write() as tx:
            await tx.add_all(made)
        seen: list[str] = []
        async with db.read() as tx:
            while page := await tx.listing.runs("main", seen[-1] if seen else None, 2, finished=True, newest=True):
                seen += [run.id for run in page]
        assert seen == ["r4", "r3", "r2", "r1", "r0"]
