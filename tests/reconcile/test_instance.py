"""What is decided about an instance: one row for each thing that can be seen of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atoll.model.endpoint import UnixSocket
from atoll.model.failure import FailureKind, MachineError
from atoll.model.limits import TimeLimits
from atoll.model.offer import Market
from atoll.model.records import Instance
from atoll.model.states import INSTANCE, InstanceState
from atoll.reconcile.action import EndFailed, Finished, Launch, Mark, Step, Terminate, Wait
from atoll.reconcile.instance import (
    APPEAR_LIMIT,
    PROBE_SECONDS,
    UNKNOWN,
    WIDESPREAD_PAUSE,
    InstanceSight,
    decide,
)
from atoll.testing.builders import instance_type, zone

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
S = InstanceState
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
AGENT = UnixSocket("/run/agent.sock")
MOVED = UnixSocket("/run/new.sock")
INTERRUPTED = MachineError(FailureKind.INTERRUPTED, "the provider takes it back")
FAILED = MachineError(FailureKind.CAPACITY_UNAVAILABLE, "no host has space")
LIMITS = TimeLimits(start_seconds=240, silent_seconds=90)
NOTICED = {"end_reason": "interrupted", "message": "its provider takes the machine back at 12:00:00 UTC"}
START_LIMIT = timedelta(seconds=LIMITS.start_seconds)
SILENT_LIMIT = timedelta(seconds=LIMITS.silent_seconds)


def sight(state: InstanceState, age: timedelta = MINUTE, **seen: Any) -> InstanceSight:
    """An instance of this age with an end reason where `end` says so, and what was seen."""
    end = seen.pop("end", "")
    since = {name: seen.pop(name) for name in ("idle_since", "unreachable_since") if name in seen}
    made = Instance(
        "i1", "main", "f1", "f", 0, state, zone(), instance_type(), Market.SPOT, 0.1, NOW - age, "m1", AGENT, end
    )
    return InstanceSight(replace(made, **since), NOW, **{"limits": LIMITS, **seen})


TABLE = [
    (sight(S.PENDING), Step(S.LAUNCHING, changes={"unreachable_since": NOW, "message": ""})),
    (sight(S.PENDING, blocked="waits until `f-0` ends"), Mark({"message": "waits until `f-0` ends"})),
    (sight(S.PENDING, end="fleet-deleted"), Step(S.TERMINATED, "fleet-deleted")),
    (sight(S.LAUNCHING), Launch()),
    (sight(S.LAUNCHING, end="fleet-deleted"), Launch()),
    (sight(S.LAUNCHING, START_LIMIT + MINUTE), Mark({"end_reason": "launch-timeout"})),
    (sight(S.LAUNCHING, START_LIMIT), Launch()),
    (sight(S.LAUNCHING, START_LIMIT + MINUTE, unreachable_since=NOW - MINUTE), Launch()),
    (sight(S.STARTING, machine=UNKNOWN), Wait(5)),
    (sight(S.STARTING, START_LIMIT + MINUTE, machine="creating", unreachable_since=NOW), Wait(0.05)),
    (sight(S.STARTING, APPEAR_LIMIT + MINUTE, machine=UNKNOWN), Wait(5)),
    (sight(S.STARTING, machine="creating"), Wait(5)),
    (sight(S.STARTING, START_LIMIT, machine="creating"), Wait(5)),
    (sight(S.STARTING, timedelta(seconds=2), machine="creating"), Wait(0.55)),
    (sight(S.STARTING, machine="creating", error=INTERRUPTED), Wait(5)),
    (sight(S.STARTING, machine="ready", answers=False), Wait(5)),
    (sight(S.STARTING, machine="creating", error=FAILED), EndFailed(FAILED)),
    (sight(S.STARTING, machine="gone", error=FAILED), EndFailed(FAILED)),
    (sight(S.STARTING, machine="creating", error=FAILED, end="fleet-deleted"), EndFailed(FAILED)),
    (sight(S.STARTING, machine="creating", end="fleet-resized"), Step(S.TERMINATING, "fleet-resized")),
    (sight(S.ACTIVE, answers=True), Wait(PROBE_SECONDS)),
    (sight(S.ACTIVE, answers=True, limits=replace(LIMITS, notice_seconds=30)), Wait(30)),
    (sight(S.ACTIVE, answers=True, interrupted_at=NOW, claimed=True), Mark(NOTICED)),
    (sight(S.ACTIVE, answers=True, interrupted_at=NOW, end="fleet-resized"), Mark(NOTICED)),
    (sight(S.ACTIVE, answers=True, interrupted_at=NOW, end="interrupted", claimed=True), Wait(1)),
    (sight(S.ACTIVE, answers=True, interrupted_at=NOW, end="interrupted"), Step(S.TERMINATING, "interrupted")),
    (sight(S.ACTIVE, answers=True, end="fleet-resized", claimed=True), Wait(1)),
    (sight(S.ACTIVE, answers=True, end="fleet-resized"), Step(S.TERMINATING, "fleet-resized")),
    (sight(S.ACTIVE, machine="ready", answers=False), Mark({"unreachable_since": NOW})),
    (sight(S.ACTIVE, machine="ready", answers=False, unreachable_since=NOW - MINUTE / 2), Wait(1)),
    (sight(S.ACTIVE, answers=False, unreachable_since=NOW - SILENT_LIMIT), Wait(1)),
    (
        sight(S.ACTIVE, answers=False, unreachable_since=NOW - SILENT_LIMIT - MINUTE, widespread=True),
        Wait(WIDESPREAD_PAUSE),
    ),
    (
        sight(S.ACTIVE, machine="ready", answers=True, endpoint=MOVED, address="10.0.0.1"),
        Mark({"endpoint": MOVED, "address": "10.0.0.1"}),
    ),
    (sight(S.ACTIVE, machine="ready", answers=True, endpoint=AGENT), Wait(PROBE_SECONDS)),
    (sight(S.ACTIVE, answers=True, unreachable_since=NOW - MINUTE), Mark({"unreachable_since": None})),
    (sight(S.ACTIVE, answers=True, idle_limit=MINUTE, idle_since=NOW - MINUTE), Mark({"end_reason": "idle"})),
    (sight(S.ACTIVE, answers=True, idle_limit=MINUTE, idle_since=NOW - MINUTE, claimed=True), Wait(PROBE_SECONDS)),
    (sight(S.ACTIVE, answers=True, idle_limit=MINUTE), Wait(PROBE_SECONDS)),
    (sight(S.ACTIVE, answers=True, idle_since=NOW - MINUTE), Wait(PROBE_SECONDS)),
    (sight(S.ACTIVE, answers=True, idle_limit=MINUTE, idle_since=NOW - MINUTE + SECOND), Wait(1.01)),
    (sight(S.ACTIVE, answers=True, idle_limit=MINUTE, idle_since=NOW, claimed=True), Wait(PROBE_SECONDS)),
    (sight(S.TERMINATING, end="idle", machine="ready"), Terminate()),
    (sight(S.TERMINATING, end="idle", machine="deleting"), Terminate()),
    (sight(S.TERMINATING, end="idle", machine=UNKNOWN), Terminate()),
    (sight(S.TERMINATING, APPEAR_LIMIT + MINUTE, end="idle", machine=UNKNOWN), Terminate(last=True)),
    (sight(S.TERMINATING, APPEAR_LIMIT, end="idle", machine=UNKNOWN), Terminate()),
    (sight(S.TERMINATING, APPEAR_LIMIT + MINUTE, end="x", machine=UNKNOWN, unreachable_since=NOW), Terminate()),
    (sight(S.TERMINATING, end="idle", machine=UNKNOWN, idle_since=NOW), Terminate(last=True)),
    (sight(S.TERMINATED), Finished()),
]


@pytest.mark.parametrize(("seen", "action"), TABLE)
def test_what_is_seen_of_an_instance_decides_what_is_done(seen: InstanceSight, action: object) -> None:
    assert decide(seen) == action


def test_an_agent_that_answers_for_the_first_time_is_no_longer_waited_for() -> None:
    action = decide(sight(S.STARTING, machine="ready", answers=True, unreachable_since=NOW - MINUTE))
    assert isinstance(action, Step)
    assert (action.state, action.changes["unreachable_since"]) == (S.ACTIVE, None)


def test_addresses_that_a_cloud_gives_after_the_launch_are_recorded_when_the_instance_becomes_active() -> None:
    seen: dict[str, Any] = {"endpoint": MOVED, "address": "10.0.0.1", "public_address": "203.0.113.7"}
    action = decide(sight(S.STARTING, machine="ready", answers=True, **seen))
    assert isinstance(action, Step)
    assert {name: action.changes[name] for name in seen} == seen


ENDS = [
    (sight(S.STARTING, machine="gone"), S.TERMINATED, "lost"),
    (sight(S.STARTING, START_LIMIT + MINUTE, machine="creating"), S.TERMINATING, "start-timeout"),
    (sight(S.ACTIVE, machine="gone", answers=False), S.TERMINATED, "lost"),
    (sight(S.ACTIVE, machine=UNKNOWN, answers=False), S.TERMINATED, "lost"),
    (sight(S.ACTIVE, machine="gone", error=INTERRUPTED), S.TERMINATED, "interrupted"),
    (sight(S.ACTIVE, machine="gone", error=FAILED), S.TERMINATED, "lost"),
    (sight(S.ACTIVE, machine="gone", end="idle"), S.TERMINATED, "idle"),
    (
        sight(S.ACTIVE, machine="ready", answers=False, unreachable_since=NOW - SILENT_LIMIT - MINUTE),
        S.TERMINATING,
        "unreachable",
    ),
    (sight(S.TERMINATING, end="idle", machine="gone"), S.TERMINATED, "idle"),
]


@pytest.mark.parametrize(("seen", "state", "reason"), ENDS)
def test_an_end_says_why_and_is_a_step_of_the_table(seen: InstanceSight, state: InstanceState, reason: str) -> None:
    action = decide(seen)
    assert isinstance(action, Step)
    assert (action.state, action.reason, action.changes.get("end_reason", reason)) == (state, reason, reason)
    INSTANCE.step(seen.instance.state, action.state)


def message(seen: InstanceSight) -> str:
    action = decide(seen)
    assert isinstance(action, Step)
    return str(action.changes["message"])


def test_a_machine_that_is_gone_says_where_it_was_and_why_where_that_is_known() -> None:
    assert message(sight(S.ACTIVE, machine="gone")) == f"the machine in zone {zone()} went away by itself"
    known = sight(S.ACTIVE, machine="gone", reason="the zone failed")
    assert message(known) == f"the machine in zone {zone()} is gone: the zone failed"
    taken = sight(S.ACTIVE, machine="gone", error=INTERRUPTED, reason="taken back")
    assert message(taken) == f"the machine in zone {zone()} is gone: taken back"
    ended = sight(S.TERMINATING, machine="gone", end="idle")
    assert message(replace(ended, instance=replace(ended.instance, message="kept"))) == "kept"


def test_a_machine_that_does_not_start_says_how_long_its_agent_had() -> None:
    late = sight(S.STARTING, START_LIMIT + SECOND, machine="creating")
    assert message(late) == "its agent did not answer within 4 minutes"


def test_only_an_active_instance_whose_agent_does_not_answer_is_silent_too_long() -> None:
    since: dict[str, Any] = {"unreachable_since": NOW - SILENT_LIMIT - SECOND}
    assert sight(S.ACTIVE, answers=False, **since).silent_too_long
    assert not sight(S.ACTIVE, answers=False, unreachable_since=NOW - SILENT_LIMIT).silent_too_long
    assert not sight(S.ACTIVE, answers=False).silent_too_long
    assert not sight(S.ACTIVE, answers=True, **since).silent_too_long
    assert not sight(S.ACTIVE, answers=None, **since).silent_too_long
    assert not sight(S.STARTING, answers=False, **since).silent_too_long
