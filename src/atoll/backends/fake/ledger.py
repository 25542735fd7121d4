"""The ledger of a fake cloud: every call with what it changed. The cloud's world is nothing but the sum of it.

With a path it is a file of JSON lines that several processes may share: each call locks it, reads what others wrote,
and appends. So the world outlives the server, and a test reads from outside what a killed one left behind.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from atoll.model.failure import MachineError
from atoll.model.offer import Market
from atoll.model.zone import Capacity, Zone

OK = "ok"


class FakeMachine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One machine, paid for from `created_at` until `ended_at`. Times are seconds since 1970.

    With an `error` it fails at `ready_at` instead of being ready. `max_price`, `disk_gb` and `group` are as requested.
    """

    id: str
    token: str
    owner: str
    name: str
    zone: Zone
    instance_type: str
    market: Market
    capacity: Capacity
    created_at: float
    ready_at: float
    visible_at: float
    interrupt_at: float | None = None
    ended_at: float | None = None
    gone_at: float | None = None
    reason: str = ""
    max_price: float | None = None
    disk_gb: float | None = None
    group: str = ""
    error: MachineError | None = None


class FakeDisk(msgspec.Struct, frozen=True, omit_defaults=True):
    """One network disk, paid for from `created_at` until `deleted_at`."""

    id: str
    token: str
    owner: str
    name: str
    zone: Zone
    size_gb: float
    created_at: float
    visible_at: float
    attached_to: str | None = None
    snapshot: str = ""
    deleted_at: float | None = None


class FakeSnapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """One snapshot of a disk, ready from `ready_at`."""

    id: str
    token: str
    owner: str
    disk: str
    zone: Zone
    size_gb: float
    ready_at: float
    deleted_at: float | None = None


class FakeJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job on one machine: it ends by itself `seconds` after its start."""

    machine: str
    id: str
    commands: tuple[str, ...]
    started_at: float
    seconds: float
    exit_code: int
    max_duration: float | None = None
    stopped_at: float | None = None
    stop_ends_at: float | None = None
    forgotten: bool = False


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call, or one thing that the cloud did by itself (`interrupt`): its outcome (`ok` or a kind of failure),
    whether the caller got its answer, and the records as they are after it."""

    seq: int
    at: float
    call: str
    outcome: str = OK
    zone: str = ""
    token: str = ""
    subject: str = ""
    replied: bool = True
    machines: tuple[FakeMachine, ...] = ()
    disks: tuple[FakeDisk, ...] = ()
    snapshots: tuple[FakeSnapshot, ...] = ()
    jobs: tuple[FakeJob, ...] = ()
    zones: dict[str, str] = {}


class Ledger:
    """All entries and what they add up to. Its public attributes are to be read, not written.

    `jobs_on` are the jobs by machine, and `lingering` the machines that may still be seen: looking at few among many is
    quick.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self.machines: dict[str, FakeMachine] = {}
        self.disks: dict[str, FakeDisk] = {}
        self.snapshots: dict[str, FakeSnapshot] = {}
        self.jobs: dict[tuple[str, str], FakeJob] = {}
        self.jobs_on: defaultdict[str, dict[str, FakeJob]] = defaultdict(dict)
        self.lingering: dict[str, FakeMachine] = {}
        self.zones: dict[str, str] = {}
        self.machine_of_token: dict[str, str] = {}
        self.disk_of_token: dict[str, str] = {}
        self.snapshot_of_token: dict[str, str] = {}
        self.used: defaultdict[tuple[Zone, Market], Capacity] = defaultdict(Capacity)
        self._offset = 0
        self._handle = None if path is None else _open(path)

    @classmethod
    def read(cls, path: Path) -> "Ledger":
        """The ledger as it is in the file now."""
        ledger = cls(path)
        with ledger.transaction():
            pass
        ledger.close()
        return ledger

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Alone among the processes that share the file, with what they wrote taken in."""
        if self._handle is None:
            yield
            return
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            self._catch_up(self._handle)
            yield
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def append(self, entry: Entry) -> None:
        """Add one entry, within a transaction. It is in the file before the call returns."""
        if self._handle is not None:
            line = msgspec.json.encode(entry) + b"\n"
            self._offset += os.write(self._handle, line)
        self._fold(entry)

    def alive(self, now: datetime | None = None) -> tuple[FakeMachine, ...]:
        """The machines that are paid for: at `now`, or after the last entry."""
        at = self._at(now)
        return tuple(machine for machine in self.machines.values() if machine.created_at <= at < _end(machine, at))

    def seen(self, now: float) -> tuple[FakeMachine, ...]:
        """The machines that are not gone at `now`, which never goes back."""
        ended = (machine for machine in self.lingering.values() if machine.gone_at is not None)
        for id in [machine.id for machine in ended if (machine.gone_at or 0) <= now]:
            del self.lingering[id]
        return tuple(self.lingering.values())

    def alive_disks(self) -> tuple[FakeDisk, ...]:
        """The disks that exist after the last entry."""
        return tuple(disk for disk in self.disks.values() if disk.deleted_at is None)

    def machine_seconds(self, now: datetime | None = None) -> float:
        """How many seconds of machines were paid for until `now`, or until the last entry."""
        at = self._at(now)
        return sum(max(0.0, min(_end(machine, at), at) - machine.created_at) for machine in self.machines.values())

    def calls(self, name: str) -> tuple[Entry, ...]:
        """The entries of one call, in their order."""
        return tuple(entry for entry in self.entries if entry.call == name)

    def close(self) -> None:
        """Close the file."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _at(self, now: datetime | None) -> float:
        if now is not None:
            return now.timestamp()
        return self.entries[-1].at if self.entries else 0

    def _catch_up(self, handle: int) -> None:
        size = os.fstat(handle).st_size
        if size <= self._offset:
            return
        content = os.pread(handle, size - self._offset, self._offset)
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self._fold(msgspec.json.decode(line, type=Entry))
        self._offset += len(whole)
        if len(whole) < len(content):
            os.ftruncate(handle, self._offset)  # A writer was killed within its line: its call did not happen.

    def _fold(self, entry: Entry) -> None:
        self.entries.append(entry)
        for machine in entry.machines:
            before = self.machines.get(machine.id)
            place = (machine.zone, machine.market)
            if before is None:
                self.used[place] += machine.capacity
                self.machine_of_token[machine.token] = machine.id
            if machine.ended_at is not None and (before is None or before.ended_at is None):
                self.used[place] -= machine.capacity
            self.machines[machine.id] = machine
            if before is None or machine.id in self.lingering:
                self.lingering[machine.id] = machine
        for disk in entry.disks:
            self.disks[disk.id] = disk
            self.disk_of_token[disk.token] = disk.id
        for snapshot in entry.snapshots:
            self.snapshots[snapshot.id] = snapshot
            self.snapshot_of_token[snapshot.token] = snapshot.id
        for job in entry.jobs:
            self.jobs[job.machine, job.id] = job
            self.jobs_on[job.machine][job.id] = job
        self.zones.update(entry.zones)


def _end(machine: FakeMachine, at: float) -> float:
    ends = [end for end in (machine.ended_at, machine.interrupt_at) if end is not None]
    return min(ends, default=at + 1)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
