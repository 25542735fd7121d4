"""What is not tried again at once: refused requests, and machines and jobs that end soon after their start."""

from dataclasses import replace

import pytest

from atoll.backends.fake import Fault
from atoll.engine.engine import config_digest
from atoll.engine.parts.refusal import Refused
from atoll.model.failure import FailureKind
from tests.engine.scene import SCRIPT, Scene, play

FLEET = "type: fleet\nname: f\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: 2}}\n"
TASK = "type: task\nname: t\ncommands: [work]\n"
OF_THE_REQUEST = (FailureKind.INVALID_REQUEST, FailureKind.ZONE_MISMATCH, FailureKind.NOT_FOUND)


def launches(scene: Scene) -> int:
    return sum(entry.call == "launch" for entry in scene.ledger.entries)


def events(scene: Scene) -> list[tuple[str, str]]:
    """When fleets and runs went on hold, and when they were released, with what was said."""
    return scene.rows(  # type: ignore[return-value]
        "SELECT reason, message FROM events WHERE reason IN ('on-hold', 'hold-ended') ORDER BY seq"
    )


@pytest.mark.parametrize("kind", OF_THE_REQUEST)
def test_a_fleet_whose_request_is_refused_is_on_hold_and_says_what_the_provider_said(kind: FailureKind) -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", kind, times=None))
        await scene.apply(FLEET.format(nodes=2))
        await scene.clock.sleep(600)
        assert launches(scene) <= 2
        [(hold, message)] = scene.rows("SELECT hold, message FROM fleets")
        assert hold.startswith("fake:")
        assert "fake refused the request: " in message
        assert events(scene) == [("on-hold", message)]
        scene.cloud.calm()
        await scene.replica.engine.retry_fleet("main", "f")
        assert events(scene)[1:] == [("hold-ended", "")]

    play(story)


async def refuse(scene: Scene, text: str) -> int:
    """A fleet or run on hold, and its cloud well again; the launches until then."""
    scene.cloud.inject(Fault("launch", FailureKind.INVALID_REQUEST, times=None))
    await scene.apply(text)
    await scene.clock.sleep(60)
    scene.cloud.calm()
    await scene.clock.sleep(600)
    return launches(scene)


def test_a_fleet_on_hold_tries_again_when_its_configuration_changes() -> None:
    async def story(scene: Scene) -> None:
        before = await refuse(scene, FLEET.format(nodes=2))
        assert before <= 2
        await scene.apply(FLEET.format(nodes=3))
        await scene.until(lambda: scene.states("instances").count("active") == 3, 60)
        assert scene.rows("SELECT hold, message FROM fleets") == [("", "")]

    play(story)


def test_a_fleet_on_hold_tries_again_on_request() -> None:
    async def story(scene: Scene) -> None:
        await refuse(scene, FLEET.format(nodes=2))
        await scene.replica.engine.retry_fleet("main", "f")
        await scene.until(lambda: scene.states("instances").count("active") == 2, 60)

    play(story)


def test_a_fleet_on_hold_tries_again_when_the_backend_is_configured_otherwise_and_not_before() -> None:
    async def story(scene: Scene) -> None:
        before = await refuse(scene, FLEET.format(nodes=2))
        await scene.restart()
        await scene.clock.sleep(60)
        assert launches(scene) == before
        memory = "UPDATE fleets SET hold = 'fake:" + config_digest({"type": "fake", "zones": 2}) + "'"
        scene.rows(memory)
        await scene.restart()
        await scene.until(lambda: scene.states("instances").count("active") == 2, 60)

    play(story)


def test_a_fleet_on_hold_can_be_made_smaller_and_deleted() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=1))
        await scene.until(lambda: scene.states("instances") == ["active"])
        await refuse(scene, FLEET.format(nodes=2))
        await scene.replica.engine.delete_fleet("main", "f")
        await scene.until(lambda: scene.states("fleets") == ["deleted"], 60)
        assert scene.rows("SELECT message FROM events WHERE to_state IN ('deleting', 'deleted')")[0] == ("",)

    play(story)


def test_a_run_whose_request_is_refused_is_on_hold_and_gives_its_other_machines_back() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.INVALID_REQUEST, times=1))
        await scene.apply(TASK + "nodes: 3\nidle_duration: 10s\nretry: true\n")
        await scene.clock.sleep(600)
        assert launches(scene) == 3
        assert set(scene.states("instances")) == {"terminated"}
        [(message,)] = scene.rows("SELECT message FROM runs")
        assert "fake refused the request: " in message
        await scene.replica.engine.retry_run("main", "t")
        await scene.until(lambda: scene.states("runs") == ["done"], 60)

    play(story)


@pytest.mark.parametrize("kind", OF_THE_REQUEST)
def test_a_fleet_whose_launches_are_refused_can_be_deleted(kind: FailureKind) -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", kind, times=None))
        await scene.apply(FLEET.format(nodes=2))
        await scene.clock.sleep(60)
        await scene.replica.engine.delete_fleet("main", "f")
        await scene.until(lambda: scene.states("fleets") == ["deleted"], 60)

    play(story)


ELASTIC = """
type: fleet
name: f
nodes: 0..2
resources: {cpu: 2}
---
type: task
name: t
fleets: [f]
commands: [work]
"""


