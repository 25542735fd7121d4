"""What to do about a job: start it when its instance and volumes are ready, follow it, stop it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from atoll.model.reasons import EndReason, JobReason
from atoll.model.records import Instance, Job
from atoll.model.states import InstanceState, JobState
from atoll.model.waits import CHANGING_SECONDS
from atoll.reconcile.action import Finished, FollowJob, JobAction, Step, StopJob, SubmitJob, Wait


@dataclass(frozen=True, slots=True)
class JobSight:
    """A job and its instance.

    `ready` says that its volumes are attached, and the instances of all its run's jobs active; `broken` why its volumes
    never will be; `moved` that one of its volumes is, or will be, in another zone; `stranded` that its run is on
    hold, or waits for a place for another of its jobs. `grace` is how long it may take to stop, in seconds; `patience`
    how long its instance may be silent before the job counts as lost, None: until the instance is ended.
    """

    job: Job
    instance: Instance | None = None
    ready: bool = False
    grace: float = 300
    broken: str = ""
    moved: bool = False
    stranded: bool = False
    now: datetime | None = None
    patience: timedelta | None = None

    @property
    def interrupted(self) -> bool:
        """Whether its provider has given notice that it takes the instance back."""
        return self.instance is not None and self.instance.end_reason == EndReason.INTERRUPTED

    @property
    def silent(self) -> timedelta | None:
        """How long its instance has been silent, where that is too long."""
        since = self.instance.unreachable_since if self.instance is not None and self.instance.unreachable else None
        if since is None or self.now is None or self.patience is None or self.now - since <= self.patience:
            return None
        return self.now - since


_CAUSES: Mapping[str, str] = {
    EndReason.DELETED: "it was deleted",
    EndReason.FLEET_CHANGED: "its fleet's configuration changed",
    EndReason.FLEET_DELETED: "its fleet was deleted",
    EndReason.IDLE: "it was idle for longer than its fleet allows",
    EndReason.REPLACED: "its successor needs its place",
    EndReason.REBALANCED: "its fleet is rebalanced",
    EndReason.ZONE_DRAINED: "its zone is drained",
    EndReason.ZONE_EVACUATED: "its zone is evacuated",
    EndReason.INTERRUPTED: "its provider interrupted it",
    EndReason.LOST: "its machine ended",
    EndReason.UNREACHABLE: "its agent did not answer",
    EndReason.START_TIMEOUT: "its agent did not start in time",
    EndReason.LAUNCH_TIMEOUT: "its machine did not start in time",
}
"""Causes in words, where the instance has no message of its own."""
_UNPLACED = {"instance_id": None, "zone": None, "volumes": ()}


def decide(sight: JobSight) -> JobAction:
    """The next action for a job."""
    job, instance = sight.job, sight.instance
    lost = instance is None or instance.state in (InstanceState.TERMINATING, InstanceState.TERMINATED)
    match job.state:
        case JobState.SUBMITTED:
            return Step(JobState.STOPPED, JobReason.STOPPED) if job.stop else Finished()
        case JobState.PLACED:
            return _placed(sight, lost)
        case JobState.STARTING | JobState.RUNNING:
            return _started(sight, lost)
        case JobState.STOPPING:
            if not lost and sight.silent is None:
                return StopJob(0 if job.stop == "abort" else sight.grace)
            if job.stop:
                return Step(JobState.STOPPED, JobReason.STOPPED)
            return Step(JobState.FAILED, JobReason.INSTANCE_LOST)  # its machine was taken back while it ended
        case JobState.DONE | JobState.FAILED | JobState.STOPPED:
            return Finished()


def _started(sight: JobSight, lost: bool) -> JobAction:
    job, instance = sight.job, sight.instance
    if lost or instance is None:
        return Step(JobState.FAILED, JobReason.INSTANCE_LOST, {"message": _loss(job, instance)})
    if sight.silent is not None:
        return Step(JobState.FAILED, JobReason.INSTANCE_LOST, {"message": _silence(instance, sight.silent)})
    if job.stop:
        return Step(JobState.STOPPING)
    if sight.interrupted:
        # It has the time of the notice to end by itself, and then fails as interrupted.
        message = f"instance {instance.name} in zone {instance.zone} ends: {instance.message}"
        return Step(JobState.STOPPING, JobReason.INTERRUPTED, {"message": message})
    return SubmitJob() if job.state is JobState.STARTING else FollowJob()


def _placed(sight: JobSight, lost: bool) -> JobAction:
    job, instance = sight.job, sight.instance
    if job.stop:
        return Step(JobState.STOPPED, JobReason.STOPPED)
    # It has not started: it is placed again, regardless of `retry`.
    if lost or sight.silent is not None or (instance is not None and instance.end_reason):
        return Step(JobState.SUBMITTED, JobReason.INSTANCE_GONE, _UNPLACED)
    if sight.moved:
        return Step(JobState.SUBMITTED, JobReason.VOLUME_MOVED, _UNPLACED)
    if sight.stranded:
        # Its machine would be held, and paid for, for as long as the others of its run wait for theirs.
        return Step(JobState.SUBMITTED, JobReason.OTHERS_WAIT, _UNPLACED)
    if sight.broken:
        return Step(JobState.FAILED, JobReason.VOLUME_FAILED, {"message": sight.broken})
    return Step(JobState.STARTING) if sight.ready else Wait(CHANGING_SECONDS)


def _silence(instance: Instance, silent: timedelta) -> str:
    return f"instance {instance.name} in zone {instance.zone} has not answered for {silent.total_seconds():.0f} s"


def _loss(job: Job, instance: Instance | None) -> str:
    if instance is None:
        return f"its instance in zone {job.zone} is gone"
    cause = instance.message or _CAUSES.get(instance.end_reason, "")
    return f"instance {instance.name} in zone {instance.zone} was lost" + (f": {cause}" if cause else "")
