"""Runs and fleets that wait for what passes, are refused for what does not, and say what they wait for."""

from dataclasses import replace

import pytest

from atoll.backends.fake import Fault, grid
from atoll.engine.parts import planner
from atoll.engine.parts.refusal import Refused
from atoll.engine.placing.restraint import forget_changed
from atoll.model.failure import FailureKind
from atoll.model.records import GAVE_UP
from atoll.model.zone import Capacity
from tests.engine.scene import SCRIPT, Scene, play

ZONES = ("fake-1a", "fake-1b", "fake-1c")
FULL = replace(SCRIPT, offers=grid(3, cpus=(2, 8)), capacity={zone: Capacity(8, 32) for zone in ZONES})
HOG = (
    "type: task\nname: hog\nnodes: 3\nresources: {{cpu: 8}}\nidle_duration: 1s\ncommands: [work]\n"
    "env: {{FAKE_SECONDS: '{}'}}\n"
)
TASK = "type: task\nname: t\ncommands: [work]\nresources: {cpu: 2..}\n"
WAITS = ("retry: true\n", "retry: {on_events: [no-capacity], duration: 20m}\n")


@pytest.mark.parametrize("retry", WAITS)
def test_a_run_with_retry_is_accepted_when_all_is_used_and_runs_when_it_is_free(retry: str) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(HOG.format(200))
        planned = await scene.apply(TASK + retry)
        assert planned.complete
        [document] = planned.plan.documents
        assert planned.waits(document)
        [(message,)] = scene.rows("SELECT message FROM runs WHERE name = 't'")
        assert "8 of 8 CPUs are used" in message
        await scene.until(lambda: scene.states("runs") == ["done", "done"], 600)
        assert scene.rows("SELECT message FROM runs WHERE name = 't'") == [("",)]

    play(story, FULL)


def test_what_a_plan_does_not_decide_is_accepted_and_placed_by_a_later_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "USERS", 0)

    async def story(scene: Scene) -> None:
        tasks = "---\n".join(TASK.replace("name: t", f"name: {name}").replace("2..", "8") for name in ("one", "two"))
        planned = await scene.apply(tasks)
        assert [one.shortfall and one.shortfall.code for one in planned.plan.documents] == ["undecided", "undecided"]
        assert planned.complete
        assert planned.waits(planned.plan.documents[1])
        assert not planned.plan.proven
        [(message,)] = scene.rows("SELECT message FROM runs WHERE name = 'two'")
        assert message == "waits: not decided within the budget of one plan; it is planned again later"
        await scene.until(lambda: scene.states("runs") == ["done", "done"], 600)

    play(story, FULL)


@pytest.mark.parametrize("retry", ["", "retry: {on_events: [interruption, error]}\n"])
def test_a_run_that_does_not_wait_for_capacity_is_refused(retry: str) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(HOG.format(200))
        with pytest.raises(Refused, match="8 of 8 CPUs are used"):
            await scene.apply(TASK + retry)

    play(story, FULL)


@pytest.mark.parametrize(
    "never",
    [
        "resources: {cpu: 64}\n",
        "resources: {cpu: 8}\nnodes: 4\n",
        "max_price: 0.001\n",
        "spot_policy: spot\n",
        "creation_policy: reuse\n",
    ],
)
def test_what_can_never_fit_is_refused_whatever_retry_says(never: str) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(HOG.format(200))
        text = "type: task\nname: t\ncommands: [work]\nretry: true\n" + never
        if "reuse" in never:
            await scene.replica.engine.stop_run("main", "hog", True)
            await scene.until(lambda: set(scene.states("instances")) == {"terminated"})
        with pytest.raises(Refused, match="does not fit"):
            await scene.apply(text)

    play(story, FULL)


def test_a_run_that_waits_fails_at_the_end_of_its_duration() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(HOG.format(3000))
        await scene.apply(TASK + "retry: {on_events: [no-capacity], duration: 2m}\n")
        await scene.until(lambda: scene.states("runs")[-1] == "failed", 125)
        [(reason, message)] = scene.rows("SELECT reason, message FROM runs WHERE name = 't'")
        assert reason == "no-capacity"
        assert "8 of 8 CPUs are used" in message

    play(story, FULL)


