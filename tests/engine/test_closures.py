"""Zones that an operator closes: they take no new work, plans say why, and they open by themselves."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from atoll.backends.fake import Fault
from atoll.backends.fake.script import JobScript
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.closing import Closing, close_zone, open_zone
from atoll.engine.requests.preview import preview_closing
from atoll.model.failure import FailureKind
from atoll.model.records import Closure, ClosureKind
from atoll.model.zone import Zone
from atoll.planning.plan import RefusalCode
from tests.engine.scene import SCRIPT, Scene, play

B = Zone("fake", "fake-1", "fake-1b")
LONG = replace(SCRIPT, jobs=JobScript(1000))
FLEET = "type: fleet\nname: {name}\nnodes: {nodes}\nresources: {{cpu: 2}}\nplacement: spread\n"


def fleet(name: str = "f", nodes: int = 3) -> str:
    return FLEET.format(name=name, nodes=nodes)


def active(scene: Scene) -> Counter[str]:
    """The working nodes that stay, by zone."""
    rows = scene.rows("SELECT zone FROM instances WHERE state = 'active' AND end_reason = ''")
    return Counter(zone for (zone,) in rows)


async def close(scene: Scene, seconds: float = 600, *, project: str = "main", server_wide: bool = True) -> Closure:
    context = scene.replica.engine.context
    return await close_zone(context, project, B, Closing(None, seconds, server_wide, "patch"))


def test_a_closed_zone_takes_nothing_new_until_it_opens_by_itself() -> None:
    async def story(scene: Scene) -> None:
        await close(scene, 60)
        planned = await scene.apply(fleet())
        [document] = planned.plan.documents
        [refusal] = [one for one in document.refusals if one.zone == B]
        assert (refusal.code, refusal.data["reason"]) == (RefusalCode.CLOSED, "patch (-)")
        await scene.until(lambda: active(scene).total() == 3)
        assert "fake-1b" not in active(scene)
        await scene.until(lambda: scene.states("closures") == ["ended"], 61)
        await scene.apply(fleet("g"))
        await scene.until(lambda: active(scene)["fake-1b"] == 1)
        ends = scene.rows("SELECT from_state, to_state, reason, actor FROM events WHERE kind = 'closure'")
        assert ends == [("", "active", "patch", ""), ("active", "ended", "expired", "")]

    play(story)


def test_what_waits_for_a_closed_zone_goes_on_when_it_is_opened() -> None:
    async def story(scene: Scene) -> None:
        closure = await close(scene, 50_000)
        await scene.apply(fleet() + "availability_zones: [fake-1b]\nretry: {on_events: [no-capacity]}\n")
        await scene.until(lambda: any(message for (message,) in scene.rows("SELECT message FROM fleets")))
        [(message,)] = scene.rows("SELECT message FROM fleets")
        assert "closed, until" in message
        assert "patch" in message
        await scene.clock.sleep(3600)
        assert not active(scene)
        await open_zone(scene.replica.engine.context, "main", closure.id)
        await scene.until(lambda: active(scene) == {"fake-1b": 3}, 10)

    play(story)


def test_a_closure_of_another_project_binds_only_that_project() -> None:
    async def story(scene: Scene) -> None:
        await close(scene, project="other", server_wide=False)
        await scene.apply(fleet())
        await scene.until(lambda: active(scene) == {"fake-1a": 1, "fake-1b": 1, "fake-1c": 1})

    play(story)


def test_a_closure_ends_at_its_time_although_no_server_ran_then() -> None:
    async def story(scene: Scene) -> None:
        await close(scene, 100)
        scene.replica.crash()
        await scene.clock.sleep(1000)
        await scene.restart()
        await scene.until(lambda: scene.states("closures") == ["ended"], 20)

    play(story)


def test_a_zone_is_closed_once_for_the_same_projects() -> None:
    async def story(scene: Scene) -> None:
        await close(scene, server_wide=False)
        with pytest.raises(
            Refused, match=r"zone `fake-1b` is closed already for project `main`, until .*, by -: patch"
        ):
            await close(scene, server_wide=False)
        wide = await close(scene)
        with pytest.raises(Refused, match="closed already for"):
            await close(scene, project="other", server_wide=False)
        await open_zone(scene.replica.engine.context, "main", wide.id)
        await close(scene, project="other", server_wide=False)

    play(story)


@pytest.mark.parametrize("seconds", [0, -5, float("nan"), 91 * 86_400])
def test_a_closure_needs_an_end_that_is_near(seconds: float) -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(Refused, match="more than 0 s and at most 90 days"):
            await close(scene, seconds)

    play(story)


async def drain(scene: Scene, seconds: float = 7200, **rest: Any) -> Closure:
    closing = Closing(None, seconds, True, "patch", ClosureKind.DRAIN, **rest)
    return await close_zone(scene.replica.engine.context, "main", B, closing)


async def settled(scene: Scene, wanted: dict[str, int], least: int, seconds: float = 120) -> None:
    """Wait until the working nodes are these, and stay so; there are never fewer than `least`."""
    ends = scene.clock.elapsed + seconds
    while active(scene) != wanted or "terminating" in scene.states("instances"):
        assert working(scene) >= least, f"too few work: {active(scene)}"
        assert scene.clock.elapsed < ends, f"it ends as {active(scene)}"
        await scene.clock.sleep(0.05)
    await scene.clock.sleep(60)
    assert active(scene) == wanted


def working(scene: Scene) -> int:
    """How many instances are active."""
    return int(scene.rows("SELECT count(*) FROM instances WHERE state = 'active'")[0][0])


def test_a_drained_zone_gives_up_its_nodes_once_their_successors_are_active() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=6))
        await scene.until(lambda: active(scene) == {"fake-1a": 2, "fake-1b": 2, "fake-1c": 2})
        closure = await drain(scene)
        await settled(scene, {"fake-1a": 3, "fake-1c": 3}, least=6)
        assert scene.rows("SELECT state, total, gone, message FROM closures") == [("empty", 2, 2, "")]
        await open_zone(scene.replica.engine.context, "main", closure.id)
        await scene.clock.sleep(600)
        assert active(scene) == {"fake-1a": 3, "fake-1c": 3}, "an open zone moves nothing back"

    play(story)


@pytest.mark.parametrize("name", ["f", "web", "train", "g2"])
def test_a_successor_comes_to_the_zone_that_was_shown_where_several_are_equal(name: str) -> None:
    """One node of the zone moves: either other zone would do, and the lot decides."""

    async def story(scene: Scene) -> None:
        await scene.apply(fleet(name, 6))
        await scene.until(lambda: active(scene) == {"fake-1a": 2, "fake-1b": 2, "fake-1c": 2})
        await scene.apply(RUN_ON.format(fleet=name))
        await scene.until(lambda: scene.states("jobs") == ["running"])
        context = scene.replica.engine.context
        closing = Closing(None, 7200, True, "patch", ClosureKind.DRAIN)
        shown = await preview_closing(context, "main", B, closing)
        await close_zone(context, "main", B, closing)
        [node] = [node for part in shown.fleets for node in part.plan.placements]
        await scene.until(lambda: active(scene)[node.zone.name] == 3, 60)

    play(story, LONG)


RUN_ON = """
type: volume
name: data
backend: fake
size: 1GB
availability_zone: fake-1b
---
type: task
name: t
commands: [work]
fleets: [{fleet}]
volumes: ['data:/data']
"""


def test_who_cannot_do_without_a_zone_is_said_before_it_is_closed() -> None:
    async def story(scene: Scene) -> None:
        context = scene.replica.engine.context

        async def notes() -> tuple[str, ...]:
            return (await preview_closing(context, "main", B, Closing(None, 600, True, "patch"))).notes

        assert await notes() == ()
        await scene.apply(fleet(nodes=1) + "availability_zones: [fake-1b]\n")
        [note] = await notes()
        assert note.startswith("fleet `f` may have nodes in no other open zone: its lost nodes")
        for zone in ("fake-1a", "fake-1c"):
            place = Zone("fake", "fake-1", zone)
            await close_zone(context, "main", place, Closing(None, 600, True, "patch"))
        [note] = await notes()
        assert note == "no other zone takes new work: until fake-1b opens again, all that needs a place waits"

    play(story)


def test_a_zone_with_nothing_in_it_is_empty_at_once() -> None:
    async def story(scene: Scene) -> None:
        await drain(scene)
        await scene.until(lambda: scene.states("closures") == ["empty"], 5)

    play(story)


def test_nodes_stay_in_a_drained_zone_while_no_other_has_capacity_and_go_once_one_has() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=3))
        await scene.until(lambda: active(scene).total() == 3)
        for zone in ("fake-1a", "fake-1c"):
            scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, zone=zone, times=2))
        await drain(scene, 40_000)
        await scene.until(lambda: "waits for successors" in scene.rows("SELECT message FROM closures")[0][0])
        [(message,)] = scene.rows("SELECT message FROM closures")
        assert "fleet `f` waits for successors" in message
        assert "fake-1a" in message or "fake-1c" in message
        assert active(scene)["fake-1b"] == 1
        await scene.until(lambda: scene.states("closures") == ["empty"], 20_000)
        assert active(scene).total() == 3
        assert len([one for one in scene.ledger.entries if one.call == "launch"]) <= 3 + 4 + 1

    play(story)


TASK = (
    "type: task\nname: {name}\ncommands: [sleep]\nfleets: [f]\nresources: {{cpu: 2}}\navailability_zones: [fake-1b]\n"
)
VOLUME = "type: volume\nname: data\nbackend: fake\nregion: fake-1\navailability_zone: fake-1b\nsize: 10GB\n---\n"


def test_a_run_with_a_volume_goes_on_in_a_drained_zone_until_the_closure_ends() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=3))
        await scene.until(lambda: active(scene).total() == 3)
        await scene.apply(VOLUME + TASK.format(name="train") + 'volumes: ["data:/data"]\n')
        await scene.until(lambda: scene.states("runs") == ["running"])
        await drain(scene, 300)
        await scene.clock.sleep(200)
        assert scene.rows("SELECT state, total, gone, message FROM closures") == [
            ("emptying", 1, 0, "f-1 stays: volume `data` of run `train` is in fake-1b")
        ]
        await scene.until(lambda: scene.states("closures") == ["ended"], 120)
        assert scene.states("runs") == ["running"]
        assert active(scene)["fake-1b"] == 1

    play(story, LONG)


def test_a_busy_node_is_replaced_at_once_and_ends_after_its_job() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=3))
        await scene.until(lambda: active(scene).total() == 3)
        await scene.apply(TASK.format(name="train"))
        await scene.until(lambda: scene.states("runs") == ["running"])
        await drain(scene)
        await scene.until(lambda: working(scene) == 4)
        assert scene.states("runs") == ["running"]
        await scene.until(lambda: scene.states("runs") == ["done"], 4000)
        await settled(scene, dict(active(scene)), least=3)
        await scene.until(lambda: scene.states("closures") == ["empty"])
        assert "fake-1b" not in active(scene)

    play(story, LONG)


def test_a_fleet_that_may_be_nowhere_else_stays_and_says_so() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet() + "availability_zones: [fake-1b]\n")
        await scene.until(lambda: active(scene) == {"fake-1b": 3})
        await drain(scene)
        await scene.until(
            lambda: "may have nodes in no other open zone" in scene.rows("SELECT message FROM closures")[0][0]
        )
        await settled(scene, {"fake-1b": 3}, least=3)

    play(story)


def test_a_drain_that_is_opened_half_way_lets_the_rest_stay() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=6))
        await scene.until(lambda: active(scene).total() == 6)
        closure = await drain(scene)
        await scene.until(lambda: set(scene.states("instances")) != {"active"})
        await open_zone(scene.replica.engine.context, "main", closure.id)
        await scene.clock.sleep(300)
        assert active(scene).total() == 6
        assert scene.rows("SELECT count(*) FROM instances WHERE leaving_for != ''") == [(0,)]

    play(story)


@pytest.mark.parametrize("delay", [0.05, 0.3, 0.8, 1.5, 2.5, 4, 8])
def test_a_server_that_is_killed_during_a_drain_ends_it_all_the_same(delay: float) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=6))
        await scene.until(lambda: active(scene).total() == 6)
        await drain(scene)
        await scene.clock.sleep(delay)
        assert working(scene) >= 6
        await scene.restart()
        await settled(scene, {"fake-1a": 3, "fake-1c": 3}, least=6)
        assert scene.states("closures") == ["empty"]

    play(story)


def test_a_drain_that_would_end_more_than_was_agreed_is_refused_and_closes_nothing() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=6))
        await scene.until(lambda: active(scene).total() == 6)
        rows = scene.rows("SELECT fleet || '-' || node FROM instances WHERE zone = 'fake-1b' ORDER BY node")
        shown = [name for (name,) in rows]
        with pytest.raises(Refused, match=f"now it would end {shown[1]} too") as refused:
            await drain(scene, agreed=frozenset(shown[:1]))
        assert refused.value.code == "changed-since-shown"
        assert scene.states("closures") == []
        await drain(scene, agreed=frozenset({*shown, "f-99"}))
        await settled(scene, {"fake-1a": 3, "fake-1c": 3}, least=6)

    play(story)


def test_with_max_unavailable_nodes_go_before_their_successors_but_no_more_than_that() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=6))
        await scene.until(lambda: active(scene).total() == 6)
        await drain(scene, max_unavailable=1)
        least = 6
        while scene.states("closures") != ["empty"]:
            least = min(least, active(scene).total())
            await scene.clock.sleep(0.05)
        assert least == 5
        await settled(scene, {"fake-1a": 3, "fake-1c": 3}, least=6)

    play(story)


def test_an_evacuation_stops_at_its_deadline_what_has_not_left() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=3))
        await scene.until(lambda: active(scene).total() == 3)
        await scene.apply(VOLUME + TASK.format(name="train") + 'volumes: ["data:/data"]\n')
        await scene.until(lambda: scene.states("runs") == ["running"])
        closing = Closing(None, 7200, True, "fire", ClosureKind.EVACUATE, 0, 100)
        await close_zone(scene.replica.engine.context, "main", B, closing)
        await scene.clock.sleep(95)
        assert scene.states("runs") == ["running"]
        await scene.until(lambda: scene.states("closures") == ["empty"], 400)
        assert scene.states("runs") == ["stopped"]
        assert scene.states("volumes") == ["available"]
        await scene.until(lambda: active(scene).total() == 3)
        assert "fake-1b" not in active(scene)

    play(story, LONG)


def test_a_run_that_is_retried_after_an_interruption_goes_on_elsewhere_after_an_evacuation() -> None:
    async def story(scene: Scene) -> None:
        task = TASK.format(name="train").replace("availability_zones: [fake-1b]\n", "").replace("fleets: [f]\n", "")
        await scene.apply(
            task + "retry: {on_events: [interruption]}\nbackends: [fake]\navailability_zones: ['fake-1b', 'fake-1c']\n"
        )
        await scene.until(lambda: scene.states("runs") == ["running"])
        [(zone,)] = scene.rows("SELECT zone FROM jobs")
        closing = Closing(None, 7200, True, "fire", ClosureKind.EVACUATE, 0, 50)
        await close_zone(scene.replica.engine.context, "main", Zone("fake", "fake-1", zone), closing)
        await scene.until(lambda: scene.states("closures") == ["empty"], 500)
        await scene.until(lambda: scene.states("runs") == ["running"])
        assert scene.rows("SELECT zone FROM jobs WHERE state = 'running'") != [(zone,)]

    play(story, LONG)


def test_what_is_idle_stays_in_a_cordoned_zone() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(
            fleet(nodes=3).replace("nodes: 3", "nodes: {min: 0, target: 3, max: 6}") + "idle_duration: 60s\n"
        )
        await scene.until(lambda: active(scene).total() == 3)
        await close(scene, 3000)
        await scene.clock.sleep(1000)
        assert active(scene) == {"fake-1b": 1}
        await scene.until(lambda: not active(scene), 3000)

    play(story)