@pytest.mark.parametrize("way", ["run", "fleet", "delete"])
def test_a_run_on_an_elastic_fleet_that_rests_is_on_hold_with_it_and_continues_with_it(way: str) -> None:
    async def story(scene: Scene) -> None:
        engine = scene.replica.engine
        assert await refuse(scene, ELASTIC) == 1
        assert scene.states("runs") == ["provisioning"]
        [(hold, message)] = scene.rows("SELECT hold, message FROM runs")
        assert hold.startswith("fake:")
        assert "fleet `f` is on hold: fake refused the request: " in message
        if way == "delete":
            await engine.delete_fleet("main", "f")
            await scene.until(lambda: scene.states("runs") == ["failed"], 60)
            return
        await (engine.retry_run("main", "t") if way == "run" else engine.retry_fleet("main", "f"))
        await scene.until(lambda: scene.states("runs") == ["done"], 60)

    play(story)


def test_a_run_whose_volume_cannot_be_attached_is_on_hold_and_gives_its_machine_back() -> None:
    volume = "type: volume\nname: v\nbackend: fake\nsize: 1GB\navailability_zone: fake-1a\n---\n"

    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("attach", FailureKind.INVALID_REQUEST, times=None))
        await scene.apply(volume + TASK + "volumes: ['v:/v']\nidle_duration: 10s\nretry: true\n")
        await scene.clock.sleep(3600)
        assert sum(entry.call == "attach" for entry in scene.ledger.entries) <= 6
        assert set(scene.states("instances")) == {"terminated"}
        [(hold, message)] = scene.rows("SELECT hold, message FROM runs")
        assert hold.startswith("fake:")
        assert "fake refused the request: " in message
        scene.cloud.calm()
        await scene.replica.engine.retry_run("main", "t")
        await scene.until(lambda: scene.states("runs") == ["done"], 120)

    play(story)


def test_a_run_on_hold_can_be_stopped_and_does_not_end_with_the_reason_of_its_hold() -> None:
    async def story(scene: Scene) -> None:
        await refuse(scene, TASK)
        await scene.replica.engine.stop_run("main", "t", False)
        await scene.until(lambda: scene.states("runs") == ["stopped"], 60)
        assert scene.rows("SELECT message FROM runs") == [("",)]
        with pytest.raises(Refused, match="run `t` is stopped"):
            await scene.replica.engine.retry_run("main", "t")

    play(story)


def test_runs_that_fail_at_once_get_growing_pauses() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK + "retry: {on_events: [error]}\nenv: {FAKE_SECONDS: '1', FAKE_EXIT_CODE: '3'}\n")
        await scene.clock.sleep(60)
        early = len(scene.states("jobs"))
        assert 3 <= early <= 6
        await scene.clock.sleep(3600)
        assert len(scene.states("jobs")) <= early + 18

    play(story)


def test_a_run_that_pauses_before_its_next_try_is_not_shown_as_running() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK + "retry: {on_events: [error]}\nenv: {FAKE_EXIT_CODE: '1'}\n")
        await scene.until(lambda: "in a row" in scene.rows("SELECT message FROM runs")[0][0], 120)
        view = await scene.replica.engine.runs.get("main", "t")
        assert (view.status, view.jobs[0].status) == ("submitted", "failed")
        assert "retried in" in view.message

    play(story)


def test_a_run_that_is_being_stopped_is_not_sent_to_its_stop_again() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK + "env: {FAKE_SECONDS: '600'}\n")
        await scene.until(lambda: scene.states("runs") == ["running"], 60)
        for help in ("`atoll stop t` first", "it is being stopped: `atoll run get t` shows why it waits"):
            with pytest.raises(Refused) as refused:
                await scene.replica.engine.delete_run("main", "t")
            assert refused.value.help == help
            await scene.replica.engine.stop_run("main", "t", False)

    play(story)


def test_a_run_that_fails_after_more_than_a_minute_is_retried_at_once() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK + "retry: {on_events: [error]}\nenv: {FAKE_SECONDS: '100', FAKE_EXIT_CODE: '3'}\n")
        await scene.clock.sleep(1000)
        assert len(scene.states("jobs")) >= 9

    play(story)


def test_machines_that_die_soon_after_their_start_are_replaced_after_growing_pauses() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=2))
        for _ in range(600):
            for machine in scene.ledger.alive(scene.clock.now()):
                scene.cloud.interrupt(machine.id)
            await scene.clock.sleep(2)
        assert launches(scene) <= 24
        await scene.until(lambda: scene.states("instances").count("active") == 2, 600)

    play(story)


def test_machines_that_are_lost_together_with_their_zone_count_as_one_failure() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=9))
        await scene.until(lambda: scene.states("instances") == ["active"] * 9)
        scene.cloud.fail_zone("fake-1a")
        await scene.until(lambda: scene.states("instances").count("terminated") == 3, 30)
        assert scene.rows("SELECT early_failures FROM fleets") == [(1,)]

    play(story)


def test_credentials_that_expire_leave_a_backend_out_for_minutes_and_not_for_ever() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.AUTH_FAILED, times=None))
        await scene.apply(FLEET.format(nodes=2))
        await scene.clock.sleep(120)
        scene.cloud.calm()
        await scene.until(lambda: scene.states("instances").count("active") == 2, 600)

    play(story, replace(SCRIPT, boot=0))


def test_why_a_run_pauses_is_not_the_reason_of_its_stop() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(TASK + "retry: {on_events: [error]}\nenv: {FAKE_EXIT_CODE: '1'}\n")
        await scene.until(lambda: "in a row" in scene.rows("SELECT message FROM runs")[0][0], 120)
        await scene.replica.engine.stop_run("main", "t", False)
        await scene.until(lambda: scene.states("runs") == ["stopped"], 60)
        [(newest,)] = scene.rows("SELECT min(seq) FROM events WHERE reason = 'stop-asked'")
        texts = scene.rows(f"SELECT message FROM events WHERE kind = 'run' AND seq >= {newest}")
        assert {text for (text,) in texts} == {""}
        assert scene.rows("SELECT message FROM runs") == [("",)]

    play(story)
