"""Volumes where zones are dry: the next zones are tried, failures are remembered, and nothing fails for good."""

import pytest

from atoll.backends.fake import Fault
from atoll.model.failure import FailureKind
from tests.engine.scene import Scene, play

VOLUME = "type: volume\nname: v\nbackend: fake\nsize: 10GB\n"
FOLLOWING = VOLUME + "binding_mode: wait-for-first-consumer\n"
TASK = "type: task\nname: t\ncommands: [work]\nvolumes: ['v:/data']\n"
ZONES = {"fake-1a", "fake-1b", "fake-1c"}


def tried(scene: Scene) -> list[str]:
    """The zones of all attempts to create a disk, in their order."""
    return [entry.zone for entry in scene.ledger.entries if entry.call == "create-volume"]


@pytest.mark.parametrize("kind", [FailureKind.CAPACITY_UNAVAILABLE, FailureKind.NOT_OFFERED])
def test_a_volume_without_a_zone_tries_the_next_zones_when_one_is_dry(kind: FailureKind) -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("create-volume", kind, times=2))
        await scene.apply(VOLUME)
        await scene.until(lambda: scene.states("volumes") == ["available"], 60)
        assert set(tried(scene)) == ZONES
        assert len(tried(scene)) == 3

    play(story)


def test_a_volume_waits_where_all_zones_are_dry_and_says_so_and_is_created_later() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("create-volume", FailureKind.CAPACITY_UNAVAILABLE, times=None))
        await scene.apply(VOLUME)
        await scene.clock.sleep(120)
        assert len(tried(scene)) == 3
        [(state, zone, message)] = scene.rows("SELECT state, zone, message FROM volumes")
        assert (state, zone) == ("submitted", None)
        assert "had no capacity for volumes" in message
        scene.cloud.calm()
        await scene.until(lambda: scene.states("volumes") == ["available"], 900)
        assert scene.rows("SELECT message FROM volumes") == [("",)]

    play(story)


def test_a_volume_with_a_zone_waits_for_that_zone() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("create-volume", FailureKind.CAPACITY_UNAVAILABLE, times=1))
        await scene.apply(VOLUME + "availability_zone: fake-1b\n")
        await scene.until(lambda: scene.states("volumes") == ["available"], 900)
        assert tried(scene) == ["fake-1b", "fake-1b"]

    play(story)


def test_machines_are_still_bought_in_a_zone_without_disks() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("create-volume", FailureKind.CAPACITY_UNAVAILABLE, times=None))
        await scene.apply(VOLUME)
        await scene.clock.sleep(60)
        await scene.apply("type: fleet\nname: f\nnodes: 3\nplacement: spread\n")
        await scene.until(lambda: scene.states("instances") == ["active"] * 3, 60)

    play(story)


@pytest.mark.parametrize("volume", [VOLUME, FOLLOWING])
def test_a_run_goes_with_its_volume_to_the_next_zone(volume: str) -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("create-volume", FailureKind.CAPACITY_UNAVAILABLE, times=1))
        await scene.apply(volume + "---\n" + TASK)
        await scene.until(lambda: scene.states("runs") == ["done"], 300)
        assert len(set(tried(scene))) == 2
        [(zone,)] = scene.rows("SELECT zone FROM volumes")
        assert scene.rows("SELECT zone FROM jobs") == [(zone,)]

    play(story)


def test_a_waiting_run_brings_a_volume_its_zone() -> None:
    fleet = "type: fleet\nname: f\nnodes: 1\n---\n"
    hog = fleet + "type: task\nname: hog\nfleets: [f]\ncommands: [work]\nenv: {FAKE_SECONDS: '60'}\n"

    async def story(scene: Scene) -> None:
        await scene.apply(hog)
        await scene.apply(FOLLOWING + "---\n" + TASK + "fleets: [f]\nretry: true\n")
        assert scene.states("runs")[-1] == "submitted"
        await scene.until(lambda: scene.states("runs") == ["done", "done"], 300)

    play(story)


@pytest.mark.parametrize("seconds", [0.1, 20, 600])
def test_expired_credentials_do_not_fail_a_volume(seconds: float) -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("create-volume", FailureKind.AUTH_FAILED, times=None))
        await scene.apply(VOLUME)
        await scene.clock.sleep(seconds)
        scene.cloud.calm()
        await scene.until(lambda: scene.states("volumes") == ["available"], 600)

    play(story)


def test_expired_credentials_do_not_fail_a_run_without_retry() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.AUTH_FAILED, times=None))
        await scene.apply("type: task\nname: t\ncommands: [work]\n")
        await scene.clock.sleep(600)
        scene.cloud.calm()
        await scene.until(lambda: scene.states("runs") == ["done"], 900)

    play(story)


def test_a_volume_that_waits_can_be_deleted() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("create-volume", FailureKind.CAPACITY_UNAVAILABLE, times=None))
        await scene.apply(VOLUME)
        await scene.clock.sleep(60)
        await scene.replica.engine.delete_volume("main", "v")
        await scene.until(lambda: scene.states("volumes") == ["deleted"], 60)

    play(story)
