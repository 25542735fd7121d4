"""The fake cloud: a world of machines and disks that does what its script says. `FakeBackend` is its face.

Every call is one step: it happens as a whole, at one time, and is in the ledger. Chance comes from the script's seed
and the number of the call, so the same calls in the same order have the same outcome.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from typing import Generic, TypeVar, cast

import msgspec

from atoll.backends.base import ERRORS, BackendError, InvalidRequest, Unavailable
from atoll.backends.fake.ledger import Entry, FakeDisk, FakeJob, FakeMachine, FakeSnapshot, Ledger
from atoll.backends.fake.script import Clock, Fault, Script, SystemClock
from atoll.model.failure import FailureKind, MachineError, Scope
from atoll.model.offer import Market
from atoll.model.zone import Zone

T = TypeVar("T")

UP, FAILED, DARK = "up", "failed", "dark"
INTERRUPTED = "interrupted"
"""Why a machine ended that the cloud took back."""
BEFORE_TOKENS = frozenset({FailureKind.THROTTLED, FailureKind.AUTH_FAILED, FailureKind.UNAVAILABLE})
"""What a cloud may say before it looks at a token; a token that it knows is answered with what was made for it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call, and what faults are matched with."""

    operation: str
    zone: Zone | None = None
    token: str = ""
    subject: str = ""
    instance_type: str | None = None
    market: Market | None = None
    reads: bool = False


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What a step does to the world, and its answer."""

    answer: T
    machines: tuple[FakeMachine, ...] = ()
    disks: tuple[FakeDisk, ...] = ()
    snapshots: tuple[FakeSnapshot, ...] = ()
    jobs: tuple[FakeJob, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How a call went: its answer or its error, and how long the caller waits for an error."""

    answer: T | None = None
    error: BackendError | None = None
    delay: float = 0


class Chance:
    """The chance of one call; most calls need none, and to seed one takes longer than such a call."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    @cached_property
    def drawn(self) -> random.Random:
        """Where it comes from."""
        return random.Random(self._seed)  # noqa: S311 - a simulation


Step = Callable[[float, Chance], Change[T]]


class FakeCloud:
    """One cloud. Several backends may share it, as replicas of a server do; so may processes, through the file."""

    def __init__(self, script: Script, clock: Clock | None = None, ledger: Ledger | None = None) -> None:
        self.script = script
        self.clock = clock or SystemClock()
        self.ledger = ledger or Ledger()
        self._faults: list[Fault] = list(script.faults)
        self._latencies = random.Random(f"{script.seed}/latency")  # noqa: S311 - a simulation
        self._called = count()
        self._interruptions: list[tuple[float, str]] = []
        self._seen = 0
        self.silent: set[str] = set()
        self._zones = frozenset(script.zones)

    def now(self) -> float:
        """The cloud's own time, in seconds since 1970."""
        return self.clock.now().timestamp()

    def told_time(self) -> datetime:
        """The cloud's own time, which may be wrong."""
        return self.clock.now().astimezone(UTC) + timedelta(seconds=self.script.skew)

    def inject(self, *faults: Fault) -> None:
        """Let these go wrong from now on, before those that were there."""
        self._faults[:0] = faults

    def calm(self) -> None:
        """Nothing scripted or injected goes wrong any more."""
        self._faults.clear()

    def silence(self, machine: str) -> None:
        """Silence the agent of this machine; the machine and its jobs continue."""
        self.silent.add(machine)

    def hear_all(self) -> None:
        """The agents that were silenced answer again."""
        self.silent.clear()

    def check_zone(self, zone: Zone) -> None:
        """Raises InvalidRequest when this cloud has no such zone."""
        if zone not in self._zones:
            raise InvalidRequest(f"there is no zone {zone.backend}/{zone.region}/{zone.name}")

    def fail_zone(self, zone: str) -> None:
        """The zone goes down: its machines end, launches are refused, and the listing says so."""
        self._set_zone(zone, FAILED)

    def darken_zone(self, zone: str) -> None:
        """The zone goes dark: calls and agents there do not answer, machines continue, the listing does not show it."""
        self._set_zone(zone, DARK)

    def restore_zone(self, zone: str) -> None:
        """The zone is as before; what ended stays so."""
        self._set_zone(zone, UP)

    def interrupt(self, machine: str) -> None:
        """Take a machine back, as clouds do with spot machines: now, or after the script's `notice`."""
        with self.ledger.transaction():
            found, now, notice = self.ledger.machines.get(machine), self.now(), self.script.notice
            if found is None or found.ended_at is not None:
                return
            if notice:
                announced = msgspec.structs.replace(found, interrupt_at=now + notice)
                self._append("notice", now, machines=(announced,))
            else:
                self._append("interrupt", now, machines=(ended(found, now, INTERRUPTED),))

    def latency(self, operation: str) -> float:
        """How long the next call of this operation takes, in seconds."""
        low, high = self.script.latency.get(operation, self.script.latency.get("*", (0, 0)))
        return low if low == high else self._latencies.uniform(low, high)

    def perform(self, call: Call, step: Step[T]) -> Outcome[T]:
        """Do one call as a whole: faults, effect, entry."""
        with self.ledger.transaction():
            now = self.now()
            self._settle(now)
            chance = Chance(f"{self.script.seed}/{len(self.ledger.entries)}/{next(self._called)}")
            fault = self._fault(call, chance)
            if fault is not None and not fault.after_effect:
                return self._refused(call, now, _error(fault, call), fault.delay)
            try:
                if call.zone is not None and self.zone_state(call.zone.name) == DARK:
                    place = Scope(call.zone.backend, call.zone.region, call.zone.name)
                    raise Unavailable(f"{call.zone} does not answer", place)
                change = step(now, chance)
            except BackendError as error:
                return self._refused(call, now, error, 0)
            self._record(call, now, change, replied=fault is None)
            if fault is not None:
                return Outcome(error=_error(fault, call), delay=fault.delay)
            return Outcome(change.answer)

    def boot_error(self, zone: Zone, instance_type: str, market: Market, chance: Chance) -> MachineError | None:
        """The error with which a machine fails when it boots, from the faults of the operation `boot`."""
        call = Call("boot", zone, instance_type=instance_type, market=market)
        fault = self._fault(call, chance)
        if fault is None:
            return None
        return MachineError(fault.kind, fault.message or f"boot: {fault.kind}", _scope(fault.kind, call))

    def zone_state(self, zone: str) -> str:
        """UP, FAILED or DARK."""
        return self.ledger.zones.get(zone, UP)

    def _set_zone(self, zone: str, state: str) -> None:
        with self.ledger.transaction():
            now = self.now()
            self._settle(now)
            here = (machine for machine in self.ledger.machines.values() if machine.zone.name == zone)
            lost = [ended(machine, now, "the zone failed") for machine in here if machine.ended_at is None]
            self._append(f"zone-{state}", now, machines=tuple(lost) if state == FAILED else (), zones={zone: state})

    def _fault(self, call: Call, chance: Chance) -> Fault | None:
        for index, fault in enumerate(self._faults):
            if (
                not _matches(fault, call)
                or self._known(fault, call)
                or (fault.chance < 1 and chance.drawn.random() >= fault.chance)
            ):
                continue
            if fault.times is not None:
                left = replace(fault, times=fault.times - 1)
                self._faults[index : index + 1] = [left] if left.times else []
            return fault
        return None

    def _known(self, fault: Fault, call: Call) -> bool:
        made = {
            "create-volume": self.ledger.disk_of_token,
            "create-snapshot": self.ledger.snapshot_of_token,
        }
        tokens = made.get(call.operation, self.ledger.machine_of_token)
        return bool(call.token) and fault.kind not in BEFORE_TOKENS and call.token in tokens

    def _refused(self, call: Call, now: float, error: BackendError, delay: float) -> Outcome[T]:
        if not call.reads or self.script.reads:
            self._append(call.operation, now, call, outcome=error.kind.value)
        return Outcome(error=error, delay=delay)

    def _record(self, call: Call, now: float, change: Change[T], *, replied: bool) -> None:
        if call.reads and not self.script.reads:
            return
        records = {
            "machines": change.machines,
            "disks": change.disks,
            "snapshots": change.snapshots,
            "jobs": change.jobs,
        }
        self._append(call.operation, now, call, replied=replied, **records)

    def _append(self, name: str, now: float, call: Call | None = None, **fields: object) -> None:
        place = "" if call is None or call.zone is None else call.zone.name
        request = {} if call is None else {"token": call.token, "subject": call.subject}
        entry = {"seq": len(self.ledger.entries), "at": now, "call": name, "zone": place, **request, **fields}
        self.ledger.append(Entry(**entry))  # type: ignore[arg-type]

    def _settle(self, now: float) -> None:
        """Let the interruptions happen that are due; entries of other processes may have brought new ones."""
        for entry in self.ledger.entries[self._seen :]:
            for machine in entry.machines:
                if machine.interrupt_at is not None and machine.ended_at is None:
                    heapq.heappush(self._interruptions, (machine.interrupt_at, machine.id))
        self._seen = len(self.ledger.entries)
        while self._interruptions and self._interruptions[0][0] <= now:
            at, machine_id = heapq.heappop(self._interruptions)
            found = self.ledger.machines[machine_id]
            if found.ended_at is None:
                self._append("interrupt", now, machines=(ended(found, at, INTERRUPTED),))


async def perform(cloud: FakeCloud, call: Call, step: Step[T]) -> T:
    """Do one call with its latency: half before the effect, half before the answer. Raises BackendError."""
    half = cloud.latency(call.operation) / 2
    if half:
        await cloud.clock.sleep(half)
    outcome = cloud.perform(call, step)
    if half + outcome.delay:
        await cloud.clock.sleep(half + outcome.delay)
    if outcome.error is not None:
        raise outcome.error
    return cast(T, outcome.answer)


def ended(machine: FakeMachine, at: float, reason: str, deletion: float = 0) -> FakeMachine:
    """The machine as it is when it ended at `at`."""
    return msgspec.structs.replace(machine, ended_at=at, gone_at=at + deletion, reason=reason)


def _matches(fault: Fault, call: Call) -> bool:
    zone = call.zone.name if call.zone else None
    operations = (call.operation,) if call.operation == "boot" else ("*", call.operation)  # a boot is not a call
    return (
        fault.operation in operations
        and fault.zone in (None, zone)
        and fault.instance_type in (None, call.instance_type)
    )


def _error(fault: Fault, call: Call) -> BackendError:
    if fault.after_effect:
        return Unavailable(fault.message or f"{call.operation}: the answer was lost", _scope(fault.kind, call))
    message = fault.message or f"{call.operation}: {fault.kind}"
    return ERRORS[fault.kind](message, _scope(fault.kind, call), retry_after=fault.retry_after)


def _scope(kind: FailureKind, call: Call) -> Scope | None:
    """How far a scripted error reaches, as the taxonomy has it."""
    zone = call.zone
    if zone is None:
        return None
    match kind:
        case FailureKind.CAPACITY_UNAVAILABLE:
            return Scope(zone.backend, zone.region, zone.name, call.instance_type, call.market)
        case FailureKind.NOT_OFFERED:
            return Scope(zone.backend, zone.region, zone.name, call.instance_type)
        case FailureKind.QUOTA_EXCEEDED:
            return Scope(zone.backend, zone.region, market=call.market)
        case FailureKind.THROTTLED | FailureKind.UNAVAILABLE:
            return Scope(zone.backend, zone.region)
        case FailureKind.AUTH_FAILED:
            return Scope(zone.backend)
    return None
