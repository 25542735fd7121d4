"""Retention: history is deleted when it is old enough, and nothing that is still needed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from atoll.backends.fake.script import JobScript
from atoll.model.retention import Retention
from tests.engine.scene import SCRIPT, Scene, play

MINUTES = timedelta(minutes=10)
SHORT = Retention(MINUTES, MINUTES, None, MINUTES, MINUTES)
TASK = "type: task\nname: {name}\nnodes: 2\ncommands: [echo hello]\nidle_duration: 1m\nresources: {{cpu: 2}}\n"
HISTORY = ("runs", "jobs", "instances", "fleets", "volumes", "attachments")
NOTHING = dict.fromkeys(HISTORY, 0) | {"events": 1}
LOG_BYTES = 250


async def _finish(scene: Scene, name: str) -> None:
    await scene.apply(TASK.format(name=name))
    await scene.until(lambda: scene.rows(f"SELECT 1 FROM runs WHERE name = '{name}' AND state = 'done'") != [])


def _counts(scene: Scene) -> dict[str, int]:
    return {table: scene.rows(f"SELECT count(*) FROM {table}")[0][0] for table in (*HISTORY, "events")}


def test_all_that_is_over_is_deleted_after_its_time_and_only_the_newest_event_stays() -> None:
    async def story(scene: Scene) -> None:
        await _finish(scene, "one")
        before = _counts(scene)
        assert before["runs"] == 1
        assert before["jobs"] == before["instances"] == 2
        assert before["events"] > 10
        await scene.clock.sleep(MINUTES.total_seconds() - 60)
        assert _counts(scene)["runs"] == 1
        await scene.until(lambda: _counts(scene) == NOTHING, 3600)
        assert await scene.disk.logs.total() == 0

    play(story, retention=SHORT)


def test_a_server_that_takes_over_goes_on_deleting() -> None:
    async def story(scene: Scene) -> None:
        await _finish(scene, "one")
        await scene.clock.sleep(MINUTES.total_seconds() - 60)
        await scene.restart()
        await scene.until(lambda: _counts(scene) == NOTHING, 3600)

    play(story, retention=SHORT)


def test_a_run_that_goes_on_and_its_machines_are_kept() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK.format(name="long"))
        await scene.until(lambda: scene.states("runs") == ["running"])
        await scene.clock.sleep(3 * MINUTES.total_seconds())
        assert scene.states("runs") == ["running"]
        assert scene.states("jobs") == ["running"] * 2
        assert scene.states("instances") == ["active"] * 2

    play(story, replace(SCRIPT, jobs=JobScript(seconds=86400)), SHORT)


def test_logs_above_their_total_size_are_deleted_those_of_the_first_jobs_first() -> None:
    async def story(scene: Scene) -> None:
        for name in ("first", "second", "third"):
            await _finish(scene, name)
        whole = await scene.disk.logs.total()
        assert whole > LOG_BYTES
        await scene.clock.sleep(300)
        deleted = [run for (run,) in scene.rows("SELECT run FROM jobs WHERE log_deleted ORDER BY finished_at")]
        assert deleted[:1] == ["first"]
        assert "third" not in deleted
        assert 0 < await scene.disk.logs.total() <= LOG_BYTES

    play(story, retention=Retention(log_bytes=LOG_BYTES))


@pytest.mark.parametrize("kept", [Retention(), Retention(None, None, None, None, None)])
def test_nothing_recent_is_deleted(kept: Retention) -> None:
    async def story(scene: Scene) -> None:
        await _finish(scene, "one")
        await scene.clock.sleep(1800)
        assert _counts(scene)["jobs"] == 2
        assert scene.rows("SELECT count(*) FROM jobs WHERE log_deleted") == [(0,)]

    play(story, retention=kept)
