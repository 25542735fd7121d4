"""Why records end or change: the stable words in states and events. A provider's refusal is a `FailureKind` instead."""

from enum import StrEnum


class EndReason(StrEnum):
    """Why an instance or volume ends."""

    DELETED = "deleted"
    FLEET_CHANGED = "fleet-changed"
    FLEET_DELETED = "fleet-deleted"
    IDLE = "idle"
    INTERRUPTED = "interrupted"
    """The provider took the machine back."""
    LAUNCH_TIMEOUT = "launch-timeout"
    LOST = "lost"
    REBALANCED = "rebalanced"
    """Its successor, in a zone where the fleet had too few nodes, is active."""
    REPLACED = "replaced"
    """It belongs to a former configuration, and ends before its successor starts, since both do not fit at once."""
    START_TIMEOUT = "start-timeout"
    UNREACHABLE = "unreachable"
    ZONE_DRAINED = "zone-drained"
    """Its zone is being emptied: its successor is active, or it needs none."""
    ZONE_EVACUATED = "zone-evacuated"
    """It had not left its zone by the deadline."""


BROKEN = frozenset(
    {
        EndReason.LOST,
        EndReason.INTERRUPTED,
        EndReason.UNREACHABLE,
        EndReason.START_TIMEOUT,
        EndReason.LAUNCH_TIMEOUT,
    }
)
"""The end reasons of machines that ended by themselves."""


class JobReason(StrEnum):
    """Why a job ended, or went back to be placed again."""

    EXIT_CODE = "exit-code"
    INSTANCE_GONE = "instance-gone"
    """Its instance ended before the job started there."""
    INSTANCE_LOST = "instance-lost"
    """Its instance ended, or fell silent, while the job ran there."""
    INTERRUPTED = "interrupted"
    """Its agent no longer knows it, or its provider gave notice that it takes the machine back."""
    NO_CAPACITY = "no-capacity"
    OTHERS_WAIT = "others-wait"
    START_FAILED = "start-failed"
    STOPPED = "stopped"
    VOLUME_FAILED = "volume-failed"
    VOLUME_MOVED = "volume-moved"


class RetryEvent(StrEnum):
    """What a run may be retried after."""

    NO_CAPACITY = "no-capacity"
    INTERRUPTION = "interruption"
    ERROR = "error"


class ChangeReason(StrEnum):
    """What made a record, or a step that is neither an end nor a failure."""

    APPLIED = "applied"
    PLANNED = "planned"
    RETRY = "retry"
    ON_HOLD = "on-hold"
    HOLD_ENDED = "hold-ended"
    RUN = "run"
    """A run made the fleet."""
    UNUSED = "unused"