def test_a_run_waits_for_the_busy_machine_of_its_fleet() -> None:
    task = "type: task\nname: {}\nfleets: [q]\ncreation_policy: reuse\ncommands: [work]\nenv: {{FAKE_SECONDS: '60'}}\n"

    async def story(scene: Scene) -> None:
        await scene.apply("type: fleet\nname: q\nnodes: 1\n")
        await scene.apply(task.format("b1"))
        with pytest.raises(Refused, match="busy"):
            await scene.apply(task.format("b2"))
        await scene.apply(task.format("b3") + "retry: true\n")
        await scene.until(lambda: scene.states("runs") == ["done", "done"], 300)

    play(story)


@pytest.mark.parametrize("fault", [FailureKind.CAPACITY_UNAVAILABLE, FailureKind.QUOTA_EXCEEDED])
def test_a_run_waits_for_the_end_of_remembered_failures(fault: FailureKind) -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", fault, times=None))
        await scene.apply("type: fleet\nname: f\nnodes: 3\nplacement: spread\nresources: {cpu: 2}\n")
        await scene.clock.sleep(60)
        scene.cloud.calm()
        with pytest.raises(Refused, match="left out until"):
            await scene.apply("type: task\nname: t\ncommands: [work]\n")
        await scene.apply("type: task\nname: t\ncommands: [work]\nretry: true\n")
        await scene.until(lambda: scene.states("runs") == ["done"], 7200)

    play(story)


def test_a_fleet_with_retry_is_accepted_when_all_is_used_and_gets_its_nodes_later() -> None:
    fleet = "type: fleet\nname: f\nnodes: 2\nresources: {cpu: 8}\nplacement: spread\n"

    async def story(scene: Scene) -> None:
        await scene.apply(HOG.format(200))
        with pytest.raises(Refused, match="the zones can take 0 of 2 nodes"):
            await scene.apply(fleet)
        await scene.apply(fleet + "retry: {on_events: [no-capacity], duration: 2h}\n")
        assert "can take 0 of 2 nodes" in scene.rows("SELECT message FROM fleets WHERE name = 'f'")[0][0]
        await scene.until(lambda: scene.states("instances").count("active") == 2, 600)

    play(story, FULL)


def test_a_run_says_that_the_zone_of_its_volume_is_down_and_not_that_others_lack_it() -> None:
    volume = "type: volume\nname: v\nbackend: fake\nsize: 10GB\navailability_zone: fake-1b\n"
    task = "type: task\nname: t\ncommands: [work]\nvolumes: ['v:/data']\n"

    async def story(scene: Scene) -> None:
        await scene.apply(volume)
        await scene.until(lambda: scene.states("volumes") == ["available"])
        scene.cloud.fail_zone("fake-1b")
        scene.replica.engine.context.worlds.invalidate()
        with pytest.raises(Refused, match="the nearest miss is fake-1b: impaired"):
            await scene.apply(task)
        await scene.apply(task + "retry: true\n")
        assert "fake-1b: impaired" in scene.rows("SELECT message FROM runs")[0][0]
        scene.cloud.restore_zone("fake-1b")
        await scene.until(lambda: scene.states("runs") == ["done"], 300)

    play(story)


def test_a_stopped_run_does_not_bear_the_reason_of_its_wait() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(HOG.format(3000))
        await scene.apply(TASK + "retry: true\n")
        await scene.replica.engine.stop_run("main", "t", False)
        await scene.until(lambda: scene.states("runs")[-1] == "stopped", 60)
        events = "SELECT message FROM events WHERE kind = 'run' AND name = 't' AND to_state IN ('stopping', 'stopped')"
        assert set(scene.rows(events)) == {("",)}

    play(story, FULL)


