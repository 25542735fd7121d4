"""Fleets that grow for the runs that name them, within their limits, and shrink when they are idle."""

import re
from dataclasses import replace

import pytest

from atoll.backends.fake import Fault, grid
from atoll.engine.parts.refusal import Refused
from atoll.model.failure import FailureKind
from atoll.model.zone import Capacity
from atoll.wire.api import SourceFile, Submission
from tests.engine.scene import SCRIPT, Scene, play

SIZES = replace(SCRIPT, offers=grid(3, cpus=(2, 8)))
FLEET = (
    "type: fleet\nname: f\nnodes: {nodes}\navailability_zones: [fake-1c]\ninstance_types: [f.8x32]\n"
    "idle_duration: 60s\n"
)
TASK = "type: task\nname: {name}\nfleets: [f]\ncommands: [work]\nenv: {{FAKE_SECONDS: '{seconds}'}}\n"


def task(name: str = "t", seconds: int = 30, rest: str = "") -> str:
    return TASK.format(name=name, seconds=seconds) + rest


def machines(scene: Scene) -> list[tuple[str, str, str]]:
    statement = "SELECT fleet, zone, json_extract(instance_type, '$.name') FROM instances WHERE state != 'terminated'"
    return [tuple(row) for row in scene.rows(statement)]


@pytest.mark.parametrize("nodes", ["0..2", "{min: 0, target: 0, max: 2}", "0.."])
def test_a_run_gets_machines_of_the_fleet_that_it_names_where_and_of_the_kind_that_the_fleet_allows(nodes: str) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=nodes))
        await scene.clock.sleep(20)
        assert machines(scene) == []
        await scene.apply(task(rest="nodes: 2\n"))
        assert machines(scene) == [("f", "fake-1c", "f.8x32")] * 2
        assert scene.rows("SELECT nodes FROM fleets") == [(2,)]
        await scene.until(lambda: scene.states("runs") == ["done"], 120)
        await scene.until(lambda: machines(scene) == [], 200)
        assert scene.rows("SELECT name, nodes FROM fleets") == [("f", 0)]

    play(story, SIZES)


def test_a_fleet_and_a_run_for_it_in_one_file_grow_together() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes="0..2") + "---\n" + task())
        await scene.until(lambda: scene.states("runs") == ["done"], 120)
        assert scene.rows("SELECT name FROM fleets") == [("f",)]

    play(story, SIZES)


def test_a_run_never_gets_a_machine_outside_the_fleet_that_it_names() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes="0..1"))
        for rest, why in (
            ("nodes: 2\n", "fleet `f` may have 1 node"),
            ("resources: {cpu: 2}\n", "no machine that fleet `f` may have meets the run's requirements"),
            ("max_price: 0.01\n", "no machine that fleet `f` may have meets the run's requirements"),
        ):
            with pytest.raises(Refused, match=why):
                await scene.apply(task(rest=rest))
        assert machines(scene) == []

    play(story, SIZES)


def test_the_requirements_of_a_fleet_and_a_run_are_combined() -> None:
    fleet = "type: fleet\nname: f\nnodes: 0..3\nresources: {cpu: 2..}\navailability_zones: [fake-1a, fake-1b]\n"

    async def story(scene: Scene) -> None:
        await scene.apply(fleet)
        await scene.apply(task(rest="resources: {cpu: 8}\navailability_zones: [fake-1b, fake-1c]\n"))
        assert machines(scene) == [("f", "fake-1b", "f.8x32")]

    play(story, SIZES)


def test_a_run_that_names_no_fleet_uses_one_that_can_grow_where_that_costs_no_more() -> None:
    async def story(scene: Scene) -> None:
        dearer = FLEET.format(nodes="0..3").replace("name: f", "name: g")
        await scene.apply("type: fleet\nname: f\nnodes: 0..1\n---\n" + dearer)
        for name in ("one", "two"):
            await scene.apply(task(name, rest="resources: {cpu: 2..}\n").replace("fleets: [f]\n", ""))
        assert machines(scene)[0][0] == "f"
        assert [each[2] for each in machines(scene)] == ["f.2x8", "f.2x8"]

    play(story, SIZES)


def test_a_run_with_retry_waits_for_a_node_of_a_full_fleet_and_one_without_is_refused() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes="0..1"))
        await scene.apply(task("first", 100))
        with pytest.raises(Refused, match="fleet `f` may have 1 node, and too few are free"):
            await scene.apply(task("second"))
        await scene.apply(task("second", rest="retry: true\n"))
        assert scene.states("runs")[-1] == "submitted"
        await scene.until(lambda: scene.states("runs") == ["done", "done"], 300)
        assert {each[0] for each in scene.rows("SELECT fleet FROM instances")} == {"f"}

    play(story, SIZES)


