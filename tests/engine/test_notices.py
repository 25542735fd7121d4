"""Machines whose provider gives notice that it takes them back: jobs end before it does, and go on elsewhere."""

from dataclasses import replace

import pytest

from atoll.backends.fake import grid
from tests.engine.scene import SCRIPT, Scene, play

NOTICE = 120.0
SPOT = replace(SCRIPT, offers=grid(3, cpus=(2,), spot=True), notice=NOTICE)
TASK = "type: task\nname: t\nresources: {cpu: 2}\nspot_policy: spot\ncommands: [work]\nenv: {FAKE_SECONDS: 100000}\n"
RETRY = "retry: {on_events: [interruption]}\n"


async def running(scene: Scene, attempts: int = 1) -> None:
    await scene.until(lambda: scene.states("jobs").count("running") == 1 and len(scene.states("jobs")) == attempts)


def test_a_job_ends_within_the_notice_and_goes_on_in_another_zone() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK + RETRY)
        await running(scene)
        [machine] = scene.ledger.alive()
        scene.cloud.interrupt(machine.id)
        noticed = scene.clock.elapsed
        await running(scene, attempts=2)
        assert scene.clock.elapsed < noticed + NOTICE, "it goes on before the machine is gone"
        [successor] = [each for each in scene.ledger.alive() if each.id != machine.id]
        assert successor.zone != machine.zone, "the offer that is interrupted is avoided"
        [(state, reason, message)] = scene.rows("SELECT state, reason, message FROM jobs WHERE state != 'running'")
        assert (state, reason) == ("failed", "interrupted")
        assert machine.zone.name in message
        assert "takes the machine back at" in message

    play(story, SPOT)


def test_a_job_that_takes_long_to_end_is_ended_before_its_machine_is() -> None:
    slow = replace(SPOT, jobs=replace(SPOT.jobs, stop_seconds=1000))

    async def story(scene: Scene) -> None:
        await scene.apply(TASK + RETRY)
        await running(scene)
        [machine] = scene.ledger.alive()
        scene.cloud.interrupt(machine.id)
        noticed = scene.clock.elapsed
        await scene.until(lambda: "failed" in scene.states("jobs"))
        assert NOTICE - 40 < scene.clock.elapsed - noticed < NOTICE
        assert scene.ledger.machines[machine.id].ended_at is None
        assert scene.rows("SELECT reason FROM jobs WHERE state = 'failed'") == [("interrupted",)]

    play(story, slow)


def test_a_run_without_retry_fails_with_the_reason() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK)
        await running(scene)
        [machine] = scene.ledger.alive()
        scene.cloud.interrupt(machine.id)
        await scene.until(lambda: scene.states("runs") == ["failed"])
        [(reason, message)] = scene.rows("SELECT reason, message FROM runs")
        assert reason == "interrupted"
        assert "takes the machine back at" in message
        await scene.until(lambda: not scene.ledger.alive(scene.clock.now()))

    play(story, SPOT)


def test_an_idle_node_is_replaced_within_the_notice() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(
            "type: fleet\nname: f\nnodes: 2\nspot_policy: spot\nresources: {cpu: 2}\nidle_duration: off\n"
        )
        await scene.until(lambda: scene.states("instances") == ["active", "active"])
        machine = scene.ledger.alive()[0]
        scene.cloud.interrupt(machine.id)
        noticed = scene.clock.elapsed
        await scene.until(
            lambda: scene.states("instances").count("active") == 2 and len(scene.states("instances")) == 3
        )
        assert scene.clock.elapsed < noticed + NOTICE
        assert scene.rows("SELECT reason FROM events WHERE reason = 'interrupted'")
        ended = "SELECT outcome FROM observations WHERE outcome = 'interrupted'"
        await scene.until(lambda: scene.rows(ended) == [("interrupted",)])

    play(story, SPOT)


@pytest.mark.parametrize("seconds", [1.0, 20.0])
def test_a_server_that_starts_again_within_the_notice_keeps_to_it(seconds: float) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK + RETRY)
        await running(scene)
        [machine] = scene.ledger.alive()
        scene.cloud.interrupt(machine.id)
        noticed = scene.clock.elapsed
        await scene.clock.sleep(seconds)
        await scene.restart()
        await running(scene, attempts=2)
        assert scene.clock.elapsed < noticed + NOTICE
        assert len(scene.states("jobs")) == 2

    play(story, SPOT)
