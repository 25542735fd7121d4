"""Many records wait for a place at once: they are planned together, and none suffers for another one."""

from collections.abc import Callable
from itertools import groupby

import pytest

from atoll.backends.fake import Fault
from atoll.model.failure import FailureKind
from atoll.planning import Planner
from atoll.planning.plan import Plan
from atoll.planning.request import Request
from atoll.planning.snapshot import Snapshot
from tests.engine.scene import Scene, play

FLEET = "type: fleet\nname: f\nnodes: 12\nplacement: spread\nresources: {cpu: 2}\n"
TASK = "---\ntype: task\nname: t{}\ncommands: [work]\nfleets: [f]\nretry: true\nenv: {{FAKE_SECONDS: '600'}}\n"


def watched(patch: pytest.MonkeyPatch, check: Callable[[list[str]], None]) -> list[list[str]]:
    """The names that each plan was for; `check` is called before the plan is made."""
    plans: list[list[str]] = []

    class Watched(Planner):
        def __call__(self, request: Request, snapshot: Snapshot, *, explained: bool = True) -> Plan:
            if explained:
                plans.append([document.name for document in request.documents])
                check(plans[-1])
            return super().__call__(request, snapshot, explained=explained)

    patch.setattr("atoll.engine.parts.planner.Planning", Watched)
    return plans


def is_run(name: str) -> bool:
    return name != "f"


async def lose_a_zone_under_twelve_runs(scene: Scene) -> None:
    await scene.apply(FLEET)
    await scene.until(lambda: scene.states("instances") == ["active"] * 12)
    await scene.apply("".join(TASK.format(number) for number in range(12))[4:])
    await scene.until(lambda: scene.states("jobs") == ["running"] * 12)
    scene.cloud.fail_zone("fake-1a")
    await scene.until(lambda: scene.states("jobs").count("failed") == 4)
    await scene.until(lambda: scene.states("runs") == ["running"] * 12 and scene.states("jobs").count("running") == 12)


def test_runs_that_lost_their_machines_at_the_same_time_are_planned_together(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = watched(monkeypatch, lambda names: None)
    play(lose_a_zone_under_twelve_runs)
    again = [names for names in plans[2:] if names != ["f"]]
    assert max(len(names) for names in again) > 1
    assert len(again) < sum(len(names) for names in again)


def test_where_a_plan_for_several_fails_each_of_them_is_planned_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = []

    def fault(names: list[str]) -> None:
        if 1 < len([*filter(is_run, names)]) < 12:
            refused.append(names)
            raise ArithmeticError("a fault of the planner's")

    plans = watched(monkeypatch, fault)
    play(lose_a_zone_under_twelve_runs)
    assert refused
    after = plans.index(refused[0]) + 1
    of_runs = [[*filter(is_run, names)] for names in plans[after:]]
    alone = [names for names, _ in groupby(filter(None, of_runs))]
    runs = [*filter(is_run, refused[0])]
    assert alone[: len(runs)] == [[name] for name in runs]


def test_runs_that_are_planned_together_get_machines_of_their_own() -> None:
    async def story(scene: Scene) -> None:
        await lose_a_zone_under_twelve_runs(scene)
        machines = scene.rows("SELECT instance_id FROM jobs WHERE state = 'running'")
        assert len(set(machines)) == 12

    play(story)


def test_a_run_that_waits_for_a_machine_has_it_soon_after_it_is_free() -> None:
    fleet = "type: fleet\nname: f\nnodes: 2\nresources: {cpu: 2}\nidle_duration: off\n"
    task = "type: task\nname: t{}\ncommands: [work]\nfleets: [f]\ncreation_policy: reuse\nretry: true\n"
    seconds = "env: {{FAKE_SECONDS: '{}'}}\n"

    async def story(scene: Scene) -> None:
        await scene.apply(fleet)
        await scene.until(lambda: scene.states("instances") == ["active"] * 2)
        await scene.apply(task.format(0) + seconds.format(300) + "---\n" + task.format(1) + seconds.format(1000))
        await scene.until(lambda: scene.states("runs") == ["running"] * 2)
        scene.cloud.inject(Fault("launch", FailureKind.NOT_OFFERED, times=None))
        [(machine,)] = scene.rows(
            "SELECT backend_id FROM instances JOIN jobs ON jobs.instance_id = instances.id WHERE run = 't1'"
        )
        scene.cloud.interrupt(machine)
        await scene.until(lambda: scene.states("jobs").count("failed") == 1)
        await scene.until(lambda: scene.states("runs")[0] == "done", 400)
        assert scene.states("jobs")[-1] == "submitted"
        await scene.until(lambda: scene.states("jobs")[-1] == "running", 5)

    play(story)
