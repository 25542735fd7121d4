"""Minds changed half-way, and servers restarted half-way: in every state that a fleet's machines go through."""

from dataclasses import replace

import pytest

from atoll.engine.parts.refusal import Refused
from atoll.engine.work.job import JobHandler
from atoll.model.states import INSTANCE, InstanceState
from atoll.wire.api import ChangeAction
from tests.engine.scene import SCRIPT, Scene, play

FLEET = "type: fleet\nname: f\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: 2}}\n"
SLOW = replace(SCRIPT, boot=20, deletion=5, lag=2)
LIVING = [state for state in InstanceState if state not in INSTANCE.final]
MAKING = [state for state in LIVING if state is not InstanceState.TERMINATING]


async def reach(scene: Scene, state: InstanceState, nodes: int = 2) -> None:
    await scene.apply(FLEET.format(nodes=nodes))
    if state is InstanceState.TERMINATING:
        await scene.until(lambda: scene.states("instances") == ["active"] * nodes)
        await scene.replica.engine.delete_fleet("main", "f")
    await scene.until(lambda: state in scene.states("instances"))


@pytest.mark.parametrize("state", MAKING)
def test_a_fleet_deleted_half_way_leaves_nothing(state: InstanceState) -> None:
    async def story(scene: Scene) -> None:
        await reach(scene, state)
        await scene.replica.engine.delete_fleet("main", "f")
        await scene.until(lambda: scene.states("fleets") == ["deleted"])

    assert play(story, SLOW).alive() == ()


@pytest.mark.parametrize("nodes", [1, 4])
@pytest.mark.parametrize("state", MAKING)
def test_a_fleet_resized_half_way_has_its_new_size(state: InstanceState, nodes: int) -> None:
    async def story(scene: Scene) -> None:
        await reach(scene, state)
        await scene.apply(FLEET.format(nodes=nodes))
        await scene.until(lambda: set(scene.states("instances")) <= {"active", "terminated"}, 60)
        await scene.until(lambda: scene.states("instances").count("active") == nodes)

    ledger = play(story, SLOW)
    assert len(ledger.alive()) == nodes
    assert len({machine.token for machine in ledger.machines.values()}) == len(ledger.machines)


@pytest.mark.parametrize("state", LIVING)
def test_a_server_that_dies_half_way_is_followed_by_one_that_ends_what_it_began(state: InstanceState) -> None:
    async def story(scene: Scene) -> None:
        await reach(scene, state)
        await scene.restart()
        if state is InstanceState.TERMINATING:
            await scene.until(lambda: scene.states("fleets") == ["deleted"])
        else:
            await scene.until(lambda: scene.states("instances") == ["active", "active"])

    ledger = play(story, SLOW)
    assert len(ledger.machines) == 2
    assert len(ledger.alive()) == (0 if state is InstanceState.TERMINATING else 2)


def test_a_volume_deleted_half_way_leaves_no_disk() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply("type: volume\nname: v\nbackend: fake\nsize: 10GB\n")
        await scene.until(lambda: scene.states("volumes") == ["creating"])
        await scene.replica.engine.delete_volume("main", "v")
        await scene.until(lambda: scene.states("volumes") == ["deleted"])

    assert play(story, SLOW).alive_disks() == ()


def test_a_run_stopped_before_its_machine_exists_stops_and_the_machine_ends() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply("type: task\nname: t\ncommands: [work]\nidle_duration: 10s\n")
        await scene.until(lambda: scene.states("instances") == ["launching"])
        await scene.replica.engine.stop_run("main", "t", False)
        await scene.until(lambda: scene.states("runs") == ["stopped"])
        await scene.until(lambda: scene.states("fleets") == ["deleted"])
        with pytest.raises(Refused, match="no fleet"):
            await scene.replica.engine.delete_fleet("main", "t")

    assert play(story, SLOW).alive() == ()


def test_a_quiet_job_takes_few_turns_and_its_stop_is_noticed() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply("type: task\nname: t\ncommands: [work]\nenv: {FAKE_SECONDS: '3600'}\n")
        await scene.until(lambda: scene.states("jobs") == ["running"])
        fence = "SELECT fence FROM work WHERE kind = 'job'"
        await scene.clock.sleep(5)
        [before] = scene.rows(fence)
        await scene.clock.sleep(40)
        assert scene.rows(fence) == [before]
        await scene.replica.engine.stop_run("main", "t", False)
        await scene.until(lambda: scene.states("jobs") == ["stopping"], 3)

    play(story)


def test_a_job_that_falls_back_to_an_existing_machine_does_not_keep_the_others_of_its_run_waiting() -> None:
    run = "type: task\nname: t\nnodes: 2\ncommands: [work]\nfleets: [f]\n"

    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=1))
        await scene.until(lambda: scene.states("instances") == ["active"])
        await scene.apply(FLEET.format(nodes=2) + "---\n" + run)
        await scene.until(lambda: scene.states("instances") == ["active", "starting"])
        [(zone,)] = scene.rows("SELECT zone FROM instances WHERE state = 'starting'")
        scene.cloud.darken_zone(zone)
        await scene.apply(FLEET.format(nodes=3))
        await scene.until(lambda: scene.states("instances") == ["active", "starting", "active"])
        await scene.clock.sleep(30)
        scene.cloud.fail_zone(zone)
        await scene.until(lambda: scene.states("runs") == ["done"])

    play(story, SLOW)


