"""What is decided about a fleet: what is missing is planned, what is surplus ends, and a deleted one ends whole."""

from datetime import timedelta

from atoll.model.reasons import EndReason
from atoll.model.records import GAVE_UP
from atoll.model.states import FleetState
from atoll.model.waits import CHANGING_SECONDS, STEADY_SECONDS
from atoll.reconcile.action import EndInstances, EndRebalance, Finished, Mark, PlanNodes, Step, Wait
from atoll.reconcile.backoff import early_pause
from atoll.reconcile.fleet import SETTLING_SECONDS, FleetSight, decide
from tests.reconcile.records import NOW, fleet


def test_missing_nodes_are_planned() -> None:
    assert decide(FleetSight(fleet(), 2, 2, NOW, 3, missing=1)) == PlanNodes()


def test_surplus_nodes_end_and_no_others() -> None:
    sight = FleetSight(fleet(), 4, 4, NOW, 3, surplus=["i3"])
    assert decide(sight) == EndInstances(("i3",), EndReason.FLEET_CHANGED)


def test_a_fleet_in_shape_looks_again_by_itself() -> None:
    assert isinstance(decide(FleetSight(fleet(), 3, 3, NOW, 3)), Wait)


def test_while_nodes_wait_for_their_successors_the_fleet_looks_again_soon() -> None:
    assert decide(FleetSight(fleet(), 6, 3, NOW, 3, settling=True)) == Wait(SETTLING_SECONDS)


def test_a_fleet_gives_up_what_it_may_before_it_looks_for_what_it_lacks() -> None:
    assert decide(FleetSight(fleet(), 4, 1, NOW, 3, missing=2, surplus=["i1"])) == EndInstances(
        ("i1",), EndReason.FLEET_CHANGED
    )


def test_nodes_that_came_for_runs_are_not_replaced() -> None:
    assert decide(FleetSight(fleet(nodes=5), 4, 4, NOW, 2, missing=1)) == Mark({"nodes": 4})


def test_a_fleet_on_hold_launches_nothing() -> None:
    assert decide(FleetSight(fleet(hold="no such image"), 0, 0, NOW, 3, missing=3)) == Finished()


def test_a_fleet_that_waited_longer_than_its_patience_is_put_on_hold_with_the_last_reason() -> None:
    patience, waited = timedelta(minutes=5), fleet(waiting_since=NOW, message="waits: no zone has room")
    held = Mark({"hold": GAVE_UP, "message": "`retry.duration` is over: no zone has room"})
    assert decide(FleetSight(waited, 0, 0, NOW + patience, 3, missing=3, patience=patience)) == held
    early = FleetSight(waited, 0, 0, NOW + patience - timedelta(seconds=1), 3, missing=3, patience=patience)
    assert decide(early) == PlanNodes()
    assert decide(FleetSight(waited, 0, 0, NOW + 9 * patience, 3, missing=3)) == PlanNodes(), "it waits without end"
    assert decide(FleetSight(fleet(), 0, 0, NOW, 3, missing=3, patience=patience)) == PlanNodes()


def test_nodes_that_failed_early_again_and_again_are_launched_after_a_pause() -> None:
    failed = fleet(early_failures=3, failed_early_at=NOW)
    pause = early_pause(failed, NOW)
    assert pause > 0
    assert decide(FleetSight(failed, 0, 0, NOW, 3, missing=3)) == Wait(pause)


def test_nodes_of_zones_that_are_emptied_end_with_that_reason_before_others() -> None:
    sight = FleetSight(fleet(), 5, 3, NOW, 3, surplus=["i1", "i2"], drained=["i1"], moved=["i2"])
    assert decide(sight) == EndInstances(("i1",), EndReason.ZONE_DRAINED)


def test_a_fleet_that_has_all_its_nodes_no_longer_waits_and_keeps_the_reason_of_a_hold() -> None:
    waited = fleet(waiting_since=NOW, message="waits: no zone has room")
    assert decide(FleetSight(waited, 3, 3, NOW, 3, filled=True)) == Mark({"waiting_since": None, "message": ""})
    held = fleet(waiting_since=NOW, message="no such image", hold="no such image")
    assert decide(FleetSight(held, 3, 3, NOW, 3, filled=True)) == Mark(
        {"waiting_since": None, "message": "no such image"}
    )


def test_a_fleet_that_waits_looks_more_often_than_one_in_shape() -> None:
    assert decide(FleetSight(fleet(), 3, 3, NOW, 3)) == Wait(STEADY_SECONDS)
    assert decide(FleetSight(fleet(waiting_since=NOW), 3, 3, NOW, 3)) == Wait(CHANGING_SECONDS)


def test_a_rebalance_ends_when_all_has_moved_when_its_time_is_over_or_when_the_fleet_is_on_hold() -> None:
    moving = fleet(rebalancing_until=NOW + timedelta(minutes=1))
    assert decide(FleetSight(moving, 4, 3, NOW, 3, moved=["i1"], moving=True)) == EndInstances(
        ("i1",), EndReason.REBALANCED
    )
    assert decide(FleetSight(moving, 3, 2, NOW, 3, missing=1, moving=True)) == PlanNodes()
    assert decide(FleetSight(moving, 3, 3, NOW, 3)) == EndRebalance()
    late = FleetSight(moving, 3, 2, NOW + timedelta(minutes=1), 3, missing=1, moving=True)
    assert decide(late) == EndRebalance()
    held = fleet(rebalancing_until=NOW + timedelta(minutes=1), hold="no such image")
    assert decide(FleetSight(held, 3, 2, NOW, 3, missing=1, moving=True)) == EndRebalance()


def test_a_deleted_fleet_ends_its_nodes_waits_for_the_last_and_is_gone() -> None:
    going = fleet(FleetState.DELETING)
    assert decide(FleetSight(going, 1, 1, NOW, 3, surplus=["i0"])) == EndInstances(("i0",), EndReason.FLEET_DELETED)
    assert isinstance(decide(FleetSight(going, 1, 0, NOW, 3)), Wait)
    deleted = Step(FleetState.DELETED, changes={"rebalancing_until": None})
    assert decide(FleetSight(going, 0, 0, NOW, 3)) == deleted, "with a rebalance that was under way"


def test_a_fleet_that_a_run_brought_goes_with_its_last_instance() -> None:
    own = fleet(auto_created=True)
    assert isinstance(decide(FleetSight(own, 1, 1, NOW, 1)), Wait)
    assert decide(FleetSight(own, 0, 0, NOW, 1)) == Step(FleetState.DELETING, "unused")
