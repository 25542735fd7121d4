"""What to do about an instance: launch it, watch it, end it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from atoll.model.endpoint import Endpoint
from atoll.model.failure import FailureKind, MachineError
from atoll.model.limits import TimeLimits
from atoll.model.offer import Market
from atoll.model.reasons import EndReason
from atoll.model.records import Instance
from atoll.model.states import InstanceState
from atoll.reconcile.action import EndFailed, Finished, InstanceAction, Launch, Mark, Step, Terminate, Wait

START_PAUSE = 5.0
"""The longest pause between two looks at a machine that starts."""
PROBE_SECONDS = 300.0
"""How often an active instance's agent is called, where nothing wakes it earlier: sweeps notice machines that are gone,
and jobs notice agents that fall silent."""
APPEAR_LIMIT = timedelta(minutes=2)
"""How long a new machine may be unknown to its backend: listings lag behind."""
UNKNOWN = "unknown"
"""The backend's word on a machine that it does not know: gone, or not yet to be seen."""
WIDESPREAD_PAUSE = 5.0
"""Between two looks at a silent machine while most machines of its backend are silent."""


@dataclass(frozen=True, slots=True)
class InstanceSight:
    """An instance and what was seen of it.

    `machine` is the backend's word (`creating`, `ready`, `deleting`, `gone`, `unknown`), None where it was not called;
    `answers` is whether its agent answers, None where it was not called. `endpoint`, `address` and `public_address` are
    the machine's, None where it has none or was not looked at. `error` is the machine's, where the provider gave up on
    it, and `reason` why it is gone, where the backend knows.
    `idle_limit` is None where idle instances stay; `blocked` says what it waits for while those whose place it takes
    exist.
    `interrupted_at` is when the provider takes the machine back, where it has given notice.
    `widespread` is that most machines of the backend are silent, or were within `limits.silent_seconds`: then the
    network is to blame rather than this machine.
    """

    instance: Instance
    now: datetime
    machine: str | None = None
    answers: bool | None = None
    endpoint: Endpoint | None = None
    address: str | None = None
    public_address: str | None = None
    error: MachineError | None = None
    reason: str = ""
    claimed: bool = False
    idle_limit: timedelta | None = None
    blocked: str = ""
    limits: TimeLimits = TimeLimits()
    interrupted_at: datetime | None = None
    widespread: bool = False

    @property
    def silent_too_long(self) -> bool:
        """Whether the agent of an active instance has been silent for longer than its backend allows."""
        since = self.instance.unreachable_since
        if self.instance.state is not InstanceState.ACTIVE or self.answers is not False or since is None:
            return False
        return self.now - since > timedelta(seconds=self.limits.silent_seconds)


def decide(sight: InstanceSight) -> InstanceAction:
    """The next action for an instance."""
    match sight.instance.state:
        case InstanceState.PENDING:
            return _pending(sight)
        case InstanceState.LAUNCHING:
            return _launching(sight)
        case InstanceState.STARTING:
            return _starting(sight)
        case InstanceState.ACTIVE:
            return _active(sight)
        case InstanceState.TERMINATING:
            # A machine that its backend does not know may be too new to be seen, unless it was active already: it is
            # ended before it counts as gone.
            settled = sight.instance.idle_since is not None or _waited(sight) > APPEAR_LIMIT
            last = sight.machine == UNKNOWN and settled
            return _ended(sight, sight.instance.end_reason) if sight.machine == "gone" else Terminate(last)
        case InstanceState.TERMINATED:
            return Finished()


def _pending(sight: InstanceSight) -> InstanceAction:
    if sight.instance.end_reason:
        return Step(InstanceState.TERMINATED, sight.instance.end_reason)
    if sight.blocked:
        return Wait(1) if sight.instance.message == sight.blocked else Mark({"message": sight.blocked})
    return Step(InstanceState.LAUNCHING, changes={"unreachable_since": sight.now, "message": ""})


def _waited(sight: InstanceSight) -> timedelta:
    """How long its agent has been waited for: since its launch began, or gave the machine, or the agent fell silent.

    Instances of former releases have no such time: there it counts from the record's creation.
    """
    return sight.now - (sight.instance.unreachable_since or sight.instance.created_at)


