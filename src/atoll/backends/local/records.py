"""What the local backend keeps on disk: a record for each machine and disk, the failed zones, and one lock for all.

    STATE/lock                         held for every change, by any process
    STATE/zones.json                   the failed zones
    STATE/instances/ID/machine.json    beside it the agent's log and its own state
    STATE/volumes/ZONE/ID/volume.json  beside it the folder `data`
    STATE/trash/                       what is deleted, on its way

Records are replaced as a whole (written aside, then renamed), so a crash leaves the old one or the new one.
"""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import msgspec

from atoll.backends.base import Tags, Unavailable
from atoll.backends.local.process import Process
from atoll.model.zone import Capacity
from atoll.private_files import write_private

LOCK_SECONDS = 15.0
_ID = re.compile(r"[a-z]+-[0-9a-f]{12}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MachineRecord:
    """One machine. It is written without `agent` before the agent is started, and with it afterwards.

    `lost` says why it is gone when that is known.
    """

    id: str
    zone: str
    instance_type: str
    capacity: Capacity
    tags: Tags
    socket: str
    agent: Process | None = None
    ending: bool = False
    lost: str = ""


@dataclass(frozen=True, slots=True)
class DiskRecord:
    """One disk. `attached_to` may name a machine that is gone: then it counts as detached."""

    id: str
    zone: str
    size_gb: float
    tags: Tags
    attached_to: str | None = None


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """Which zones were failed on purpose."""

    failed: frozenset[str] = field(default_factory=frozenset)


class Records:
    """The files under one state folder. Callers hold `lock()` for whatever reads and then writes."""

    def __init__(self, state: Path) -> None:
        self.state = state.resolve()
        self._instances = self.state / "instances"
        self._volumes = self.state / "volumes"
        for folder in (self.state, self._instances, self._volumes):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Alone among all threads and processes. Raises Unavailable when others hold it for too long."""
        deadline = time.monotonic() + LOCK_SECONDS
        handle = os.open(self.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _try_lock(handle):
                if time.monotonic() > deadline:
                    raise Unavailable(f"another process holds {self.state / 'lock'}")
                time.sleep(0.005)
            yield
        finally:
            os.close(handle)

    def folder(self, machine: str) -> Path:
        """A machine's own folder."""
        return self._instances / machine

    def machine(self, machine: str) -> MachineRecord | None:
        """The record of this id, if there is one."""
        return _read(self.folder(machine) / "machine.json", MachineRecord) if _ID.fullmatch(machine) else None

    def machines(self) -> list[MachineRecord]:
        """All machines."""
        found = (_read(path, MachineRecord) for path in sorted(self._instances.glob("*/machine.json")))
        return [record for record in found if record is not None]

    def age(self, machine: str) -> float:
        """The seconds since a machine's record was written; 0 when there is none."""
        with suppress(OSError):
            return time.time() - (self.folder(machine) / "machine.json").stat().st_mtime
        return 0

    def put_machine(self, record: MachineRecord) -> None:
        """Write a machine's record; makes its folder."""
        self.folder(record.id).mkdir(mode=0o700, exist_ok=True)
        _write(self.folder(record.id) / "machine.json", record)

    def drop_machine(self, machine: str) -> None:
        """Take a machine's folder away."""
        self._remove(self.folder(machine))

    def data(self, record: DiskRecord) -> Path:
        """Where a disk's files are."""
        return self._volumes / record.zone / record.id / "data"

    def disk(self, disk: str) -> DiskRecord | None:
        """The record of this id, if there is one."""
        if not _ID.fullmatch(disk):
            return None
        return next((_read(path, DiskRecord) for path in self._volumes.glob(f"*/{disk}/volume.json")), None)

    def disks(self) -> list[DiskRecord]:
        """All disks."""
        found = (_read(path, DiskRecord) for path in sorted(self._volumes.glob("*/*/volume.json")))
        return [record for record in found if record is not None]

    def put_disk(self, record: DiskRecord) -> None:
        """Write a disk's record; makes its folders first, so that a disk with a record is whole."""
        self.data(record).mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self.data(record).parent / "volume.json", record)

    def drop_disk(self, record: DiskRecord) -> None:
        """Take a disk and its data away."""
        self._remove(self.data(record).parent)

    def failed_zones(self) -> frozenset[str]:
        """The zones that were failed on purpose."""
        record = _read(self.state / "zones.json", ZoneRecord)
        return frozenset() if record is None else record.failed

    def put_failed_zones(self, names: frozenset[str]) -> None:
        """Remember them."""
        _write(self.state / "zones.json", ZoneRecord(names))

    def empty_trash(self) -> None:
        """Delete what was taken away, by us or by a process that was killed. It may take long: not under the lock."""
        for left in self._trash().iterdir():
            if not _mounted_below(left):
                _unlock(left)
                shutil.rmtree(left, ignore_errors=True)

    def _remove(self, folder: Path) -> None:
        with suppress(FileNotFoundError):
            folder.rename(self._trash() / uuid4().hex)

    def _trash(self) -> Path:
        trash = self.state / "trash"
        trash.mkdir(mode=0o700, exist_ok=True)
        return trash


def new_id(prefix: str) -> str:
    """A new id: the prefix and 12 hexadecimal digits."""
    return f"{prefix}-{uuid4().hex[:12]}"


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path, shape: type[T]) -> T | None:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.DecodeError as error:
        raise Unavailable(f"{path} cannot be read: {error}") from error


def _write(path: Path, record: object) -> None:
    write_private(path, msgspec.json.encode(record))


def _unlock(folder: Path) -> None:
    """A job may have taken its own rights away; folders must be writable to be emptied."""
    for root, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(root, name)
            if not path.is_symlink():
                with suppress(OSError):
                    path.chmod(0o700)


def _mounted_below(folder: Path) -> bool:
    """True when something is mounted in there: a disk's data must not be deleted through a machine's folder."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return False
    prefix = f"{folder}/"
    return any(line.split()[4].startswith(prefix) for line in mounts.splitlines())
