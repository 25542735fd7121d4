"""What becomes of machines and disks when answers are lost, listings lag, credentials expire and servers die."""

from dataclasses import replace

import pytest

from atoll.backends.fake import Fault, lost_reply
from atoll.model.failure import FailureKind
from tests.engine.scene import SCRIPT, Scene, play

FLEET = "type: fleet\nname: f\nnodes: 2\nresources: {cpu: 2}\n"
VOLUME = "type: volume\nname: v\nbackend: fake\nsize: 10GB\n"
EXPIRED = Fault("*", FailureKind.AUTH_FAILED, times=None)


def test_a_machine_that_its_cloud_does_not_list_yet_is_neither_given_up_nor_bought_again() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET)
        await scene.until(lambda: scene.states("instances") == ["active", "active"])

    ledger = play(story, replace(SCRIPT, lag=20))
    assert len(ledger.machines) == 2


def test_a_machine_that_is_deleted_before_its_cloud_lists_it_is_ended_all_the_same() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET)
        await scene.until(lambda: scene.states("instances") == ["starting", "starting"])
        await scene.replica.engine.delete_fleet("main", "f")
        await scene.until(lambda: scene.states("fleets") == ["deleted"])
        assert scene.ledger.alive(scene.clock.now()) == ()

    assert len(play(story, replace(SCRIPT, lag=20)).machines) == 2


def test_a_machine_that_takes_minutes_to_end_gets_few_requests() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET)
        await scene.until(lambda: scene.states("instances") == ["active", "active"])
        await scene.replica.engine.delete_fleet("main", "f")
        await scene.until(lambda: scene.states("fleets") == ["deleted"])
        assert scene.ledger.alive(scene.clock.now()) == ()

    calls = [entry.call for entry in play(story, replace(SCRIPT, deletion=120)).entries]
    assert 2 <= calls.count("terminate") < 80


def test_what_waited_for_its_launch_for_long_has_all_its_time_to_start() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET)
        scene.replica.crash()
        waiting = scene.rows("SELECT id FROM instances WHERE state = 'pending'")
        assert waiting
        await scene.clock.sleep(1200)
        await scene.restart()
        await scene.until(lambda: scene.states("instances").count("active") == 2)
        assert {*waiting} <= {*scene.rows("SELECT id FROM instances WHERE state = 'active'")}

    play(story)


def test_a_machine_that_was_lent_after_many_tries_has_all_its_time_to_start() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.UNAVAILABLE, times=None))
        await scene.apply(FLEET)
        await scene.clock.sleep(540)
        scene.cloud.calm()
        await scene.until(lambda: scene.states("instances") == ["active", "active"])

    assert len(play(story, replace(SCRIPT, boot=300)).machines) == 2


def test_the_work_of_a_dead_server_goes_on_when_its_lease_ends() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET)
        await scene.until(lambda: scene.states("instances") == ["launching", "launching"])
        await scene.restart()
        await scene.until(lambda: scene.states("instances") == ["active", "active"])

    assert len(play(story).machines) == 2


@pytest.mark.parametrize(("document", "call"), [(FLEET.replace("2", "1", 1), "launch"), (VOLUME, "create-volume")])
def test_credentials_that_expire_after_a_lost_answer_leave_no_unknown_machine(document: str, call: str) -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(lost_reply(call, times=None))
        await scene.apply(document)
        await scene.until(lambda: bool(scene.ledger.machines or scene.ledger.disks))
        scene.cloud.calm()
        scene.cloud.inject(replace(EXPIRED, operation=call))
        await scene.clock.sleep(60)
        scene.cloud.calm()
        tables = {"launch": "instances", "create-volume": "volumes"}
        settled = {"launch": ["active"], "create-volume": ["available"]}
        await scene.until(lambda: scene.states(tables[call]) == settled[call])

    ledger = play(story)
    assert len(ledger.machines) + len(ledger.disks) == 1


def test_credentials_that_are_wrong_from_the_start_are_reported_and_nothing_is_launched() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(replace(EXPIRED, operation="launch"))
        await scene.apply(FLEET)
        await scene.until(lambda: scene.rows("SELECT message FROM fleets")[0][0] != "")

    assert play(story).machines == {}


def test_a_run_whose_volume_cannot_be_made_fails_and_says_so_and_its_machine_goes() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("create-volume", FailureKind.INVALID_REQUEST))
        task = "type: task\nname: t\ncommands: [work]\nvolumes: ['v:/data']\nidle_duration: 10s\n"
        await scene.apply(VOLUME + "---\n" + task)
        await scene.until(lambda: scene.states("runs") == ["failed"])
        [(message,)] = scene.rows("SELECT message FROM runs")
        assert "volume `v` failed" in message
        await scene.until(lambda: scene.states("fleets") == ["deleted"])

    assert play(story).alive() == ()


def test_the_files_of_a_job_are_removed_also_when_the_server_dies_between_its_end_and_that() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("agent.forget", FailureKind.UNAVAILABLE, times=1))
        await scene.apply(f"{FLEET}---\ntype: task\nname: t\nfleets: [f]\ncommands: [work]\n")
        await scene.until(lambda: scene.states("runs") == ["done"])
        assert [job.forgotten for job in scene.ledger.jobs.values()] == [False]
        await scene.restart()
        await scene.until(lambda: [job.forgotten for job in scene.ledger.jobs.values()] == [True])

    play(story)
