"""The logs of running jobs are collected beside the worker."""

from dataclasses import replace

import pytest

from atoll.backends.fake import JobScript
from atoll.engine.following import logs as following
from atoll.engine.work import worker
from atoll.model.records import Job
from tests.engine.scene import SCRIPT, Scene, play

LONG = replace(SCRIPT, jobs=JobScript(seconds=7200))
TASK = "type: task\nname: {name}\ncommands: [work]\nresources: {{cpu: 2}}\n"


async def log_of(scene: Scene, run: str) -> str:
    """The output that is stored of a run's only job, without the times."""
    [(id,)] = scene.rows(f"SELECT j.id FROM jobs j WHERE j.run = '{run}'")
    async with scene.replica.engine.database.read() as tx:
        job = await tx.get(Job, id)
    assert job is not None
    text = (await scene.replica.engine.logs.read(job, 0, 1 << 20)).decode()
    return "|".join(line.split(" ", 3)[3] for line in text.splitlines())


def test_quiet_jobs_take_no_slot_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PARALLEL", 4)

    async def story(scene: Scene) -> None:
        for number in range(12):
            await scene.apply(TASK.format(name=f"t{number}"))
        await scene.until(lambda: scene.states("jobs") == ["running"] * 12)
        await scene.clock.sleep(120)
        began = scene.clock.elapsed
        await scene.apply("type: fleet\nname: f\nnodes: 1\nresources: {cpu: 2}\n")
        await scene.until(lambda: scene.states("instances") == ["active"] * 13, 60)
        assert scene.clock.elapsed - began < 3

    play(story, LONG)


def test_the_log_is_complete_when_the_job_is_done() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK.format(name="t"))
        await scene.until(lambda: scene.states("jobs") == ["done"])
        assert await log_of(scene, "t") == "+ work|exit 0"

    play(story)


def test_a_log_of_many_pieces_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 6, 13):
        monkeypatch.setattr(following, "LOG_CHUNK", size)

        async def story(scene: Scene) -> None:
            await scene.apply(TASK.format(name="t"))
            await scene.until(lambda: scene.states("jobs") == ["done"])
            assert await log_of(scene, "t") == "+ work|exit 0"

        play(story)


def test_a_log_is_followed_on_by_another_server_without_a_gap_or_a_repetition() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK.format(name="t"))
        await scene.until(lambda: scene.states("jobs") == ["running"])
        await scene.clock.sleep(30)
        await scene.restart()
        await scene.until(lambda: scene.states("jobs") == ["done"])
        assert await log_of(scene, "t") == "+ work|exit 0"

    play(story, replace(SCRIPT, jobs=JobScript(seconds=90)))


def test_a_new_server_follows_running_jobs_at_once() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK.format(name="t"))
        await scene.until(lambda: scene.states("jobs") == ["running"])
        await scene.clock.sleep(2)
        await scene.restart()
        await scene.until(lambda: scene.states("jobs") == ["done"], 12)

    play(story, replace(SCRIPT, jobs=JobScript(seconds=10)))


def test_a_job_that_ends_while_its_agent_is_silent_is_done_when_the_agent_answers_again() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK.format(name="t"))
        await scene.until(lambda: scene.states("jobs") == ["running"])
        [machine] = scene.ledger.alive()
        scene.cloud.silence(machine.id)
        await scene.clock.sleep(40)
        assert scene.states("jobs") == ["running"]
        assert scene.rows("SELECT 1 FROM instances WHERE unreachable_since IS NOT NULL")
        scene.cloud.hear_all()
        await scene.until(lambda: scene.states("jobs") == ["done"], 30)
        assert await log_of(scene, "t") == "+ work|exit 0"

    play(story, replace(SCRIPT, jobs=JobScript(seconds=20)))