def test_fleets_that_a_run_names_grow_together_as_far_as_they_may_and_shrink_again() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply("---\n".join(FLEET.format(nodes=f"0..{most}").replace("name: f", f"name: {name}")
                                       for name, most in (("f", 1), ("g", 2))))  # fmt: skip
        with pytest.raises(Refused, match="fleets `f`, `g` may have too few nodes together"):
            await scene.apply(task("wide", rest="nodes: 4\n").replace("[f]", "[f, g]"))
        await scene.apply(task("wide", rest="nodes: 3\n").replace("[f]", "[f, g]"))
        assert sorted(each[0] for each in machines(scene)) == ["f", "g", "g"]
        await scene.until(lambda: scene.states("runs") == ["done"], 120)
        await scene.until(lambda: machines(scene) == [], 200)

    play(story, SIZES)


LIMITED = replace(SIZES, capacity={zone: Capacity(8, 32) for zone in ("fake-1a", "fake-1b", "fake-1c")})
HOG = "type: task\nname: hog\nnodes: 3\nresources: {cpu: 8}\ncommands: [work]\nenv: {FAKE_SECONDS: '3000'}\n"
BROAD = "type: fleet\nname: f\nnodes: 0..2\nresources: {cpu: 8}\n"
GROWS = "waits: fleet `f` cannot grow: no zone can serve; the nearest miss is "


@pytest.mark.parametrize(
    ("zones", "placement", "rest", "said"),
    [
        ("[fake-1b]", "any", "", "fake-1b: 8 of 8 CPUs are used, f.8x32 needs 8"),
        ("[fake-1*]", "spread", "", "fake-1[abc]: 8 of 8 CPUs are used, f.8x32 needs 8"),
        ("[fake-1*]", "any", "availability_zones: [fake-1c]\n", "fake-1c: 8 of 8 CPUs are used, f.8x32 needs 8"),
    ],
)
def test_a_run_that_waits_for_a_full_zone_of_its_fleet_names_it(
    zones: str, placement: str, rest: str, said: str
) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(BROAD + f"availability_zones: {zones}\nplacement: {placement}\n")
        await scene.apply(HOG)
        await scene.apply(task(rest=f"retry: true\n{rest}"))
        [(message,)] = scene.rows("SELECT message FROM runs WHERE name = 't'")
        assert re.fullmatch(GROWS + said, message)

    play(story, LIMITED)


def test_a_run_names_the_failure_in_the_zone_that_it_and_its_fleet_allow() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, times=None, zone="fake-1b"))
        await scene.apply(BROAD)
        await scene.apply(task(rest="retry: true\navailability_zones: [fake-1b]\n"))
        await scene.clock.sleep(20)
        [(message,)] = scene.rows("SELECT message FROM runs")
        assert message.startswith(GROWS + "fake-1b: f.8x32 had no capacity at ")

    play(story, SIZES)


CURES: tuple[tuple[str, dict[str, object]], ...] = (
    ("max_price: 0.01\n", {"max_price": 0.4}),
    ("resources: {cpu: 16..}\n", {"resources.cpu": "8.."}),
    ("availability_zones: [fake-1a]\nspot_policy: spot\n", {"spot_policy": "auto"}),
    ("creation_policy: reuse\n", {"creation_policy": "reuse-or-create"}),
    ("max_price: 0.01\nspot_policy: spot\n", {}),
)


@pytest.mark.parametrize(("rest", "cures"), CURES)
def test_a_plan_says_which_change_of_a_run_would_let_its_fleet_grow(rest: str, cures: dict[str, object]) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(BROAD)
        submission = Submission((SourceFile("test.yml", task(rest=rest)),))
        planned = await scene.replica.engine.plan("main", submission)
        [document] = [one for one in planned.plan.documents if one.name == "t"]
        assert document.shortfall is not None
        assert {cure.requirement: cure.value for cure in document.shortfall.cures} == cures

    play(story, SIZES)


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("max_price: 0.01\n", "; the nearest miss is fake-1a: f.8x32 costs \\$0.40/h, above max_price \\$0.01"),
        ("resources: {cpu: 2}\n", "$"),
        ("spot_policy: spot\n", "$"),
    ],
)
def test_a_run_that_no_machine_of_its_fleet_suits_is_refused_whatever_is_free(rest: str, why: str) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(BROAD)
        await scene.apply(HOG)
        with pytest.raises(Refused, match=f"no machine that fleet `f` may have meets the run's requirements{why}"):
            await scene.apply(task(rest=f"retry: true\n{rest}"))

    play(story, LIMITED)


