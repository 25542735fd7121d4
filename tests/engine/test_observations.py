"""What is learned from launches: attempts, launches, refusals, interruptions and ends."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from atoll.backends.fake import Fault, grid
from atoll.engine.queries.observations import launch_seconds
from atoll.model.failure import FailureKind
from atoll.model.zone import Zone
from tests.engine.scene import SCRIPT, Scene, play

FLEET = "type: fleet\nname: f\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: 2}}\n"
SPOT = replace(SCRIPT, offers=grid(3, cpus=(2,), spot=True))


def outcomes(scene: Scene) -> Counter[str]:
    return Counter(outcome for (outcome,) in scene.rows("SELECT outcome FROM observations"))


async def active(scene: Scene, nodes: int) -> None:
    await scene.until(lambda: scene.states("instances").count("active") == nodes)


def test_each_launch_is_observed_with_the_seconds_until_it_was_active_and_its_end_with_its_life() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=3))
        await active(scene, 3)
        assert outcomes(scene) == {"attempt": 3, "launched": 3}
        samples = await launch_seconds(scene.replica.engine.context)
        assert {zone.name for zone, _ in samples} == {"fake-1a", "fake-1b", "fake-1c"}
        assert all(1 <= seconds < 10 for found in samples.values() for seconds in found), "they boot for a second"
        await scene.clock.sleep(100)
        await scene.replica.engine.delete_fleet("main", "f")
        await scene.until(lambda: scene.states("instances") == ["terminated"] * 3)
        assert outcomes(scene) == {"attempt": 3, "launched": 3, "ended": 3}
        lives = scene.rows("SELECT seconds, reason FROM observations WHERE outcome = 'ended'")
        assert all(95 < seconds < 120 and reason == "fleet-deleted" for seconds, reason in lives)

    play(story)


def test_a_refusal_is_observed_with_its_kind_and_shown_with_the_zone() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, zone="fake-1a", times=1))
        await scene.apply(FLEET.format(nodes=3))
        await active(scene, 3)
        assert scene.rows("SELECT zone, reason FROM observations WHERE outcome = 'refused'") == [
            ("fake-1a", "capacity-unavailable")
        ]
        view = await scene.replica.engine.zones.get("main", Zone("fake", "fake-1", "fake-1a"))
        [observed] = view.observed
        assert (observed.attempts, observed.refused, observed.launched) == (1, 1, 0)
        assert (observed.refusal, observed.seconds) == ("capacity-unavailable", None)
        other = await scene.replica.engine.zones.get("main", Zone("fake", "fake-1", "fake-1b"))
        assert other.observed[0].launched >= 1
        assert 1 <= (other.observed[0].seconds or 0) < 10
        assert all(not view.observed for view in await scene.replica.engine.zones.all("main"))

    play(story)


def test_an_interruption_is_a_failure_of_the_type_in_the_zone_on_its_market_alone() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=1) + "spot_policy: spot\n")
        await active(scene, 1)
        [machine] = scene.ledger.alive()
        scene.cloud.interrupt(machine.id)
        await scene.until(lambda: "interrupted" in outcomes(scene))
        failures = scene.rows("SELECT kind, backend, region, zone, instance_type, market FROM failures")
        assert failures == [("interrupted", "fake", "fake-1", machine.zone.name, "f.2x8", "spot")]
        await active(scene, 1)
        [successor] = scene.ledger.alive(scene.clock.now())
        assert successor.zone != machine.zone, "the offer that was interrupted is avoided for a while"
        assert scene.rows("SELECT end_reason FROM instances WHERE state = 'terminated'") == [("interrupted",)]

    play(story, SPOT)


def test_a_machine_that_never_became_active_ends_without_a_life_and_a_restart_keeps_the_attempt() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=1))
        await scene.until(lambda: bool(scene.ledger.machines))
        await scene.restart()
        await active(scene, 1)
        assert outcomes(scene) == {"attempt": 1, "launched": 1}

    play(story)


def test_observations_older_than_90_days_are_deleted() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=1))
        await active(scene, 1)
        engine = scene.replica.engine
        async with engine.database.write() as tx:
            [kept] = await tx.observations.launched(tx.now - timedelta(days=1), 1)
            for number in range(3):
                await tx.observations.add(
                    replace(kept, instance_id=f"old{number}", at=tx.now - timedelta(days=90, hours=1))
                )
        await scene.until(lambda: outcomes(scene) == {"attempt": 1, "launched": 1}, 200)

    play(story)
