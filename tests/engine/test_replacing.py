"""A fleet whose configuration changes: what still fits stays, and what does not ends when its successor works."""

import json
from collections import Counter
from dataclasses import replace

from atoll.backends.fake import Fault, grid
from atoll.model.failure import FailureKind
from atoll.model.zone import Capacity
from tests.engine.scene import SCRIPT, Scene, play

SIZES = replace(SCRIPT, offers=grid(3, cpus=(2, 8)))
FLEET = "type: fleet\nname: f\nnodes: {nodes}\nresources: {{cpu: 2}}\navailability_zones: {zones}\n"


def fleet(zones: str = "[fake-1a]", nodes: str = "2", rest: str = "") -> str:
    return FLEET.format(zones=zones, nodes=nodes) + rest


def active(scene: Scene) -> Counter[str]:
    """The working nodes that stay, by zone."""
    return Counter(
        zone for (zone,) in scene.rows("SELECT zone FROM instances WHERE state = 'active' AND end_reason = ''")
    )


async def settled(scene: Scene, wanted: dict[str, int], least: int, seconds: float = 120) -> None:
    """Wait until the working nodes are these; there are never fewer than `least`."""
    ends = scene.clock.elapsed + seconds
    while active(scene) != wanted or "terminating" in scene.states("instances"):
        assert sum(active(scene).values()) >= least, f"too few work: {active(scene)}"
        assert scene.clock.elapsed < ends, f"it ends as {active(scene)}"
        await scene.clock.sleep(0.05)
    await scene.clock.sleep(60)
    assert active(scene) == wanted


def test_nodes_that_no_longer_fit_end_when_their_successors_work() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet())
        await scene.until(lambda: active(scene) == {"fake-1a": 2})
        plan = await scene.apply(fleet("[fake-1b]"))
        [part] = plan.plan.documents
        assert [(each.zone.name, each.outdated) for each in part.removals] == [("fake-1a", True)] * 2
        assert not part.replaced_first
        await settled(scene, {"fake-1b": 2}, least=2)

    play(story)


def test_nodes_stay_while_the_new_zone_has_no_capacity_and_go_once_it_has() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet())
        await scene.until(lambda: active(scene) == {"fake-1a": 2})
        scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, zone="fake-1b", times=3))
        await scene.apply(fleet("[fake-1b]"))
        await settled(scene, {"fake-1b": 2}, least=2, seconds=2500)

    play(story)


def test_only_the_nodes_outside_narrowed_zones_are_replaced() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("[fake-1a, fake-1b, fake-1c]", "3", "placement: spread\n"))
        await scene.until(lambda: sum(active(scene).values()) == 3)
        before = scene.rows("SELECT id FROM instances WHERE zone != 'fake-1c' ORDER BY id")
        await scene.apply(fleet("[fake-1a, fake-1b]", "3", "placement: spread\n"))
        await scene.until(lambda: "fake-1c" not in active(scene))
        await scene.clock.sleep(60)
        assert set(before) < set(scene.rows("SELECT id FROM instances WHERE state = 'active'"))
        assert sorted(active(scene).values()) == [1, 2]

    play(story)


def test_a_busy_node_that_no_longer_fits_goes_when_its_run_is_over() -> None:
    run = "type: task\nname: t\nfleets: [f]\ncommands: [work]\nenv: {FAKE_SECONDS: '100'}\n"

    async def story(scene: Scene) -> None:
        await scene.apply(fleet("[fake-1a, fake-1b]"))
        await scene.until(lambda: sum(active(scene).values()) == 2)
        await scene.apply(run)
        await scene.until(lambda: scene.states("runs") == ["running"])
        [(held,)] = scene.rows("SELECT zone FROM jobs")
        other = {"fake-1a": "fake-1b", "fake-1b": "fake-1a"}[held]
        await scene.apply(fleet(f"[{other}]"))
        await scene.clock.sleep(40)
        assert scene.states("runs") == ["running"]
        await scene.until(lambda: scene.states("runs") == ["done"], 200)
        await settled(scene, {other: 2}, least=2)

    play(story)


def test_a_run_gets_a_new_node_and_none_that_is_about_to_go() -> None:
    run = "type: task\nname: t\nfleets: [f]\ncommands: [work]\nenv: {FAKE_SECONDS: '1'}\n"

    async def story(scene: Scene) -> None:
        await scene.apply(fleet())
        await scene.until(lambda: active(scene) == {"fake-1a": 2})
        await scene.apply(fleet("[fake-1b]") + "---\n" + run)
        assert scene.rows("SELECT zone FROM jobs") == [("fake-1b",)]
        await scene.until(lambda: scene.states("runs") == ["done"], 200)

    play(story)


