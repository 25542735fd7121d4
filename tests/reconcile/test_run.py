"""What is decided about a run, whatever became of its jobs meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, product
from typing import Any

import pytest

from atoll.model.reasons import JobReason, RetryEvent
from atoll.model.records import Job, Run
from atoll.model.states import JOB, RUN, JobState, RunState
from atoll.model.waits import CHANGING_SECONDS, STEADY_SECONDS
from atoll.reconcile.action import Finished, PlaceJobs, Resubmit, Step, StopJobs, Wait
from atoll.reconcile.backoff import early_pause
from atoll.reconcile.run import RetryPolicy, RunSight, decide

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
R, J = RunState, JobState
RETRIES = (RetryPolicy(), RetryPolicy(tuple(RetryEvent)))


def sight(state: RunState, *jobs: JobState, stop: str = "", retry: RetryPolicy = RETRIES[0]) -> RunSight:
    run = Run("r1", "main", "run", "task", state, {}, NOW, stop=stop)
    made = [Job(f"j{rank}", "main", "r1", "run", rank, 0, job, NOW, stop=stop) for rank, job in enumerate(jobs)]
    return RunSight(run, made, NOW, retry)


@pytest.mark.parametrize("state", RunState)
def test_every_step_is_one_of_the_table_wherever_the_jobs_are(state: RunState) -> None:
    for jobs, stop, retry in product(combinations_with_replacement(JobState, 2), ("", "stop", "abort"), RETRIES):
        action = decide(sight(state, *jobs, stop=stop, retry=retry))
        if isinstance(action, Step):
            assert action.state in RUN.steps[state], (jobs, stop, action)


def test_a_run_whose_jobs_were_done_before_anybody_looked_is_done_in_two_steps() -> None:
    assert decide(sight(RunState.SUBMITTED, JobState.DONE)) == Step(RunState.PROVISIONING)
    action = decide(sight(RunState.PROVISIONING, JobState.DONE))
    assert isinstance(action, Step)
    assert action.state == RunState.DONE


def test_a_finished_run_needs_no_action() -> None:
    for state in RUN.final:
        assert decide(sight(RunState(state), JobState.DONE)) == Finished()


def changed(seen: RunSight, *jobs: dict[str, Any], **run: Any) -> RunSight:
    """The sight with these fields of its run, and of its jobs in their order."""
    made = [replace(job, **fields) for job, fields in zip(seen.jobs, (*jobs, *[{}] * len(seen.jobs)), strict=False)]
    return replace(seen, run=replace(seen.run, **run), jobs=made)


TABLE = [
    (sight(R.SUBMITTED, J.SUBMITTED, J.SUBMITTED), PlaceJobs()),
    (sight(R.PROVISIONING, J.PLACED, J.SUBMITTED), PlaceJobs()),
    (sight(R.SUBMITTED, J.PLACED, J.PLACED), Step(R.PROVISIONING)),
    (sight(R.SUBMITTED, J.RUNNING), Step(R.PROVISIONING)),
    (sight(R.PROVISIONING, J.STARTING, J.PLACED), Wait(CHANGING_SECONDS)),
    (sight(R.PROVISIONING, J.RUNNING, J.PLACED), Step(R.RUNNING)),
    (sight(R.PROVISIONING, J.DONE, J.STARTING), Step(R.RUNNING)),
    (sight(R.RUNNING, J.RUNNING, J.RUNNING), Wait(STEADY_SECONDS)),
    (sight(R.RUNNING, J.STOPPING, J.STARTING), Wait(STEADY_SECONDS)),
    (sight(R.RUNNING, J.STARTING, J.PLACED), Wait(CHANGING_SECONDS)),
    (sight(R.RUNNING, J.STOPPED, J.RUNNING), Wait(1)),
    (sight(R.RUNNING, J.STOPPED, J.STOPPED), Resubmit()),
    (replace(sight(R.SUBMITTED, J.SUBMITTED), blocked=True), Wait(1)),
    (changed(sight(R.SUBMITTED, J.SUBMITTED, J.SUBMITTED), hold="no such image"), Finished()),
    (changed(sight(R.PROVISIONING, J.PLACED, J.SUBMITTED), hold="no such image"), StopJobs(("j0", "j1"), "stop")),
    (
        changed(sight(R.PROVISIONING, J.PLACED, J.SUBMITTED), {"stop": "stop"}, hold="no such image"),
        StopJobs(("j1",), "stop"),
    ),
]


@pytest.mark.parametrize(("seen", "action"), TABLE)
def test_what_became_of_the_jobs_decides_what_is_done(seen: RunSight, action: object) -> None:
    assert decide(seen) == action


def test_the_first_job_s_end_is_the_run_s_end_only_where_the_master_decides() -> None:
    seen = sight(R.RUNNING, J.DONE, J.RUNNING)
    assert decide(seen) == Wait(STEADY_SECONDS)
    assert decide(replace(seen, master_decides=True)) == Step(R.STOPPING, "done")
    last = replace(sight(R.RUNNING, J.RUNNING, J.DONE), master_decides=True)
    assert decide(last) == Wait(STEADY_SECONDS)


def test_a_run_that_is_stopped_stops_its_open_jobs_waits_for_them_and_is_stopped() -> None:
    asked = changed(sight(R.RUNNING, J.RUNNING, J.RUNNING, J.DONE), stop="stop")
    assert decide(asked) == StopJobs(("j0", "j1"), "stop")
    assert decide(changed(asked, {"stop": "stop"})) == StopJobs(("j1",), "stop")
    stopping = changed(asked, {"stop": "stop"}, {"stop": "abort"})
    assert decide(stopping) == Step(R.STOPPING, "stopped", {"message": ""})
    assert decide(changed(stopping, state=R.STOPPING)) == Wait(CHANGING_SECONDS)
    assert decide(changed(stopping, stop="abort")) == StopJobs(("j0",), "abort")
    over = changed(sight(R.RUNNING, J.STOPPED, J.DONE), stop="stop")
    assert decide(over) == Step(R.STOPPING, "stopped", {"message": ""})
    assert ended(changed(over, state=R.STOPPING)) == (R.STOPPED, "stopped", None, "")
    assert ended(changed(over, {"exit_code": 143}, state=R.STOPPING)) == (R.STOPPED, "stopped", 143, "")


def ended(seen: RunSight) -> tuple[str, str, int | None, str]:
    """The state, reason, exit code and message of a run's end, which is now."""
    action = decide(seen)
    assert isinstance(action, Step)
    assert action.changes["finished_at"] == NOW
    return action.state, action.reason, action.changes["exit_code"], action.changes["message"]