def test_a_volume_that_is_being_attached_for_a_run_that_is_replaced_is_detached_before_the_next_one_has_it() -> None:
    run = (
        "type: task\nname: t\ncommands: [work]\nvolumes: ['v:/data']\nfleets: [f]\nenv: {{FAKE_SECONDS: '{seconds}'}}\n"
    )

    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=1) + "---\ntype: volume\nname: v\nbackend: fake\nsize: 10GB\n")
        await scene.until(lambda: scene.states("instances") == ["active"])
        await scene.apply(run.format(seconds=600))
        await scene.until(lambda: scene.states("volumes") == ["available"])
        await scene.clock.sleep(1)
        await scene.apply(run.format(seconds=5))
        await scene.until(lambda: scene.states("runs") == ["stopped", "done"])

    ledger = play(story, replace(SCRIPT, latency={"*": (0.2, 0.2), "attach": (8, 8)}))
    calls = [entry.call for entry in ledger.entries if entry.call in ("attach", "detach")]
    assert calls == ["attach", "detach"] * 2


def test_two_jobs_that_both_saw_a_free_machine_do_not_both_start_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = "type: task\nname: t\ncommands: [work]\nfleets: [f]\nenv: {{FAKE_SECONDS: '{seconds}'}}\n"

    async def ready(*_: object) -> bool:
        return True

    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=1))
        await scene.until(lambda: scene.states("instances") == ["active"])
        await scene.apply(run.format(seconds=600))
        await scene.until(lambda: scene.states("jobs") == ["running"])
        monkeypatch.setattr(JobHandler, "_ready", ready)
        await scene.apply(run.format(seconds=5))
        await scene.until(lambda: scene.states("runs") == ["stopped", "done"])
        [(ended,)] = scene.rows("SELECT seq FROM events WHERE kind = 'job' AND to_state = 'stopped'")
        starts = scene.rows("SELECT seq FROM events WHERE kind = 'job' AND to_state = 'starting' ORDER BY seq")
        assert [seq > ended for (seq,) in starts] == [False, True]

    play(story)


VOLUME = "type: volume\nname: v\nbackend: fake\nsize: 10GB\n"
WITH_VOLUME = "type: task\nname: {name}\ncommands: [work]\nvolumes: ['v:/data']\nfleets: [f]\n"
SLOW_DISKS = replace(SCRIPT, latency={"*": (0.2, 0.2), "attach": (5, 5), "detach": (5, 5)})


def test_a_run_whose_machine_is_lost_before_it_began_waits_for_its_volume_to_be_free_of_it() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=1) + "---\n" + VOLUME + "---\n" + WITH_VOLUME.format(name="first"))
        await scene.until(lambda: scene.states("runs") == ["done"])
        [(zone,)] = scene.rows("SELECT zone FROM instances")
        await scene.apply(WITH_VOLUME.format(name="second"))
        scene.cloud.fail_zone(zone)
        scene.cloud.restore_zone(zone)
        await scene.until(lambda: scene.states("runs")[-1] in ("done", "failed"))
        assert scene.rows("SELECT state, message FROM runs ORDER BY rowid") == [("done", ""), ("done", "")]

    play(story, SLOW_DISKS)


def test_a_run_is_accepted_while_its_volume_is_being_detached_from_another_machine() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=3).replace("name: f", "name: g"))
        await scene.apply(FLEET.format(nodes=1) + "---\n" + VOLUME + "---\n" + WITH_VOLUME.format(name="first"))
        await scene.until(lambda: scene.states("attachments") == ["detaching"])
        await scene.apply(WITH_VOLUME.format(name="second").replace("[f]", "[g]"))
        await scene.until(lambda: scene.states("runs") == ["done", "done"])

    ledger = play(story, SLOW_DISKS)
    calls = [entry.call for entry in ledger.entries if entry.call in ("attach", "detach")]
    assert calls[:3] == ["attach", "detach", "attach"]


def test_a_volume_of_a_running_job_is_not_free_though_its_machine_shall_go() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=3).replace("name: f", "name: g"))
        long = WITH_VOLUME.format(name="first") + "env: {FAKE_SECONDS: '600'}\n"
        await scene.apply(FLEET.format(nodes=1) + "---\n" + VOLUME + "---\n" + long)
        await scene.until(lambda: scene.states("runs") == ["running"])
        scene.rows("UPDATE instances SET end_reason = 'unreachable' WHERE fleet = 'f'")
        with pytest.raises(Refused, match="volume `v` is attached to"):
            await scene.apply(WITH_VOLUME.format(name="second").replace("[f]", "[g]"))

    play(story)


def test_a_run_that_is_applied_again_while_it_stops_starts_again_after_it() -> None:
    task = "type: task\nname: t\ncommands: [work]\nenv: {FAKE_SECONDS: '60'}\n"

    async def story(scene: Scene) -> None:
        await scene.apply(task)
        await scene.until(lambda: scene.states("runs") == ["running"])
        await scene.replica.engine.stop_run("main", "t", False)
        planned = await scene.apply(task)
        assert [change.action for change in planned.changes] == [ChangeAction.REPLACE]
        await scene.until(lambda: scene.states("runs") == ["stopped", "done"], 200)

    play(story)
