"""Disruption budgets: what the server takes away by itself, and how often, from where and when."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from atoll.backends.fake import Fault, grid
from atoll.backends.fake.script import JobScript
from atoll.configuration.types.disruption import Disruption
from atoll.engine.requests.closing import Closing, close_zone
from atoll.engine.requests.preview import preview_closing
from atoll.engine.requests.rebalancing import Wanted
from atoll.model.failure import FailureKind
from atoll.model.records import ClosureKind
from atoll.model.zone import Zone
from atoll.wire.api import SourceFile, Submission
from tests.engine.scene import SCRIPT, Scene, play

B = Zone("fake", "fake-1", "fake-1b")
LONG = replace(SCRIPT, jobs=JobScript(1000))
TWO_SIZES = replace(SCRIPT, offers=grid(3, cpus=(2, 4)))


def fleet(disruption: str, name: str = "f", nodes: str = "6", more: str = "", cpu: int = 2) -> str:
    budget = f"disruption: {disruption}\n" if disruption else ""
    return f"type: fleet\nname: {name}\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: {cpu}}}\n{budget}{more}"


async def drain(scene: Scene, seconds: float = 86_400, most: int = 0) -> None:
    closing = Closing(None, seconds, True, "patch", ClosureKind.DRAIN, most)
    await close_zone(scene.replica.engine.context, "main", B, closing)


def working(scene: Scene, name: str = "f") -> Counter[str]:
    statement = f"SELECT zone FROM instances WHERE fleet = '{name}' AND state = 'active' AND end_reason = ''"
    return Counter(zone for (zone,) in scene.rows(statement))


async def filled(scene: Scene, nodes: int = 6, name: str = "f") -> None:
    await scene.until(lambda: working(scene, name).total() == nodes)


def ends(scene: Scene) -> list[tuple[float, str]]:
    """When each node that worked ended, after the first one, in seconds, with its zone."""
    statement = """SELECT deleted_at, zone FROM instances WHERE started_at IS NOT NULL AND deleted_at IS NOT NULL
    ORDER BY deleted_at"""
    rows = [(datetime.fromisoformat(time), zone) for time, zone in scene.rows(statement)]
    return [((time - rows[0][0]).total_seconds(), zone) for time, zone in rows]


async def ended(scene: Scene, nodes: int) -> None:
    """Wait, in steps as long as a node takes to end, until so many have."""
    limit = scene.clock.elapsed + 10_000
    while len(ends(scene)) < nodes:
        assert scene.clock.elapsed < limit, f"{len(ends(scene))} of {nodes} ended"
        await scene.clock.sleep(1)
    assert len(ends(scene)) == nodes


def apart(times: Sequence[float]) -> float:
    return min(later - earlier for earlier, later in pairwise(times))


def test_a_drained_zone_gives_up_one_node_in_each_period_and_no_successor_runs_in_advance() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{per: 10m}"))
        await filled(scene)
        await drain(scene)
        for gone in (1, 2):
            await ended(scene, gone)
            await scene.clock.sleep(300)
            assert len(scene.states("instances")) == 6 + gone
        assert apart([time for time, _ in ends(scene)]) >= 600
        assert working(scene) == {"fake-1a": 3, "fake-1c": 3}

    play(story)


def test_as_many_nodes_as_may_be_away_end_before_their_successors_are_active() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{max_unavailable: 34%}"))
        await filled(scene)
        await drain(scene)
        await scene.until(lambda: working(scene) == {"fake-1a": 2, "fake-1c": 2}, 5)
        await filled(scene)

    play(story)


def test_a_fleet_that_may_lack_no_node_lacks_none_whatever_the_drain_allows() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{max_unavailable: 0}"))
        await filled(scene)
        await drain(scene, most=2)
        while working(scene) != {"fake-1a": 3, "fake-1c": 3}:
            assert working(scene).total() >= 6
            await scene.clock.sleep(0.05)

    play(story)


def test_nodes_of_one_zone_go_before_those_of_the_next() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{one_zone_at_a_time: true}"))
        await filled(scene)
        await scene.apply(fleet("{one_zone_at_a_time: true}", cpu=4))
        await ended(scene, 6)
        zones = [zone for _, zone in ends(scene)]
        assert zones == sorted(zones)
        assert set(zones) == {"fake-1a", "fake-1b", "fake-1c"}
        await filled(scene)

    play(story, TWO_SIZES)


def test_nodes_of_a_former_configuration_wait_until_the_budget_opens() -> None:
    async def story(scene: Scene) -> None:
        opens = scene.clock.now() + timedelta(minutes=40)
        at = f"{{at: '{opens.minute} {opens.hour} * * * for 1h'}}"
        await scene.apply(fleet(at))
        await filled(scene)
        await scene.apply(fleet(at, cpu=4))
        await scene.clock.sleep(38 * 60)
        assert len(scene.states("instances")) == 6
        await ended(scene, 6)
        await filled(scene)

    play(story, TWO_SIZES)


def test_a_drain_and_a_plan_say_how_long_the_budget_makes_them_last() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{per: 10m}"))
        await filled(scene)
        closing = Closing(None, 300, True, "patch", ClosureKind.DRAIN)
        [found] = (await preview_closing(scene.replica.engine.context, "main", B, closing)).fleets
        assert found.pace.text == "takes at least 10m: 1 node each 10m (its `disruption`)"
        assert found.late == timedelta(minutes=5)
        submission = Submission((SourceFile("test.yml", fleet("{per: 10m}", cpu=4)),))
        [document] = (await scene.replica.engine.plan("main", submission)).plan.documents
        assert "the replacement takes at least 50m: 1 node each 10m (its `disruption`)" in document.notes
        await drain(scene)
        await ended(scene, 1)
        await scene.clock.sleep(5)
        [(message,)] = scene.rows("SELECT message FROM closures")
        assert message.startswith("fleet `f` keeps to 1 node each 10m (its `disruption`), next at ")

    play(story, TWO_SIZES)


def test_a_rebalance_keeps_the_budget_however_long_that_takes() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{per: 2h}", more="availability_zones: [fake-1a, fake-1c]\n"))
        await filled(scene)
        await scene.apply(fleet("{per: 2h}"))
        planned = await scene.replica.engine.rebalance("main", "f", Wanted())
        assert planned.pace.text == "takes at least 2h: 1 node each 2h (its `disruption`)"
        await ended(scene, 2)
        assert working(scene) == {"fake-1a": 2, "fake-1b": 2, "fake-1c": 2}
        assert apart([time for time, _ in ends(scene)]) >= 7200
        await scene.clock.sleep(400)
        assert scene.rows("SELECT rebalancing_until FROM fleets") == [(None,)]

    play(story)


def test_idle_nodes_end_as_the_budget_allows() -> None:
    async def story(scene: Scene) -> None:
        text = fleet("{per: 10m}", nodes="{min: 0, target: 3, max: 3}", more="idle_duration: 10s\n")
        await scene.apply(text)
        await ended(scene, 3)
        assert apart([time for time, _ in ends(scene)]) >= 600

    play(story)


def test_a_lost_node_counts_as_taken() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{per: 10m}"))
        await filled(scene)
        scene.cloud.interrupt(next(machine.id for machine in scene.ledger.alive() if machine.zone != B))
        await ended(scene, 1)
        await drain(scene)
        await ended(scene, 2)
        assert apart([time for time, _ in ends(scene)]) >= 600

    play(story)


def test_the_budget_of_the_server_is_shared_by_all_fleets() -> None:
    async def story(scene: Scene) -> None:
        for name in ("f", "g"):
            await scene.apply(fleet("", name, "3"))
            await filled(scene, 3, name)
        await drain(scene)
        await ended(scene, 2)
        assert apart([time for time, _ in ends(scene)]) >= 600
        assert len(scene.states("instances")) == 8

    play(story, disruption=Disruption.model_validate({"per": "10m"}))


def test_a_fleet_that_waits_for_capacity_does_not_keep_others_from_their_turn() -> None:
    async def story(scene: Scene) -> None:
        for name in ("f", "g"):
            await scene.apply(fleet("", name, "1", "availability_zones: [fake-1b]\n"))
            await filled(scene, 1, name)
        for name, cpu in (("f", 4), ("g", 2)):
            await scene.apply(fleet("", name, "1", "availability_zones: [fake-1b, fake-1a]\n", cpu))
        full = Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, instance_type="f.4x16", times=None)
        scene.cloud.inject(full)
        await drain(scene)
        await scene.until(lambda: working(scene, "g") == {"fake-1a": 1}, 60)
        assert working(scene) == {"fake-1b": 1}

    play(story, TWO_SIZES, disruption=Disruption.model_validate({"per": "10m"}))


def test_a_node_with_a_job_waits_for_its_end_and_keeps_no_other_from_its_turn() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{per: 1m}", nodes="4", more="availability_zones: [fake-1a, fake-1b]\n"))
        await filled(scene, 4)
        where = "availability_zones: [fake-1b]\nfleets: [f]\n"
        await scene.apply(f"type: task\nname: t\ncommands: [work]\nresources: {{cpu: 2}}\n{where}")
        await scene.until(lambda: scene.states("jobs") == ["running"])
        await drain(scene)
        await ended(scene, 1)
        assert scene.states("jobs") == ["running"]
        await ended(scene, 2)
        assert scene.states("jobs") == ["done"]

    play(story, LONG)


def test_a_server_that_is_killed_keeps_the_budget() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{per: 10m}"))
        await filled(scene)
        await drain(scene)
        await ended(scene, 1)
        await scene.restart()
        await ended(scene, 2)
        assert apart([time for time, _ in ends(scene)]) >= 600

    play(story)


def test_a_shrinking_fleet_is_not_held_up() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("{per: 10m}"))
        await filled(scene)
        await scene.apply(fleet("{per: 10m}", nodes="3"))
        await ended(scene, 3)

    play(story)