def test_where_both_have_no_room_the_plan_says_that_the_old_nodes_end_first() -> None:
    full = replace(SIZES, capacity={"fake-1a": Capacity(8, 32)})
    small = "type: fleet\nname: f\nnodes: 1\nresources: {cpu: 2}\navailability_zones: [fake-1a]\n"

    async def story(scene: Scene) -> None:
        await scene.apply(small)
        await scene.until(lambda: active(scene) == {"fake-1a": 1})
        planned = await scene.apply(small.replace("cpu: 2", "cpu: 8"))
        [part] = planned.plan.documents
        assert part.replaced_first
        assert part.shortfall is None
        assert [each.outdated for each in part.removals] == [True]
        await scene.until(lambda: active(scene) == {"fake-1a": 1} and "terminated" in scene.states("instances"))
        assert scene.states("instances") == ["terminated", "active"]
        refused = [entry for entry in scene.ledger.entries if entry.call == "launch" and entry.outcome != "ok"]
        assert refused == []

    play(story, full)


def test_new_nodes_say_which_run_they_wait_for_where_old_ones_end_first() -> None:
    full = replace(SIZES, capacity={"fake-1a": Capacity(8, 32)})
    small = "type: fleet\nname: f\nnodes: 1\nresources: {cpu: 2}\navailability_zones: [fake-1a]\n"
    run = "type: task\nname: t\nfleets: [f]\ncommands: [work]\nenv: {FAKE_SECONDS: '100'}\n"

    async def story(scene: Scene) -> None:
        await scene.apply(small)
        await scene.until(lambda: active(scene) == {"fake-1a": 1})
        await scene.apply(run)
        await scene.until(lambda: scene.states("runs") == ["running"])
        await scene.apply(small.replace("cpu: 2", "cpu: 8"))
        waiting = "SELECT message FROM instances WHERE state = 'pending'"
        await scene.until(lambda: scene.rows(waiting) == [("waits until run `t` on `f-0` ends",)])
        await scene.until(lambda: scene.states("instances") == ["terminated", "active"], 200)
        assert scene.rows("SELECT message FROM instances WHERE state = 'active'") == [("",)]

    play(story, full)


def test_a_change_back_keeps_the_nodes_that_had_to_go() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet())
        await scene.until(lambda: active(scene) == {"fake-1a": 2})
        scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, zone="fake-1b", times=50))
        await scene.apply(fleet("[fake-1b]"))
        await scene.clock.sleep(30)
        await scene.apply(fleet())
        await scene.clock.sleep(60)
        assert active(scene) == {"fake-1a": 2}
        assert scene.states("instances")[:2] == ["active", "active"]

    play(story)


def test_a_smaller_fleet_of_another_kind_gives_up_what_it_needs_no_more_at_once() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes="4"))
        await scene.until(lambda: active(scene) == {"fake-1a": 4})
        await scene.apply(fleet(nodes="1").replace("cpu: 2", "cpu: 8"))
        await settled(scene, {"fake-1a": 1}, least=1)
        [(kind,)] = scene.rows("SELECT instance_type FROM instances WHERE state = 'active'")
        assert json.loads(kind)["cpus"] == 8

    play(story, SIZES)


def test_a_fleet_that_is_to_survive_a_zone_adds_nodes_before_it_gives_any_up() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("[fake-1a]", "6"))
        await scene.until(lambda: active(scene) == {"fake-1a": 6})
        zones = "[fake-1a, fake-1b, fake-1c]"
        survive = "placement: {strategy: spread, survive_zones: 1}\n"
        planned = await scene.apply(fleet(zones, "6", survive))
        [part] = planned.plan.documents
        assert [each.zone.name for each in part.removals] == ["fake-1a"] * 3
        await settled(scene, {"fake-1a": 3, "fake-1b": 3, "fake-1c": 3}, least=6)

    play(story)


def test_a_spread_that_goes_on_without_a_zone_that_refused_says_so() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, zone="fake-1b", times=100))
        await scene.apply(fleet("[fake-1a, fake-1b]", "2", "placement: spread\n"))
        await scene.until(lambda: active(scene)["fake-1a"] >= 1)
        await scene.clock.sleep(5)
        planned = await scene.apply(fleet("[fake-1a, fake-1b]", "4", "placement: spread\n"))
        [part] = planned.plan.documents
        assert part.notes == ("spread over 1 of 2 zones: fake-1b takes no node now",)

    play(story)


def test_a_spread_goes_on_without_a_zone_that_is_impaired() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("[fake-1a, fake-1b]", "4", "placement: spread\n"))
        await scene.until(lambda: active(scene) == {"fake-1a": 2, "fake-1b": 2})
        scene.cloud.fail_zone("fake-1b")
        scene.replica.engine.context.worlds.invalidate()
        await scene.until(lambda: active(scene) == {"fake-1a": 4})

    play(story)