def failed(state: RunState, *others: JobState, **fields: Any) -> RunSight:
    """A run whose first job failed."""
    given: dict[str, Any] = {"reason": JobReason.EXIT_CODE, "exit_code": 7, "message": "exit code 7"} | fields
    return changed(sight(state, J.FAILED, *others), given, message="waits: no zone has room")


def test_a_run_of_one_job_fails_with_its_message_and_one_of_several_names_the_job() -> None:
    assert ended(failed(R.RUNNING)) == (R.FAILED, "exit-code", 7, "exit code 7")
    assert ended(failed(R.RUNNING, J.DONE)) == (R.FAILED, "exit-code", 7, "job 0: exit code 7")
    assert ended(failed(R.RUNNING, J.DONE, message="")) == (R.FAILED, "exit-code", 7, "job 0: exit-code")
    assert ended(failed(R.STOPPING, J.STOPPED)) == (R.FAILED, "exit-code", 7, "job 0: exit code 7")


def test_a_run_that_is_done_has_exit_code_0_and_no_message() -> None:
    assert ended(changed(sight(R.RUNNING, J.DONE), message="waits: no zone has room")) == (R.DONE, "done", 0, "")
    assert ended(sight(R.STOPPING, J.DONE, J.STOPPED)) == (R.DONE, "done", 0, "")


def test_with_a_failed_job_the_others_are_stopped_before_the_run_ends() -> None:
    assert decide(failed(R.RUNNING, J.RUNNING)) == Step(R.STOPPING, "exit-code")
    assert decide(failed(R.STOPPING, J.RUNNING)) == StopJobs(("j1",), "stop")


def test_a_retried_run_stops_its_other_jobs_waits_for_them_and_starts_all_again() -> None:
    again = replace(failed(R.RUNNING, J.RUNNING, J.DONE), retry=RETRIES[1])
    assert decide(again) == StopJobs(("j1",), "stop")
    assert decide(changed(again, {}, {"stop": "stop"})) == Wait(CHANGING_SECONDS)
    assert decide(changed(again, {}, {"state": J.STOPPED})) == Resubmit()
    early: dict[str, Any] = {"early_failures": 3, "failed_early_at": NOW}
    pause = early_pause(replace(again.run, **early), NOW)
    assert pause > 0
    assert decide(changed(again, {}, {"state": J.STOPPED}, **early)) == Wait(pause)
    assert decide(changed(sight(R.SUBMITTED, J.SUBMITTED), **early)) == Wait(pause)


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (JobReason.INSTANCE_LOST, RetryEvent.INTERRUPTION),
        (JobReason.INTERRUPTED, RetryEvent.INTERRUPTION),
        (JobReason.NO_CAPACITY, RetryEvent.NO_CAPACITY),
        (JobReason.EXIT_CODE, RetryEvent.ERROR),
    ],
)
def test_a_run_is_retried_after_the_events_that_it_names_and_no_others(reason: JobReason, event: RetryEvent) -> None:
    for named in RetryEvent:
        action = decide(replace(failed(R.RUNNING, reason=reason), retry=RetryPolicy((named,))))
        assert isinstance(action, Resubmit) == (named is event), named


def test_a_run_is_retried_until_its_duration_is_over() -> None:
    policy = RetryPolicy((RetryEvent.ERROR,), MINUTE)
    seen = replace(failed(R.RUNNING), retry=policy)
    assert decide(changed(seen, created_at=NOW - MINUTE + SECOND)) == Resubmit()
    assert isinstance(decide(changed(seen, created_at=NOW - MINUTE)), Step)
    assert policy.left(NOW - MINUTE + SECOND, NOW) == 1
    assert policy.left(NOW - MINUTE, NOW) is None
    assert RetryPolicy((RetryEvent.ERROR,)).left(NOW, NOW) is None


@pytest.mark.parametrize("stop", ["stop", "abort"])
def test_jobs_that_are_over_are_never_stopped(stop: str) -> None:
    for jobs in combinations_with_replacement(JobState, 3):
        action = decide(changed(sight(R.RUNNING, *jobs), stop=stop))
        if isinstance(action, StopJobs):
            assert set(action.ids) == {f"j{rank}" for rank, job in enumerate(jobs) if job not in JOB.final}
