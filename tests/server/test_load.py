"""What requests meet while much is worked on."""

import asyncio
import gc
from datetime import UTC, datetime

from pydantic import TypeAdapter

from atoll.engine.parts.background import READS, BackgroundDatabase
from atoll.engine.parts.provider_calls import MOST_CALLS, MOST_WAITING, SPARE, Calls
from atoll.server.app import prepare
from atoll.server.bounds import PAGE
from atoll.store.database import Database
from tests.server.conftest import Served


async def test_the_first_request_of_a_route_builds_nothing_that_others_would_wait_for(served: Served) -> None:
    def shapes() -> int:
        return sum(isinstance(each, TypeAdapter) for each in gc.get_objects())

    none = shapes()
    prepare(served.app)
    built = shapes()
    for path in ("fleets", "volumes", "zones"):
        await served.ask("GET", f"/api/projects/main/{path}")
    assert shapes() == built > none


async def test_a_page_of_fleets_ends_before_it_has_too_many_instances(served: Served) -> None:
    sizes = {"a": 600, "b": 400, "c": 1, "d": 1200, "e": 0}
    nodes = {name: size or "0..2" for name, size in sizes.items()}
    await served.apply("---\n".join(f"type: fleet\nname: {name}\nnodes: {count}\n" for name, count in nodes.items()))
    pages, after = [], ""
    while True:
        answer = await served.ask("GET", f"/api/projects/main/fleets?limit=100{after}")
        pages.append([(fleet["name"], len(fleet["instances"])) for fleet in answer.json()])
        if "atoll-next" not in answer.headers:
            break
        after = f"&after={answer.headers['atoll-next']}"
    assert sorted(fleet for page in pages for fleet in page) == sorted(sizes.items())
    assert len(pages) > 1
    assert all(len(page) == 1 or sum(size for _, size in page) <= PAGE for page in pages)


async def test_zones_show_the_capacity_that_all_instances_take(served: Served) -> None:
    await served.apply("type: fleet\nname: a\nnodes: 6\nplacement: spread\nresources: {cpu: 4}\n")
    zones = (await served.ask("GET", "/api/projects/main/zones")).json()
    assert [(zone["instances"], zone["used"]["cpus"], zone["used"]["memory_gb"]) for zone in zones] == [(2, 8, 32)] * 3


async def test_work_in_the_background_leaves_connections(served: Served) -> None:
    behind = BackgroundDatabase(served.engine.database)
    inside, go = 0, asyncio.Event()

    async def turn() -> None:
        nonlocal inside
        async with behind.read():
            inside += 1
            await go.wait()

    turns = [asyncio.create_task(turn()) for _ in range(4 * READS)]
    await _until_asked(served.engine.database)
    assert inside <= READS
    go.set()
    await asyncio.gather(*turns)
    assert inside == 4 * READS


async def _until_asked(database: Database) -> None:
    """A request's look at the database goes ahead of the turns that wait."""
    async with asyncio.timeout(5):
        for _ in range(20):
            async with database.read() as tx:
                await tx.settings.get("owner")


class Provider:
    """Answers once it may; knows how many calls are under way, and how many ever were."""

    def __init__(self) -> None:
        self.inside = self.most = self.answered = 0
        self.go = asyncio.Event()

    async def launch(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.go.wait()
        await asyncio.sleep(0)
        self.inside -= 1
        self.answered += 1


async def test_launches_wait_in_turn_for_room_and_leave_some_to_other_calls() -> None:
    calls, provider = Calls(lambda: datetime.now(UTC)), Provider()

    async def launch() -> None:
        await calls.room("fake")
        await calls.make("fake", None, provider.launch)

    crowd = [asyncio.create_task(launch()) for _ in range(MOST_CALLS + MOST_WAITING // 2)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert provider.inside == MOST_CALLS - SPARE
    for task in crowd[provider.inside : provider.inside + 10]:
        task.cancel()  # a request that is given up makes way for the next
    provider.go.set()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert provider.answered == len(crowd) - 10
    assert provider.most == MOST_CALLS - SPARE
    await asyncio.wait_for(launch(), 5)


async def test_where_too_many_wait_for_room_the_next_does_not() -> None:
    calls, provider = Calls(lambda: datetime.now(UTC)), Provider()

    async def launch() -> None:
        await calls.room("fake")
        await calls.make("fake", None, provider.launch)

    crowd = [asyncio.create_task(launch()) for _ in range(MOST_CALLS - SPARE + MOST_WAITING)]
    for _ in range(5):
        await asyncio.sleep(0)
    await asyncio.wait_for(calls.room("fake"), 5)
    provider.go.set()
    await asyncio.gather(*crowd)