def test_a_lost_machine_that_a_fleet_had_grown_by_is_not_replaced_unless_a_run_needs_it() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes="0..2"))
        await scene.apply(task(seconds=600))
        await scene.until(lambda: scene.states("runs") == ["running"])
        [machine] = scene.ledger.alive(scene.clock.now())
        scene.cloud.interrupt(machine.id)
        await scene.until(lambda: scene.states("runs") == ["failed"])
        await scene.clock.sleep(60)
        assert machines(scene) == []
        assert scene.rows("SELECT nodes FROM fleets") == [(0,)]

    play(story, SIZES)


def test_a_node_that_cannot_be_had_is_looked_for_in_the_fleets_other_zones_without_one_too_many() -> None:
    fleet = "type: fleet\nname: f\nnodes: 0..1\nresources: {cpu: 2}\n"

    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, times=2))
        await scene.apply(fleet)
        await scene.apply(task(rest="retry: true\n"))
        await scene.until(lambda: scene.states("runs") == ["done"], 120)
        assert scene.states("instances") == ["terminated", "terminated", "active"]

    play(story, SIZES)


def test_a_fleet_that_has_grown_keeps_its_size_when_it_is_applied_again() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes="0..2"))
        await scene.apply(task(seconds=300))
        await scene.until(lambda: scene.states("runs") == ["running"])
        await scene.apply(FLEET.format(nodes="0..3"))
        await scene.clock.sleep(60)
        assert scene.states("runs") == ["running"]
        assert scene.rows("SELECT nodes FROM fleets") == [(1,)]

    play(story, SIZES)


@pytest.mark.parametrize(("nodes", "stay"), [("0..1", 1), ("0..4", 2), ("{min: 0, target: 1, max: 2}", 2), ("1", 1)])
def test_a_fleet_that_becomes_elastic_keeps_the_nodes_that_it_may_have_until_they_are_idle(
    nodes: str, stay: int
) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes=2))
        await scene.apply(task(seconds=300))
        await scene.until(lambda: scene.states("runs") == ["running"])
        planned = await scene.apply(FLEET.format(nodes=nodes))
        assert len(planned.plan.documents[0].removals) == 2 - stay
        await scene.clock.sleep(20)
        assert (len(machines(scene)), scene.rows("SELECT nodes FROM fleets")) == (stay, [(stay,)])
        await scene.until(lambda: scene.states("runs") == ["done"], 400)
        await scene.clock.sleep(200)
        assert len(machines(scene)) == int(nodes == "1"), "idle nodes beyond the least number end"

    play(story, SIZES)


def test_the_plan_of_a_grown_fleet_removes_no_node_that_stays() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(nodes="0..2"))
        await scene.apply(task(seconds=300))
        await scene.until(lambda: scene.states("runs") == ["running"])
        [plan] = (await scene.apply(FLEET.format(nodes="0..2") + "tags: {a: b}\n")).plan.documents
        assert (plan.removals, plan.notes) == ((), ())

    play(story, SIZES)


def test_the_spares_of_a_fleet_stay_while_a_run_uses_it_and_go_afterwards() -> None:
    fleet = (
        "type: fleet\nname: f\nnodes: 0..4\nresources: {cpu: 2}\nidle_duration: 20s\n"
        "placement: {strategy: spread, survive_zones: 1}\n"
    )

    async def story(scene: Scene) -> None:
        await scene.apply(fleet)
        await scene.apply(task(seconds=200, rest="nodes: 2\n"))
        await scene.until(lambda: scene.states("runs") == ["running"])
        await scene.clock.sleep(100)
        zones = sorted(zone for _, zone, _ in machines(scene))
        assert zones == ["fake-1a", "fake-1b", "fake-1c"]
        await scene.until(lambda: machines(scene) == [], 400)
        assert scene.rows("SELECT nodes FROM fleets") == [(0,)]

    play(story, SIZES)


def test_a_spread_fleet_gives_up_its_last_idle_nodes_soon() -> None:
    fleet = "type: fleet\nname: f\nnodes: 0..6\nresources: {cpu: 2}\nidle_duration: 20s\nplacement: spread\n"

    async def story(scene: Scene) -> None:
        await scene.apply(fleet)
        await scene.apply(task("long", seconds=60, rest="nodes: 2\n"))
        await scene.apply(task("short", seconds=10, rest="nodes: 3\n"))
        await scene.until(lambda: scene.states("runs") == ["done", "done"], 200)
        await scene.until(lambda: machines(scene) == [], 60)

    play(story, SIZES)
