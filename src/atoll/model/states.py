"""The state machines of every kind of record, as tables: this file alone defines the allowed steps.

A change of state goes through `StateMachine.step`; an illegal one raises `IllegalStep` and changes nothing. The
diagrams in the docs are generated from these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class FleetState(StrEnum):
    """A fleet exists or is being deleted."""

    ACTIVE = "active"
    DELETING = "deleting"
    DELETED = "deleted"


class InstanceState(StrEnum):
    """A machine's life; whether it is idle or busy follows from the jobs that claim it."""

    PENDING = "pending"
    LAUNCHING = "launching"
    STARTING = "starting"
    ACTIVE = "active"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


class VolumeState(StrEnum):
    """A volume's life. `submitted` may last while no zone is chosen."""

    SUBMITTED = "submitted"
    CREATING = "creating"
    AVAILABLE = "available"
    DELETING = "deleting"
    DELETED = "deleted"
    FAILED = "failed"


class AttachmentState(StrEnum):
    """The life of a volume's attachment to an instance."""

    ATTACHING = "attaching"
    ATTACHED = "attached"
    DETACHING = "detaching"
    DETACHED = "detached"


class RunState(StrEnum):
    """A run's life, summed up over its jobs."""

    SUBMITTED = "submitted"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class JobState(StrEnum):
    """One attempt of one node's share of a run."""

    SUBMITTED = "submitted"
    PLACED = "placed"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class ClosureState(StrEnum):
    """The life of a zone's closure: it ends at its time, or when an operator opens the zone.

    A drain is `emptying` while instances remain in the zone, and `empty` afterwards.
    """

    ACTIVE = "active"
    EMPTYING = "emptying"
    EMPTY = "empty"
    ENDED = "ended"


class IllegalStep(Exception):  # noqa: N818
    """A change of state that the table does not allow: an internal error."""


@dataclass(frozen=True, slots=True)
class StateMachine:
    """One table: from each state, the states that may follow."""

    kind: str
    steps: Mapping[str, tuple[str, ...]]

    def step(self, current: str, following: str) -> None:
        """Check one step. Raises IllegalStep."""
        if following not in self.steps[current]:
            raise IllegalStep(f"{self.kind}: {current} -> {following} is not a step of its table")

    @property
    def final(self) -> frozenset[str]:
        """The states that nothing follows."""
        return frozenset(state for state, following in self.steps.items() if not following)

    def diagram(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {next(iter(self.steps))}"]
        for state, following in self.steps.items():
            lines += [f"    {state} --> {to}" for to in following] or [f"    {state} --> [*]"]
        return "\n".join(lines)


_F, _I, _V, _A, _R, _J = FleetState, InstanceState, VolumeState, AttachmentState, RunState, JobState
_C = ClosureState

FLEET = StateMachine("fleet", {_F.ACTIVE: (_F.DELETING,), _F.DELETING: (_F.DELETED,), _F.DELETED: ()})

INSTANCE = StateMachine(
    "instance",
    {
        _I.PENDING: (_I.LAUNCHING, _I.TERMINATED),
        _I.LAUNCHING: (_I.STARTING, _I.TERMINATING, _I.TERMINATED),
        _I.STARTING: (_I.ACTIVE, _I.TERMINATING, _I.TERMINATED),
        _I.ACTIVE: (_I.TERMINATING, _I.TERMINATED),
        _I.TERMINATING: (_I.TERMINATED,),
        _I.TERMINATED: (),
    },
)

VOLUME = StateMachine(
    "volume",
    {
        _V.SUBMITTED: (_V.CREATING, _V.DELETED),
        _V.CREATING: (_V.AVAILABLE, _V.SUBMITTED, _V.FAILED, _V.DELETING, _V.DELETED),
        _V.AVAILABLE: (_V.DELETING, _V.FAILED),
        _V.DELETING: (_V.DELETED,),
        _V.DELETED: (),
        _V.FAILED: (_V.SUBMITTED, _V.DELETING),
    },
)

ATTACHMENT = StateMachine(
    "attachment",
    {
        _A.ATTACHING: (_A.ATTACHED, _A.DETACHING, _A.DETACHED),
        _A.ATTACHED: (_A.DETACHING, _A.DETACHED),
        _A.DETACHING: (_A.DETACHED,),
        _A.DETACHED: (),
    },
)

RUN = StateMachine(
    "run",
    {
        _R.SUBMITTED: (_R.PROVISIONING, _R.STOPPING, _R.STOPPED, _R.FAILED),
        _R.PROVISIONING: (_R.RUNNING, _R.SUBMITTED, _R.STOPPING, _R.FAILED, _R.DONE),
        _R.RUNNING: (_R.SUBMITTED, _R.PROVISIONING, _R.STOPPING, _R.DONE, _R.FAILED),
        _R.STOPPING: (_R.STOPPED, _R.FAILED, _R.DONE),
        _R.DONE: (),
        _R.FAILED: (),
        _R.STOPPED: (),
    },
)

JOB = StateMachine(
    "job",
    {
        _J.SUBMITTED: (_J.PLACED, _J.STOPPED, _J.FAILED),
        _J.PLACED: (_J.SUBMITTED, _J.STARTING, _J.STOPPED, _J.FAILED),
        _J.STARTING: (_J.RUNNING, _J.STOPPING, _J.DONE, _J.FAILED),
        _J.RUNNING: (_J.STOPPING, _J.DONE, _J.FAILED),
        _J.STOPPING: (_J.STOPPED, _J.DONE, _J.FAILED),
        _J.DONE: (),
        _J.FAILED: (),
        _J.STOPPED: (),
    },
)

CLOSURE = StateMachine(
    "closure",
    {
        _C.ACTIVE: (_C.EMPTYING, _C.ENDED),
        _C.EMPTYING: (_C.EMPTY, _C.ENDED),
        _C.EMPTY: (_C.EMPTYING, _C.ENDED),
        _C.ENDED: (),
    },
)

MACHINES = {machine.kind: machine for machine in (FLEET, INSTANCE, VOLUME, ATTACHMENT, RUN, JOB, CLOSURE)}
