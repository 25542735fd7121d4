"""What is done about an instance, by what was seen of its machine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from atoll.model.offer import Market
from atoll.model.records import Instance
from atoll.model.resources import InstanceType
from atoll.model.states import InstanceState
from atoll.model.zone import Zone
from atoll.reconcile.action import Step, Terminate
from atoll.reconcile.instance import APPEAR_LIMIT, UNKNOWN, InstanceSight, decide

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LEAVING = Instance(
    "i-1",
    "main",
    "f-1",
    "train",
    0,
    InstanceState.TERMINATING,
    Zone("aws", "us-east-1", "us-east-1a"),
    InstanceType("m7i.xlarge", 4, 16),
    Market.ON_DEMAND,
    0.2,
    NOW - timedelta(seconds=20),
    backend_id="m-1",
    end_reason="fleet-deleted",
)


def test_a_machine_that_was_never_active_may_be_too_new_to_be_seen() -> None:
    assert decide(InstanceSight(LEAVING, NOW, UNKNOWN)) == Terminate()
    late = InstanceSight(LEAVING, LEAVING.created_at + APPEAR_LIMIT * 2, UNKNOWN)
    assert isinstance(decide(late), Step)


def test_a_machine_that_was_active_and_is_unknown_is_gone_at_once() -> None:
    seen = replace(LEAVING, idle_since=NOW - timedelta(seconds=5))
    action = decide(InstanceSight(seen, NOW, UNKNOWN))
    assert isinstance(action, Step)
    assert action.state is InstanceState.TERMINATED
