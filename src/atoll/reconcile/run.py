"""What to do about a run: place its jobs, sum up their states, and retry as its configuration says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from atoll.model.reasons import JobReason, RetryEvent
from atoll.model.records import Job, Run
from atoll.model.states import JOB, RUN, JobState, RunState
from atoll.model.waits import CHANGING_SECONDS, STEADY_SECONDS
from atoll.reconcile.action import Finished, PlaceJobs, Resubmit, RunAction, Step, StopJobs, Wait
from atoll.reconcile.backoff import early_pause

_UNTOLD = {"message": ""}
"""What a run waited for is not why it is stopped."""
_EVENTS: Mapping[str, RetryEvent] = {
    JobReason.INSTANCE_LOST: RetryEvent.INTERRUPTION,
    JobReason.INTERRUPTED: RetryEvent.INTERRUPTION,
    JobReason.NO_CAPACITY: RetryEvent.NO_CAPACITY,
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The events after which a run is retried, and for how long at most."""

    on_events: tuple[RetryEvent, ...] = ()
    duration: timedelta | None = None

    def allows(self, event: RetryEvent, since: datetime, now: datetime) -> bool:
        """Whether to try again after `event`, for a run submitted at `since`."""
        return event in self.on_events and (self.duration is None or now - since < self.duration)

    def left(self, since: datetime, now: datetime) -> float | None:
        """Seconds until nothing is tried again; None without an end, or where it has passed."""
        if self.duration is None or now - since >= self.duration:
            return None
        return (since + self.duration - now).total_seconds()


@dataclass(frozen=True, slots=True)
class RunSight:
    """A run and the newest attempt of each of its jobs; `blocked` while the run that it replaces is not over."""

    run: Run
    jobs: Sequence[Job]
    now: datetime
    retry: RetryPolicy = RetryPolicy()
    master_decides: bool = False
    blocked: bool = False


def decide(sight: RunSight) -> RunAction:
    """The next action for a run."""
    run = sight.run
    if run.state in RUN.final:
        return Finished()
    if run.stop or run.state is RunState.STOPPING:
        return _stop(sight)
    failed = next((job for job in sight.jobs if job.state is JobState.FAILED), None)
    if failed is not None:
        return _failed(sight, failed)
    if _succeeded(sight):
        if run.state is RunState.SUBMITTED:
            return Step(RunState.PROVISIONING)  # its jobs were quicker than the server that took it over
        return Step(RunState.STOPPING, "done") if _open(sight) else _end(sight, RunState.DONE)
    if sight.blocked:
        return Wait(1)
    if any(job.state is JobState.STOPPED for job in sight.jobs):
        return Wait(1) if _open(sight) else Resubmit()
    if any(job.state is JobState.SUBMITTED for job in sight.jobs):
        return _place(sight)
    return _advance(sight)


def _place(sight: RunSight) -> RunAction:
    if sight.run.hold:
        if all(job.state is JobState.SUBMITTED for job in _open(sight)):
            return Finished()
        # What is placed already gives its machines back; the next attempt is one of all jobs.
        return StopJobs(tuple(job.id for job in _open(sight) if not job.stop), "stop")
    pause = early_pause(sight.run, sight.now)
    return Wait(pause) if pause else PlaceJobs()


def _open(sight: RunSight) -> list[Job]:
    return [job for job in sight.jobs if job.state not in JOB.final]


def _succeeded(sight: RunSight) -> bool:
    if sight.master_decides:
        return sight.jobs[0].state is JobState.DONE
    return all(job.state is JobState.DONE for job in sight.jobs)


def _advance(sight: RunSight) -> RunAction:
    running = any(job.state in (JobState.RUNNING, JobState.STOPPING, JobState.DONE) for job in sight.jobs)
    reached = RunState.RUNNING if running else RunState.PROVISIONING
    if sight.run.state is reached or (sight.run.state is RunState.RUNNING and not running):
        return Wait(STEADY_SECONDS if running else CHANGING_SECONDS)
    if sight.run.state is RunState.SUBMITTED and reached is RunState.RUNNING:
        reached = RunState.PROVISIONING
    return Step(reached)


def _stop(sight: RunSight) -> RunAction:
    mode = sight.run.stop or "stop"
    pending = tuple(job.id for job in _open(sight) if job.stop not in (mode, "abort"))
    if pending:
        return StopJobs(pending, mode)
    if _open(sight):
        if sight.run.state is RunState.STOPPING:
            return Wait(CHANGING_SECONDS)
        return Step(RunState.STOPPING, JobReason.STOPPED, _UNTOLD)
    if sight.run.state is not RunState.STOPPING:
        return Step(RunState.STOPPING, JobReason.STOPPED, _UNTOLD)
    if sight.run.stop:
        return _end(sight, RunState.STOPPED)
    failed = any(job.state is JobState.FAILED for job in sight.jobs)
    return _end(sight, RunState.FAILED if failed else RunState.DONE)


def _failed(sight: RunSight, failed: Job) -> RunAction:
    event = _EVENTS.get(failed.reason, RetryEvent.ERROR)
    again = sight.retry.allows(event, sight.run.created_at, sight.now)
    if not again:
        return Step(RunState.STOPPING, failed.reason) if _open(sight) else _end(sight, RunState.FAILED)
    pending = tuple(job.id for job in _open(sight) if not job.stop)
    if pending:
        return StopJobs(pending, "stop")
    if _open(sight):
        return Wait(CHANGING_SECONDS)
    pause = early_pause(sight.run, sight.now)
    return Wait(pause) if pause else Resubmit()


def _end(sight: RunSight, state: RunState) -> Step:
    cause = next((job for job in sight.jobs if job.state is JobState.FAILED), None)
    if state in (RunState.DONE, RunState.STOPPED) or cause is None:
        code = 0 if state is RunState.DONE else next((job.exit_code for job in sight.jobs if job.exit_code), None)
        # What it once waited for is not why it ended.
        return Step(state, state, {"finished_at": sight.now, "exit_code": code, "message": ""})
    message = cause.message if len(sight.jobs) == 1 else f"job {cause.rank}: {cause.message or cause.reason}"
    return Step(state, cause.reason, {"finished_at": sight.now, "exit_code": cause.exit_code, "message": message})