def _launching(sight: InstanceSight) -> InstanceAction:
    late = _waited(sight).total_seconds() > sight.limits.start_seconds
    if late and not sight.instance.end_reason:
        # Its fleet looks for another place meanwhile.
        return Mark({"end_reason": EndReason.LAUNCH_TIMEOUT})
    # Also when its end is requested: the launch, idempotent by its token, is the one call that shows for sure whether
    # there is a machine to end.
    return Launch()


def _starting(sight: InstanceSight) -> InstanceAction:
    instance = sight.instance
    if sight.error is not None and sight.error.kind is not FailureKind.INTERRUPTED:
        return EndFailed(sight.error)
    if sight.machine == "gone":
        return _ended(sight, instance.end_reason or _loss(sight))
    if instance.end_reason:
        return Step(InstanceState.TERMINATING, instance.end_reason)
    if sight.machine == "ready" and sight.answers:
        started = {"idle_since": sight.now, "started_at": sight.now, "unreachable_since": None}
        return Step(InstanceState.ACTIVE, changes={**started, **_moved(sight), "message": ""})
    age = _waited(sight)
    if age.total_seconds() > sight.limits.start_seconds:
        message = f"its agent did not answer within {sight.limits.start_seconds / 60:g} minutes"
        return _terminate(EndReason.START_TIMEOUT, message)
    return Wait(min(0.05 + max(age.total_seconds(), 0) / 4, START_PAUSE))


def _active(sight: InstanceSight) -> InstanceAction:
    instance = sight.instance
    if sight.machine in ("gone", UNKNOWN):
        return _ended(sight, instance.end_reason or _loss(sight))
    if sight.interrupted_at is not None and instance.end_reason != EndReason.INTERRUPTED:
        message = f"its provider takes the machine back at {sight.interrupted_at:%H:%M:%S} UTC"
        return Mark({"end_reason": EndReason.INTERRUPTED, "message": message})
    if instance.end_reason:
        return Wait(1) if sight.claimed else Step(InstanceState.TERMINATING, instance.end_reason)
    if sight.answers is False:
        return _silent(sight)
    if moved := _moved(sight):
        return Mark(moved)
    if instance.unreachable_since is not None:
        return Mark({"unreachable_since": None})
    if sight.idle_limit is not None and not sight.claimed and instance.idle_since is not None:
        left = instance.idle_since + sight.idle_limit - sight.now
        if left <= timedelta(0):
            return Mark({"end_reason": EndReason.IDLE})
        return Wait(min(left.total_seconds() + 0.01, _probe_seconds(sight)))
    return Wait(_probe_seconds(sight))


def _probe_seconds(sight: InstanceSight) -> float:
    """How long until its agent is called again: sooner where the provider may take the machine back."""
    notice = sight.limits.notice_seconds
    return PROBE_SECONDS if notice is None or sight.instance.market is not Market.SPOT else notice


def _moved(sight: InstanceSight) -> dict[str, Endpoint | str]:
    """Where the machine is reached now, as far as its record says something else: clouds give addresses late."""
    seen = {"endpoint": sight.endpoint, "address": sight.address, "public_address": sight.public_address}
    return {name: value for name, value in seen.items() if value not in (None, getattr(sight.instance, name))}


def _silent(sight: InstanceSight) -> InstanceAction:
    since = sight.instance.unreachable_since
    if since is None:
        return Mark({"unreachable_since": sight.now})
    if sight.silent_too_long and sight.widespread:
        return Wait(WIDESPREAD_PAUSE)
    if sight.silent_too_long:
        message = f"its agent has not answered for {(sight.now - since).seconds} s"
        return _terminate(EndReason.UNREACHABLE, message)
    return Wait(1)


def _terminate(reason: EndReason, message: str) -> Step:
    return Step(InstanceState.TERMINATING, reason, {"end_reason": reason, "message": message})


def _ended(sight: InstanceSight, reason: str) -> Step:
    message = sight.instance.message
    if reason in (EndReason.LOST, EndReason.INTERRUPTED) and not sight.instance.end_reason:
        how = f"is gone: {sight.reason}" if sight.reason else "went away by itself"
        message = f"the machine in zone {sight.instance.zone} {how}"
    return Step(InstanceState.TERMINATED, reason, {"end_reason": reason, "message": message})


def _loss(sight: InstanceSight) -> EndReason:
    interrupted = sight.error is not None and sight.error.kind is FailureKind.INTERRUPTED
    return EndReason.INTERRUPTED if interrupted else EndReason.LOST
