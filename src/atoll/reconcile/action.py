"""A reconciler's actions: exactly one at a time, carried out by the engine before it looks again.

Actions that touch the outside name an effect; the engine knows how to carry it out and what to record of its outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from atoll.model.failure import MachineError
from atoll.model.reasons import EndReason


@dataclass(frozen=True, slots=True)
class Step:
    """Change the state of the thing itself, together with other fields."""

    state: str
    reason: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """Change fields of the thing itself, not its state."""

    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now; look again after this many seconds, or sooner when woken."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing to do any more, unless woken."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start the instance's machine (idempotent by its token)."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Terminate the instance's machine; with `last` its end is recorded without an answer."""

    last: bool = False


@dataclass(frozen=True, slots=True)
class EndFailed:
    """Remember the error of a machine as if its launch had raised it, and end the machine."""

    error: MachineError


@dataclass(frozen=True, slots=True)
class PlaceVolume:
    """Plan the zone of a volume that has none."""


@dataclass(frozen=True, slots=True)
class CreateDisk:
    """Create the volume's disk (idempotent by its token)."""


@dataclass(frozen=True, slots=True)
class DeleteDisk:
    """Delete the volume's disk."""


@dataclass(frozen=True, slots=True)
class Attach:
    """Attach the disk to the machine."""


@dataclass(frozen=True, slots=True)
class Detach:
    """Detach the disk from the machine."""


@dataclass(frozen=True, slots=True)
class PlanNodes:
    """Plan and keep as many new instances as the fleet lacks."""


@dataclass(frozen=True, slots=True)
class EndInstances:
    """Mark these instances (ids) for termination, with the reason."""

    ids: tuple[str, ...]
    reason: EndReason


@dataclass(frozen=True, slots=True)
class PlaceJobs:
    """Plan where the run's unplaced jobs go, and claim the instances."""


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Start all jobs of the run again, each as its next attempt."""


@dataclass(frozen=True, slots=True)
class StopJobs:
    """Stop these jobs (ids): `stop` with a grace period, `abort` immediately."""

    ids: tuple[str, ...]
    mode: str


@dataclass(frozen=True, slots=True)
class SubmitJob:
    """Give the job to its agent (idempotent by its id)."""


@dataclass(frozen=True, slots=True)
class StopJob:
    """Stop the job through its agent, with SIGKILL after `grace` seconds."""

    grace: float


@dataclass(frozen=True, slots=True)
class FollowJob:
    """Fetch what is new of the job's log and state."""


@dataclass(frozen=True, slots=True)
class EmptyZone:
    """Have these instances (ids) of a closed zone replaced elsewhere, and end those that none needs."""

    replace: tuple[str, ...]
    release: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopRest:
    """End these instances (ids) of an evacuated zone, with the jobs on them."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndRebalance:
    """End the rebalance of the fleet: what has not left stays."""


@dataclass(frozen=True, slots=True)
class StartRebalance:
    """Replace nodes of the fleet so that it is balanced again, where the zones that have too few take nodes."""


InstanceEffect = Launch | Terminate | EndFailed
FleetEffect = PlanNodes | EndInstances | EndRebalance | StartRebalance
VolumeEffect = PlaceVolume | CreateDisk | DeleteDisk
AttachmentEffect = Attach | Detach
RunEffect = PlaceJobs | Resubmit | StopJobs
JobEffect = SubmitJob | StopJob | FollowJob
ClosureEffect = EmptyZone | StopRest

InstanceAction = Step | Mark | Wait | Finished | InstanceEffect
FleetAction = Step | Mark | Wait | Finished | FleetEffect
VolumeAction = Step | Wait | Finished | VolumeEffect
AttachmentAction = Step | Wait | Finished | AttachmentEffect
RunAction = Step | Wait | Finished | RunEffect
JobAction = Step | Wait | Finished | JobEffect
ClosureAction = Step | Mark | Wait | Finished | ClosureEffect
