"""Atoll's states in dstack's words: a table for each kind, with a row for every state."""

from collections.abc import Mapping

from atoll.model.states import FleetState, InstanceState, JobState, RunState, VolumeState
from atoll.wire.api import ON_HOLD

RUN: Mapping[str, str] = {
    RunState.SUBMITTED: "submitted",
    RunState.PROVISIONING: "provisioning",
    RunState.RUNNING: "running",
    RunState.STOPPING: "terminating",
    RunState.DONE: "done",
    RunState.FAILED: "failed",
    RunState.STOPPED: "terminated",
    ON_HOLD: "submitted",  # the view of one that launches nothing because a provider refused the request
}
JOB: Mapping[str, str] = {
    JobState.SUBMITTED: "submitted",
    JobState.PLACED: "provisioning",
    JobState.STARTING: "pulling",
    JobState.RUNNING: "running",
    JobState.STOPPING: "terminating",
    JobState.DONE: "done",
    JobState.FAILED: "failed",
    JobState.STOPPED: "terminated",
}
INSTANCE: Mapping[str, str] = {
    InstanceState.PENDING: "pending",
    InstanceState.LAUNCHING: "provisioning",
    InstanceState.STARTING: "provisioning",
    InstanceState.ACTIVE: "idle",
    InstanceState.TERMINATING: "terminating",
    InstanceState.TERMINATED: "terminated",
    # What views call an active instance.
    "idle": "idle",
    "busy": "busy",
    "unreachable": "busy",
    "unknown": "idle",
}
VOLUME: Mapping[str, str] = {
    VolumeState.SUBMITTED: "submitted",
    VolumeState.CREATING: "provisioning",
    VolumeState.AVAILABLE: "active",
    VolumeState.DELETING: "active",
    VolumeState.DELETED: "active",
    VolumeState.FAILED: "failed",
    # The view of one whose backend is not configured.
    "unknown": "active",
}
FLEET: Mapping[str, str] = {
    FleetState.ACTIVE: "active",
    FleetState.DELETING: "terminating",
    FleetState.DELETED: "terminated",
    ON_HOLD: "active",  # as a run's
}
JOB_ENDS: Mapping[str, str] = {JobState.DONE: "done_by_runner", JobState.STOPPED: "terminated_by_user"}
"""Why a job ended, where its state says it; a failed one has an exit code or a message."""
RUN_ENDS: Mapping[str, str] = {
    RunState.DONE: "all_jobs_done",
    RunState.FAILED: "job_failed",
    RunState.STOPPED: "stopped_by_user",
}
