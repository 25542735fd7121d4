"""Sweeps over a real database and the fake cloud: what went missing, and what has no record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from atoll.backends.fake import FakeBackend, FakeCloud, Script, grid
from atoll.engine.engine import Engine, utc_now
from atoll.model.records import Instance
from atoll.model.states import InstanceState
from atoll.store.database import open_database, sqlite_url
from atoll.testing.builders import launch_request
from atoll.wire.api import SourceFile, Submission
from tests.engine.scene import SCRIPT, Scene, play

FLEET = "type: fleet\nname: demo\nnodes: 2\n"


@asynccontextmanager
async def engine_on(cloud: FakeCloud, home: Path) -> AsyncIterator[Engine]:
    database = await open_database(sqlite_url(home / "atoll.db"), utc_now)
    engine = await Engine.over(database, {"fake": FakeBackend(cloud)}, home)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


async def instances(engine: Engine) -> list[Instance]:
    async with engine.database.read() as tx:
        return list(await tx.fleets.live_instances())


async def until_active(engine: Engine, count: int) -> list[Instance]:
    while True:
        seen = engine.news.count
        found = await instances(engine)
        if sum(instance.state is InstanceState.ACTIVE for instance in found) == count:
            return found
        await engine.news.wait(seen, 1)


async def apply(engine: Engine, text: str = FLEET) -> datetime:
    await engine.apply("main", Submission((SourceFile("demo.atoll.yml", text),)))
    return engine.context.now()


async def test_a_machine_that_goes_away_by_itself_is_noticed_and_replaced(tmp_path: Path) -> None:
    cloud = FakeCloud(Script(grid()))
    async with engine_on(cloud, tmp_path) as engine:
        await apply(engine)
        first = await until_active(engine, 2)
        cloud.interrupt(first[0].backend_id or "")
        while first[0].id in {instance.id for instance in await instances(engine)}:
            await engine.news.wait(engine.news.count, 1)
        second = await until_active(engine, 2)
    assert {instance.id for instance in second} != {instance.id for instance in first}
    assert len(cloud.ledger.alive()) == 2


async def test_a_machine_without_a_record_is_reported_and_ended_only_on_request(tmp_path: Path) -> None:
    cloud = FakeCloud(Script(grid()))
    async with engine_on(cloud, tmp_path) as engine:
        await apply(engine)
        await until_active(engine, 2)
        owner, where = engine.context.owner, cloud.script.zones[0]
        lost = await FakeBackend(cloud).launch(launch_request(where, "f.2x8", "forgotten", owner=owner))
        foreign = await FakeBackend(cloud).launch(launch_request(where, "f.2x8", "foreign", owner="somebody-else"))
        found = await engine.orphans()
        assert [(each.id, each.token) for each in found] == [(lost.id, "forgotten")]
        assert lost.id in {machine.id for machine in cloud.ledger.alive()}
        newer = await FakeBackend(cloud).launch(launch_request(where, "f.2x8", "newer", owner=owner))
        ended = await engine.end_orphans({(one.kind.value, one.backend, one.id) for one in found})
        assert [one.id for one in ended] == [lost.id]
        assert [one.id for one in await engine.orphans()] == [newer.id]
        await engine.end_orphans({("instance", newer.zone.backend, newer.id)})
        assert await engine.orphans() == []
    alive = {machine.id for machine in cloud.ledger.alive()}
    assert lost.id not in alive
    assert foreign.id in alive
    assert len(alive) == 3


def test_a_backend_that_answers_slowly_is_swept_as_often_as_its_limits_say() -> None:
    """A sweep's own work is what it may not repeat too often; the wait for its backend costs no CPU."""

    async def story(scene: Scene) -> None:
        await scene.apply(FLEET)
        await scene.until(lambda: scene.states("instances").count("active") == 2)
        scene.cloud.interrupt(scene.rows("SELECT backend_id FROM instances")[0][0])
        await scene.until(lambda: "terminated" in scene.states("instances"), 30)

    play(story, replace(SCRIPT, latency={"*": (0.2, 0.2), "find": (3, 3)}))
