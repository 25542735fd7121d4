"""What is decided about a closed zone: it is emptied where that is wanted, and opens at its end."""

from datetime import timedelta
from typing import Any

import pytest

from atoll.model.records import Closure, ClosureKind
from atoll.model.states import ClosureState
from atoll.model.waits import STEADY_SECONDS
from atoll.reconcile.action import EmptyZone, Finished, Mark, Step, StopRest, Wait
from atoll.reconcile.closure import LOOK_SECONDS, ClosureSight, decide
from tests.reconcile.records import NOW, ZONE

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
EMPTYING = (ClosureKind.DRAIN, ClosureKind.EVACUATE)


def closure(operation: ClosureKind, state: ClosureState = ClosureState.EMPTYING, **more: Any) -> Closure:
    given: dict[str, Any] = {"until": NOW + HOUR, "operation": operation, "state": state} | more
    return Closure("c1", "main", zone=ZONE, actor="admin", created_at=NOW, **given)


@pytest.mark.parametrize("operation", ClosureKind)
@pytest.mark.parametrize("state", [ClosureState.ACTIVE, ClosureState.EMPTYING, ClosureState.EMPTY])
def test_every_closure_ends_at_its_time_whatever_remains(operation: ClosureKind, state: ClosureState) -> None:
    over = closure(operation, state, until=NOW)
    ended = Step(ClosureState.ENDED, "expired", {"ended_at": NOW, "message": ""})
    assert decide(ClosureSight(over, NOW, here=3, replace=("i1",), left=("i1",))) == ended


def test_an_ended_closure_needs_nothing_more() -> None:
    assert decide(ClosureSight(closure(ClosureKind.DRAIN, ClosureState.ENDED), NOW, here=3)) == Finished()


def test_a_cordon_empties_nothing_and_looks_again_at_its_end_at_the_latest() -> None:
    def cordon(seconds: float) -> ClosureSight:
        until = NOW + timedelta(seconds=seconds)
        return ClosureSight(closure(ClosureKind.CORDON, ClosureState.ACTIVE, until=until), NOW, 3, ("i1",), ("i2",))

    assert decide(cordon(10)) == Wait(10)
    assert decide(cordon(1e6)) == Wait(STEADY_SECONDS)


@pytest.mark.parametrize("operation", EMPTYING)
def test_a_zone_that_is_to_be_emptied_counts_first_what_is_there(operation: ClosureKind) -> None:
    begun = ClosureSight(closure(operation, ClosureState.ACTIVE), NOW, here=3, replace=("i1",))
    assert decide(begun) == Step(ClosureState.EMPTYING, changes={"total": 3})


def test_what_can_leave_is_marked_before_anything_is_reported_or_stopped() -> None:
    late = closure(ClosureKind.EVACUATE, deadline=NOW)
    replaced = ClosureSight(late, NOW, 2, replace=("i1",), left=("i1", "i2"), message="i2 stays")
    assert decide(replaced) == EmptyZone(("i1",), ())
    released = ClosureSight(late, NOW, 2, release=("i2",), left=("i1", "i2"), message="i2 stays")
    assert decide(released) == EmptyZone((), ("i2",))


def test_what_is_left_is_stopped_at_the_deadline_of_an_evacuation_and_not_before() -> None:
    evacuation = closure(ClosureKind.EVACUATE, deadline=NOW, total=2)
    assert decide(ClosureSight(evacuation, NOW, 2, left=("i1", "i2"))) == StopRest(("i1", "i2"))
    assert decide(ClosureSight(evacuation, NOW - SECOND, 2, left=("i1", "i2"))) == Wait(LOOK_SECONDS)
    assert decide(ClosureSight(evacuation, NOW, 2)) == Wait(LOOK_SECONDS), "all that is there ends already"
    assert decide(ClosureSight(closure(ClosureKind.DRAIN, total=2), NOW, 2, left=("i1",))) == Wait(LOOK_SECONDS)


def test_what_has_left_and_what_remains_is_recorded_when_it_changes() -> None:
    drain = closure(ClosureKind.DRAIN, total=3)
    assert decide(ClosureSight(drain, NOW, 1, message="i2 stays")) == Mark({"gone": 2, "message": "i2 stays"})
    recorded = closure(ClosureKind.DRAIN, total=3, gone=2, message="i2 stays")
    assert decide(ClosureSight(recorded, NOW, 1, message="i2 stays")) == Wait(LOOK_SECONDS)
    assert decide(ClosureSight(recorded, NOW, 1)) == Mark({"gone": 2, "message": ""})
    grown = closure(ClosureKind.DRAIN, total=1)
    assert decide(ClosureSight(grown, NOW, 2)) == Wait(LOOK_SECONDS), "more than at the start: none has left"


@pytest.mark.parametrize("operation", EMPTYING)
def test_an_empty_zone_is_said_to_be_empty_and_emptied_again_where_something_comes_back(operation: ClosureKind) -> None:
    left = closure(operation, total=3, gone=2, message="i2 stays")
    assert decide(ClosureSight(left, NOW)) == Step(ClosureState.EMPTY, changes={"gone": 3, "message": ""})
    empty = closure(operation, ClosureState.EMPTY)
    assert decide(ClosureSight(empty, NOW)) == Wait(STEADY_SECONDS)
    assert decide(ClosureSight(empty, NOW, here=1)) == Step(ClosureState.EMPTYING)
    ending = closure(operation, ClosureState.EMPTY, until=NOW + SECOND)
    assert decide(ClosureSight(ending, NOW)) == Wait(1)
