"""Fleets that lost nodes where not all that they lack fits: what fits comes back, within the fleet's limits."""

from collections import Counter
from dataclasses import replace

from atoll.engine.placing.batching import wake_waiting
from atoll.engine.snapshots.world import zone_scope
from atoll.model.zone import Capacity, Zone
from tests.engine.scene import SCRIPT, Scene, play

NAMES = ("fake-1a", "fake-1b", "fake-1c")
FOUR_A_ZONE = replace(SCRIPT, capacity=dict.fromkeys(NAMES, Capacity(8, 32)))
FLEET = "type: fleet\nname: f\nnodes: {nodes}\nplacement: {{strategy: spread, survive_zones: {lost}}}\n"
RETRY = "retry: {on_events: [no-capacity], duration: 2h}\nresources: {cpu: 2}\n"


def active(scene: Scene) -> Counter[str]:
    """The working nodes that stay, by zone."""
    rows = scene.rows("SELECT zone FROM instances WHERE state = 'active' AND end_reason = ''")
    return Counter(zone for (zone,) in rows)


async def restored(scene: Scene, name: str) -> None:
    """The zone is back, and an operator says so."""
    scene.cloud.restore_zone(name)
    engine = scene.replica.engine
    engine.context.worlds.invalidate()
    async with engine.database.write() as tx:
        await tx.failures.forget(zone_scope(Zone("fake", "fake-1", name)))
        await wake_waiting(tx)


def test_a_zone_that_is_back_takes_its_share_although_what_survives_a_loss_does_not_fit_yet() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=6, lost=1) + RETRY)
        await scene.until(lambda: active(scene) == dict.fromkeys(NAMES, 3))
        scene.cloud.fail_zone("fake-1a")
        scene.cloud.fail_zone("fake-1b")
        await scene.until(lambda: active(scene).keys() == {"fake-1c"} and "starting" not in scene.states("instances"))
        await restored(scene, "fake-1a")
        await scene.until(lambda: active(scene).total() >= 6, 60)
        assert active(scene)["fake-1a"] >= 2
        [(message,)] = scene.rows("SELECT message FROM fleets")
        assert message.startswith("waits: ")
        await restored(scene, "fake-1b")
        # Any zone may be lost again.
        await scene.until(lambda: sum(sorted(active(scene).values())[:-1]) >= 6, 60)
        assert scene.rows("SELECT message FROM fleets") == [("",)]

    play(story, FOUR_A_ZONE)


def test_as_many_nodes_as_fit_come_back_to_an_even_spread() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=12, lost=0) + RETRY)
        await scene.until(lambda: active(scene) == dict.fromkeys(NAMES, 4))
        for name in NAMES[:2]:
            scene.cloud.fail_zone(name)
        await scene.until(lambda: active(scene) == {"fake-1c": 4})
        await restored(scene, "fake-1a")
        await scene.until(lambda: active(scene) == {"fake-1a": 4, "fake-1c": 4}, 60)

    play(story, FOUR_A_ZONE)


def test_a_new_fleet_that_does_not_fit_as_a_whole_gets_no_node() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.fail_zone("fake-1a")
        await scene.apply(FLEET.format(nodes=12, lost=0) + RETRY)
        await scene.clock.sleep(600)
        assert not active(scene)

    play(story, FOUR_A_ZONE)
