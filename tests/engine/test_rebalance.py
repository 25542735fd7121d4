"""A fleet that is uneven after an outage or a drain comes back into balance on request, replacement first."""

from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest

from atoll.backends.fake import Fault
from atoll.backends.fake.script import JobScript
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.closing import open_zone
from atoll.engine.requests.rebalancing import Rebalancing, Wanted
from atoll.model.failure import FailureKind
from atoll.planning.rebalance import RebalanceCode
from tests.engine.scene import SCRIPT, Scene, play
from tests.engine.test_closures import active, drain, fleet, settled, working

LONG = replace(SCRIPT, jobs=JobScript(1000))
EVEN = {"fake-1a": 2, "fake-1b": 2, "fake-1c": 2}
TASK = "type: task\nname: {name}\ncommands: [sleep]\nfleets: [f]\nresources: {{cpu: 2}}\n"
PLACED = "type: fleet\nname: f\nnodes: 6\nresources: {{cpu: 2}}\nplacement: {placement}\n"
SURVIVE = (
    "type: fleet\nname: f\nnodes: 4\nresources: {cpu: 2}\nplacement: {strategy: spread, survive_zones: 1}\n"
    "retry: {on_events: [no-capacity]}\n"
)


async def rebalance(scene: Scene, *, busy: bool = False, agreed: frozenset[str] | None = None) -> Rebalancing:
    return await scene.replica.engine.rebalance("main", "f", Wanted(busy, None, agreed))


async def uneven(scene: Scene) -> None:
    """Six nodes in two of three open zones."""
    await scene.apply(fleet(nodes=6))
    await scene.until(lambda: active(scene) == EVEN)
    closure = await drain(scene)
    await settled(scene, {"fake-1a": 3, "fake-1c": 3}, least=6, seconds=60)
    await open_zone(scene.replica.engine.context, "main", closure.id)


def under_way(scene: Scene) -> bool:
    return bool(scene.rows("SELECT rebalancing_until IS NOT NULL FROM fleets")[0][0])


def reasons(scene: Scene) -> list[str]:
    rows = scene.rows("SELECT reason FROM events WHERE kind = 'fleet' AND reason LIKE 'rebalance%' ORDER BY seq")
    return [reason for (reason,) in rows]


def test_a_fleet_comes_back_into_balance_with_two_moves_and_is_then_balanced() -> None:
    async def story(scene: Scene) -> None:
        await uneven(scene)
        launched = len([one for one in scene.ledger.entries if one.call == "launch"])
        started = await rebalance(scene)
        assert len(started.leaving) == 2
        await settled(scene, EVEN, least=6)
        assert len([one for one in scene.ledger.entries if one.call == "launch"]) == launched + 2
        assert reasons(scene) == ["rebalance-asked", "rebalance-ended"]
        again = await rebalance(scene)
        assert (again.found.code, again.leaving) == (RebalanceCode.BALANCED, ())
        assert not under_way(scene)
        ended = scene.rows("SELECT end_reason, count(*) FROM instances WHERE end_reason != '' GROUP BY 1 ORDER BY 1")
        assert ended == [("rebalanced", 2), ("zone-drained", 2)]

    play(story)


@pytest.mark.parametrize(
    ("placement", "before", "after"),
    [
        ("{strategy: spread, max_zones: 2}", "spread", {"fake-1a": 3, "fake-1b": 3}),
        ("{strategy: any, max_share: 0.5}", "{strategy: any, max_zones: 1}", {3: 2}),
        ("{strategy: spread, min_zones: 3}", "{strategy: spread, max_zones: 2}", {2: 3}),
    ],
)
def test_a_changed_placement_moves_nodes_on_request_and_replacement_first(
    placement: str, before: str, after: dict[object, int]
) -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(PLACED.format(placement=before))
        await scene.until(lambda: sum(active(scene).values()) == 6)
        lies = active(scene)
        await scene.apply(PLACED.format(placement=placement))
        await scene.clock.sleep(60)
        assert active(scene) == lies, "nothing moves by itself"
        await rebalance(scene)
        while under_way(scene):
            assert working(scene) >= 6
            await scene.clock.sleep(0.05)
        assert after in (active(scene), Counter(active(scene).values()))
        assert (await rebalance(scene)).found.code is RebalanceCode.BALANCED

    play(story)


def test_spare_nodes_that_an_outage_doubled_end_once_the_zone_is_back() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(SURVIVE)
        await scene.until(lambda: active(scene) == EVEN)
        scene.cloud.fail_zone("fake-1b")
        await scene.until(lambda: active(scene) == {"fake-1a": 4, "fake-1c": 4}, 600)
        scene.cloud.restore_zone("fake-1b")
        await scene.clock.sleep(400)
        assert active(scene) == {"fake-1a": 4, "fake-1c": 4}, "nothing moves back by itself"
        await rebalance(scene)
        await settled(scene, EVEN, least=4)

    play(story)


def test_a_rebalance_whose_successors_cannot_be_had_is_called_off() -> None:
    async def story(scene: Scene) -> None:
        await uneven(scene)
        scene.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, zone="fake-1b", times=99))
        await rebalance(scene)
        await scene.until(lambda: not under_way(scene), 300)
        await scene.clock.sleep(60)
        assert active(scene) == {"fake-1a": 3, "fake-1c": 3}
        assert scene.rows("SELECT count(*) FROM instances WHERE leaving_for != '' AND state != 'terminated'") == [(0,)]
        assert (await rebalance(scene)).found.code is RebalanceCode.NO_PLACE

    play(story)