@pytest.mark.parametrize("idle", ["0s", "1s"])
def test_a_waiting_run_takes_the_machine_before_its_idle_time_ends_it(idle: str) -> None:
    fleet = f"type: fleet\nname: f\nnodes: 0..1\nresources: {{cpu: 2}}\nidle_duration: {idle}\n"
    task = "type: task\nname: {}\nfleets: [f]\ncommands: [work]\nretry: true\nenv: {{FAKE_SECONDS: '20'}}\n"

    async def story(scene: Scene) -> None:
        await scene.apply(fleet)
        for name in ("first", "second", "third"):
            await scene.apply(task.format(name))
        await scene.until(lambda: scene.states("runs") == ["done"] * 3, 300)
        assert sum(entry.call == "launch" for entry in scene.ledger.entries) == 1

    play(story)


WEB = "type: fleet\nname: web\nnodes: 2\nresources: {cpu: 8}\nplacement: spread\n"


def test_a_fleet_that_waits_gives_up_at_the_end_of_its_duration_and_tries_again_on_request() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, times=None))
        await scene.apply(WEB + "retry: {duration: 10m}\n")
        await scene.clock.sleep(590)
        [(hold, message)] = scene.rows("SELECT hold, message FROM fleets")
        assert hold == ""
        assert message.startswith("waits: ")
        await scene.clock.sleep(15)
        [(hold, message)] = scene.rows("SELECT hold, message FROM fleets")
        assert hold
        assert message.startswith("`retry.duration` is over: ")
        assert scene.rows("SELECT message FROM events WHERE reason = 'on-hold'") == [(message,)]
        scene.cloud.calm()
        await scene.clock.sleep(3600)
        assert scene.states("instances").count("active") == 0
        await scene.replica.engine.retry_fleet("main", "web")
        await scene.until(lambda: scene.states("instances").count("active") == 2, 60)
        await scene.until(lambda: scene.rows("SELECT hold, message, waiting_since FROM fleets") == [("", "", None)], 60)

    play(story, FULL)


def test_a_later_shortage_of_a_fleet_may_last_as_long_as_the_first() -> None:
    fleet = "type: fleet\nname: web\nnodes: 1\nresources: {cpu: 8}\navailability_zones: [fake-1a]\n"

    async def outage(scene: Scene) -> None:
        scene.cloud.fail_zone("fake-1a")
        await scene.clock.sleep(500)
        assert scene.rows("SELECT hold, waiting_since IS NULL FROM fleets") == [("", 0)]
        scene.cloud.restore_zone("fake-1a")
        await scene.until(lambda: scene.states("instances")[-1] == "active", 500)
        await scene.until(lambda: scene.rows("SELECT message, waiting_since FROM fleets") == [("", None)], 60)

    async def story(scene: Scene) -> None:
        await scene.apply(fleet + "retry: {duration: 10m}\n")
        await scene.until(lambda: scene.states("instances") == ["active"], 60)
        for _ in range(2):
            await outage(scene)

    play(story, FULL)


def test_a_fleet_that_gave_up_tries_again_when_its_configuration_or_that_of_a_backend_changes() -> None:
    async def gives_up(scene: Scene, nodes: int) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, times=None))
        await scene.apply(WEB.replace("nodes: 2", f"nodes: {nodes}") + "retry: {duration: 5m}\n")
        await scene.until(lambda: scene.rows("SELECT hold FROM fleets") == [(GAVE_UP,)], 400)
        scene.cloud.calm()
        await scene.clock.sleep(4000)

    async def story(scene: Scene) -> None:
        await gives_up(scene, 1)
        await scene.apply(WEB.replace("nodes: 2", "nodes: 1") + "retry: true\n")
        await scene.until(lambda: scene.states("instances").count("active") == 1, 60)
        await gives_up(scene, 2)
        await scene.restart()
        await scene.clock.sleep(60)
        assert scene.states("instances").count("active") == 1
        scene.rows("INSERT INTO settings VALUES ('configuration/fake', 'former')")
        async with scene.replica.engine.database.write() as tx:
            await forget_changed(tx, {"fake": "another"})
        await scene.until(lambda: scene.states("instances").count("active") == 2, 60)

    play(story, FULL)
