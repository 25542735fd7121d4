"""What is decided about a job: started once all is ready, placed again before it began, failed after that."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from atoll.model.reasons import EndReason
from atoll.model.states import InstanceState, JobState
from atoll.reconcile.action import Finished, FollowJob, Step, StopJob, SubmitJob, Wait
from atoll.reconcile.job import JobSight, decide
from tests.reconcile.records import NOW, instance, job

PLACED, RUNNING = JobState.PLACED, JobState.RUNNING


def test_a_placed_job_starts_once_its_instance_and_volumes_are_ready() -> None:
    assert decide(JobSight(job(PLACED), instance(), ready=True)) == Step(JobState.STARTING)


def test_a_placed_job_that_waits_looks_again_by_itself() -> None:
    assert isinstance(decide(JobSight(job(PLACED), instance())), Wait)


@pytest.mark.parametrize(
    "sight",
    [
        JobSight(job(PLACED), None),
        JobSight(job(PLACED), instance(InstanceState.TERMINATING)),
        JobSight(job(PLACED), instance(end_reason="fleet-resized"), ready=True),
        JobSight(job(PLACED), instance(), moved=True),
        JobSight(job(PLACED), instance(), stranded=True),
    ],
    ids=["no instance", "a lost one", "one that is to end", "a moved volume", "others that wait"],
)
def test_a_job_that_has_not_begun_is_placed_again(sight: JobSight) -> None:
    action = decide(sight)
    assert isinstance(action, Step)
    assert (action.state, action.changes["instance_id"]) == (JobState.SUBMITTED, None)


def test_a_running_job_fails_with_its_instance_and_names_the_zone() -> None:
    action = decide(JobSight(job(RUNNING), instance(InstanceState.TERMINATED)))
    assert isinstance(action, Step)
    assert (action.state, action.reason) == (JobState.FAILED, "instance-lost")
    assert "fake-1a" in action.changes["message"]


@pytest.mark.parametrize("reason", EndReason)
def test_a_job_whose_instance_ended_names_the_cause(reason: EndReason) -> None:
    ended = instance(InstanceState.TERMINATED, end_reason=reason)
    silent, spoken = decide(JobSight(job(RUNNING), ended)), decide(JobSight(job(RUNNING), replace(ended, message="hm")))
    assert isinstance(silent, Step)
    assert isinstance(spoken, Step)
    assert re.search(r"was lost: it[s]? [a-z' ]+$", silent.changes["message"])
    assert spoken.changes["message"].endswith("was lost: hm")


def test_a_running_job_is_not_disturbed_by_an_instance_that_is_to_end() -> None:
    assert decide(JobSight(job(RUNNING), instance(end_reason="fleet-resized"))) == FollowJob()


def test_a_job_whose_machine_is_taken_back_has_the_time_of_the_notice_and_names_it() -> None:
    noticed = replace(instance(end_reason="interrupted"), message="its provider takes the machine back at 12:02:00 UTC")
    action = decide(JobSight(job(RUNNING), noticed))
    assert isinstance(action, Step)
    assert (action.state, action.reason) == (JobState.STOPPING, "interrupted")
    assert action.changes["message"].endswith("ends: its provider takes the machine back at 12:02:00 UTC")
    assert decide(JobSight(job(JobState.STOPPING), noticed, grace=90)) == StopJob(90)
    gone = replace(noticed, state=InstanceState.TERMINATED)
    assert decide(JobSight(job(JobState.STOPPING), gone)) == Step(JobState.FAILED, "instance-lost")
    assert decide(JobSight(job(JobState.STOPPING, stop="stop"), gone)) == Step(JobState.STOPPED, "stopped")


def test_a_stopped_job_gets_its_grace_and_an_aborted_one_none() -> None:
    assert decide(JobSight(job(JobState.STOPPING, stop="stop"), instance(), grace=7)) == StopJob(7)
    assert decide(JobSight(job(JobState.STOPPING, stop="abort"), instance(), grace=7)) == StopJob(0)


def test_what_starts_is_submitted_and_what_is_over_stays_over() -> None:
    assert decide(JobSight(job(JobState.STARTING), instance())) == SubmitJob()
    for state in (JobState.DONE, JobState.FAILED, JobState.STOPPED):
        assert decide(JobSight(job(state), instance())) == Finished()


@pytest.mark.parametrize("state", [PLACED, RUNNING, JobState.STOPPING])
def test_a_job_waits_for_a_silent_instance_as_long_as_its_backend_says(state: JobState) -> None:
    silent = instance(unreachable_since=NOW - timedelta(seconds=61))
    after = {PLACED: JobState.SUBMITTED, RUNNING: JobState.FAILED, JobState.STOPPING: JobState.STOPPED}
    stop = "stop" if state is JobState.STOPPING else ""
    patient = JobSight(job(state, stop=stop), silent, now=NOW, patience=timedelta(seconds=62))
    assert not isinstance(decide(patient), Step)
    assert not isinstance(decide(replace(patient, patience=None)), Step)
    action = decide(replace(patient, patience=timedelta(seconds=60)))
    assert isinstance(action, Step)
    assert action.state is after[state]
    if state is RUNNING:
        assert action.reason == "instance-lost"
        assert "in zone fake-1a has not answered for 61 s" in action.changes["message"]


@pytest.mark.parametrize("state", [JobState.SUBMITTED, PLACED])
def test_a_job_that_is_stopped_before_it_begins_is_stopped_at_once(state: JobState) -> None:
    seen = JobSight(job(state, stop="stop"), instance() if state is PLACED else None, ready=True)
    assert decide(seen) == Step(JobState.STOPPED, "stopped")


def test_a_job_that_has_not_been_placed_waits_for_its_run() -> None:
    assert decide(JobSight(job(JobState.SUBMITTED))) == Finished()


@pytest.mark.parametrize("state", [JobState.STARTING, RUNNING])
def test_a_job_that_has_begun_is_stopped_through_its_agent(state: JobState) -> None:
    assert decide(JobSight(job(state, stop="stop"), instance())) == Step(JobState.STOPPING)


def test_a_job_whose_volume_failed_fails_with_the_volume_s_message() -> None:
    failed = decide(JobSight(job(PLACED), instance(), ready=True, broken="volume data: quota"))
    assert failed == Step(JobState.FAILED, "volume-failed", {"message": "volume data: quota"})


def test_a_running_job_without_a_record_of_its_instance_names_its_own_zone() -> None:
    action = decide(JobSight(job(RUNNING), None))
    assert isinstance(action, Step)
    assert action.changes["message"] == "its instance in zone fake-1a is gone"


def test_an_instance_may_be_silent_for_exactly_its_patience() -> None:
    silent = instance(unreachable_since=NOW - timedelta(seconds=60))
    assert decide(JobSight(job(RUNNING), silent, now=NOW, patience=timedelta(seconds=60))) == FollowJob()
    assert decide(JobSight(job(RUNNING), silent, now=NOW)) == FollowJob()
    assert decide(JobSight(job(RUNNING), silent, patience=timedelta(seconds=6))) == FollowJob()