def test_a_busy_node_stays_and_with_busy_its_successor_starts_before_its_job_ends() -> None:
    async def story(scene: Scene) -> None:
        await uneven(scene)
        for number in range(6):
            await scene.apply(TASK.format(name=f"t{number}"))
        await scene.until(lambda: scene.states("runs") == ["running"] * 6)
        assert (await rebalance(scene)).found.code is RebalanceCode.BUSY
        await rebalance(scene, busy=True)
        await scene.until(lambda: working(scene) == 8)
        assert scene.states("runs") == ["running"] * 6
        await scene.until(lambda: scene.states("runs") == ["done"] * 6, 2000)
        await settled(scene, EVEN, least=6)

    play(story, LONG)


def test_one_rebalance_at_a_time_and_it_can_be_stopped() -> None:
    async def story(scene: Scene) -> None:
        await uneven(scene)
        await rebalance(scene)
        with pytest.raises(Refused, match=r"fleet `f` is being rebalanced, until .* UTC at most"):
            await rebalance(scene)
        await scene.replica.engine.stop_rebalance("main", "f")
        await scene.clock.sleep(60)
        assert active(scene).total() == 6
        assert not under_way(scene)

    play(story)


def test_what_was_not_agreed_is_not_moved() -> None:
    async def story(scene: Scene) -> None:
        await uneven(scene)
        with pytest.raises(Refused, match="it would replace f-") as refused:
            await rebalance(scene, agreed=frozenset({"f-99"}))
        assert refused.value.code == "changed-since-shown"
        assert not under_way(scene)

    play(story)


def test_a_fleet_that_does_not_exist_is_not_rebalanced() -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(Refused, match="there is no fleet"):
            await rebalance(scene)

    play(story)


@pytest.mark.parametrize("delay", [0.01, 0.3, 1.2, 2.5, 5])
def test_a_server_that_is_killed_during_a_rebalance_ends_it_all_the_same(delay: float) -> None:
    async def story(scene: Scene) -> None:
        await uneven(scene)
        await rebalance(scene)
        await scene.clock.sleep(delay)
        assert working(scene) >= 6
        await scene.restart()
        await settled(scene, EVEN, least=6)
        await scene.until(lambda: not under_way(scene), 60)

    play(story)


def test_a_drain_takes_over_what_a_rebalance_was_moving() -> None:
    async def story(scene: Scene) -> None:
        await uneven(scene)
        await rebalance(scene)
        await drain(scene)
        await settled(scene, {"fake-1a": 3, "fake-1c": 3}, least=6)
        await scene.until(lambda: scene.states("closures")[-1] == "empty")

    play(story)


RECOVERS = "{strategy: spread, rebalance: on-recovery}"


def test_a_fleet_that_recovers_by_itself_is_balanced_again_soon_after_its_zone_opens_and_then_rests() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(PLACED.format(placement=RECOVERS))
        await scene.until(lambda: active(scene) == EVEN)
        closure = await drain(scene)
        await settled(scene, {"fake-1a": 3, "fake-1c": 3}, least=6, seconds=60)
        await open_zone(scene.replica.engine.context, "main", closure.id)
        await settled(scene, EVEN, least=6, seconds=60)
        await scene.clock.sleep(1800)
        assert reasons(scene) == ["rebalance-asked", "rebalance-ended"]

    play(story)


def test_a_fleet_that_recovers_by_itself_does_so_after_an_outage_within_its_budget() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(PLACED.format(placement=RECOVERS) + "disruption: {per: 5m}\n")
        await scene.until(lambda: active(scene) == EVEN)
        scene.cloud.fail_zone("fake-1b")
        await scene.until(lambda: active(scene) == {"fake-1a": 3, "fake-1c": 3})
        scene.cloud.restore_zone("fake-1b")
        await scene.clock.sleep(1800)
        assert active(scene) == EVEN
        rows = scene.rows("SELECT deleted_at FROM instances WHERE end_reason = 'rebalanced' ORDER BY 1")
        first, second = (datetime.fromisoformat(time) for (time,) in rows)
        assert (second - first).total_seconds() >= 300

    play(story)


def test_a_fleet_whose_zone_takes_no_nodes_stays_as_it_is_without_one_launch_after_the_other() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(PLACED.format(placement=RECOVERS))
        await scene.until(lambda: active(scene) == EVEN)
        closure = await drain(scene)
        await settled(scene, {"fake-1a": 3, "fake-1c": 3}, least=6, seconds=60)
        dry = Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, zone="fake-1b", times=None)
        scene.cloud.inject(dry)
        launched = len([one for one in scene.ledger.entries if one.call == "launch"])
        await open_zone(scene.replica.engine.context, "main", closure.id)
        await scene.clock.sleep(3600)
        assert active(scene) == {"fake-1a": 3, "fake-1c": 3}
        assert len([one for one in scene.ledger.entries if one.call == "launch"]) <= launched + 20
        scene.cloud.calm()
        await scene.until(lambda: active(scene) == EVEN, 3600)

    play(story)


def test_busy_nodes_stay_where_a_fleet_recovers_by_itself() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(PLACED.format(placement=RECOVERS))
        await scene.until(lambda: active(scene) == EVEN)
        closure = await drain(scene)
        await settled(scene, {"fake-1a": 3, "fake-1c": 3}, least=6, seconds=60)
        for number in range(6):
            await scene.apply(TASK.format(name=f"t{number}"))
        await scene.until(lambda: scene.states("jobs") == ["running"] * 6)
        await open_zone(scene.replica.engine.context, "main", closure.id)
        await scene.clock.sleep(600)
        assert active(scene) == {"fake-1a": 3, "fake-1c": 3}
        assert not reasons(scene)

    play(story, LONG)
