"""One replica of the server: an engine that can be killed at any await, or stand still for a while.

A call to the cloud goes on when the replica dies or gives up waiting, as a request on the wire does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any, TypeVar

from atoll.backends.agent_client import AgentClient
from atoll.backends.base import (
    AttachedDisk,
    Disk,
    DiskRequest,
    DiskSnapshot,
    DiskSnapshots,
    LaunchRequest,
    Listing,
    Machine,
    Tags,
    Volumes,
)
from atoll.backends.fake import FakeBackend
from atoll.engine.engine import Engine, Options
from atoll.model.limits import TimeLimits
from atoll.model.zone import BackendInfo, Zone
from atoll.rehearsal.clock import VirtualClock
from atoll.rehearsal.memory import MemoryEngine
from atoll.store.database import Database
from atoll.store.transaction import Transaction
from atoll.store.work import Lease
from atoll.testing.simulation.disk import ServerDisk

T = TypeVar("T")
OWNER: ContextVar["Replica | None"] = ContextVar("replica", default=None)
"""The replica that the running task belongs to."""


class Gate:
    """Where a replica's life is decided: each transaction and each answer of the cloud passes through."""

    def __init__(self, clock: VirtualClock, chance: Random) -> None:
        self._clock = clock
        self._chance = chance
        self.dead = False
        self.still_until = 0.0

    async def cross(self) -> None:
        """Give way to others for a moment, or for as long as the replica stands still."""
        if self.dead:
            raise asyncio.CancelledError
        wait = self.still_until - self._clock.elapsed
        await asyncio.sleep(wait if wait > 0 else self._chance.choice((0, 0, 0, 0.002, 0.01)))
        if self.dead:
            raise asyncio.CancelledError


class ReplicaDatabase(Database):
    """The shared database as one replica reaches it; `watch` sees each commit before it is made."""

    def __init__(
        self, engine: MemoryEngine, now: Callable[[], datetime], gate: Gate, watch: Callable[[Lease | None], None]
    ) -> None:
        super().__init__(engine, now)
        self._gate = gate
        self._watch = watch

    def read(self) -> AbstractAsyncContextManager[Transaction]:  # type: ignore[override]
        """As `Database.read`."""
        return _Crossing(super().read(), self._gate)

    def write(self, lease: Lease | None = None) -> AbstractAsyncContextManager[Transaction]:  # type: ignore[override]
        """As `Database.write`."""
        return _Crossing(self._watched(lease), self._gate, comes_back=True)

    @asynccontextmanager
    async def _watched(self, lease: Lease | None) -> AsyncIterator[Transaction]:
        async with super().write(lease) as tx:
            yield tx
            await tx.flush()  # the watch sees what will be committed
            self._watch(lease)


class _Crossing(AbstractAsyncContextManager[Transaction]):
    """A transaction behind a gate; one that `comes_back` crosses it once more, when it is committed."""

    def __init__(
        self, transaction: AbstractAsyncContextManager[Transaction], gate: Gate, *, comes_back: bool = False
    ) -> None:
        self._transaction = transaction
        self._gate = gate
        self._comes_back = comes_back

    async def __aenter__(self) -> Transaction:
        await self._gate.cross()
        return await self._transaction.__aenter__()

    async def __aexit__(self, *why: Any) -> bool | None:
        suppressed = await self._transaction.__aexit__(*why)
        if self._comes_back and why[1] is None:
            await self._gate.cross()
        return suppressed


class _Line:
    """Carries one replica's calls: the call is a task of the cloud's, the wait for it is the replica's."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._calls: set[asyncio.Task[Any]] = set()

    async def carry(self, call: Coroutine[Any, Any, T]) -> T:
        token = OWNER.set(None)
        task = asyncio.ensure_future(call)
        OWNER.reset(token)
        self._calls.add(task)
        task.add_done_callback(self._done)
        answer = await asyncio.shield(task)
        await self._gate.cross()
        return answer

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()  # a caller that is dead does not hear of it


class RemoteVolumes:
    """The fake backend's volumes, behind a line."""

    def __init__(self, volumes: Volumes, line: _Line) -> None:
        self._volumes = volumes
        self._line = line

    async def create(self, request: DiskRequest) -> Disk:
        """As `Volumes.create`."""
        return await self._line.carry(self._volumes.create(request))

    async def describe(self, disk: str, zone: Zone) -> Disk:
        """As `Volumes.describe`."""
        return await self._line.carry(self._volumes.describe(disk, zone))

    async def look_up(self, disk: str, region: str | None) -> Disk:
        """As `Volumes.look_up`."""
        return await self._line.carry(self._volumes.look_up(disk, region))

    async def find(self, owner: str) -> tuple[Disk, ...]:
        """As `Volumes.find`."""
        return await self._line.carry(self._volumes.find(owner))

    async def delete(self, disk: str, zone: Zone) -> None:
        """As `Volumes.delete`."""
        await self._line.carry(self._volumes.delete(disk, zone))

    async def attach(self, disk: str, machine: str, zone: Zone) -> AttachedDisk:
        """As `Volumes.attach`."""
        return await self._line.carry(self._volumes.attach(disk, machine, zone))

    async def detach(self, disk: str, machine: str, zone: Zone) -> None:
        """As `Volumes.detach`."""
        await self._line.carry(self._volumes.detach(disk, machine, zone))


class RemoteSnapshots:
    """The snapshots of a remote backend."""

    def __init__(self, snapshots: DiskSnapshots, line: _Line) -> None:
        self._snapshots = snapshots
        self._line = line

    async def create(self, disk: str, zone: Zone, tags: Tags) -> DiskSnapshot:
        """As `DiskSnapshots.create`."""
        return await self._line.carry(self._snapshots.create(disk, zone, tags))

    async def describe(self, snapshot: str, zone: Zone) -> DiskSnapshot:
        """As `DiskSnapshots.describe`."""
        return await self._line.carry(self._snapshots.describe(snapshot, zone))

    async def find(self, owner: str) -> tuple[DiskSnapshot, ...]:
        """As `DiskSnapshots.find`."""
        return await self._line.carry(self._snapshots.find(owner))

    async def delete(self, snapshot: str, zone: Zone) -> None:
        """As `DiskSnapshots.delete`."""
        await self._line.carry(self._snapshots.delete(snapshot, zone))


class RemoteBackend:
    """The fake backend, behind a line."""

    def __init__(self, backend: FakeBackend, gate: Gate) -> None:
        self._backend = backend
        self._line = _Line(gate)
        self.volumes = RemoteVolumes(backend.volumes, self._line) if backend.volumes is not None else None
        self.snapshots = RemoteSnapshots(backend.snapshots, self._line) if backend.snapshots is not None else None
        self.faults = None
        self.checks = None

    @property
    def info(self) -> BackendInfo:
        """As `Backend.info`."""
        return self._backend.info

    @property
    def limits(self) -> TimeLimits:
        """As `Backend.limits`."""
        return self._backend.limits

    async def listing(self) -> Listing:
        """As `Backend.listing`."""
        return await self._line.carry(self._backend.listing())

    async def launch(self, request: LaunchRequest) -> Machine:
        """As `Backend.launch`."""
        return await self._line.carry(self._backend.launch(request))

    async def describe(self, machine: str, zone: Zone) -> Machine:
        """As `Backend.describe`."""
        return await self._line.carry(self._backend.describe(machine, zone))

    async def find(self, owner: str) -> tuple[Machine, ...]:
        """As `Backend.find`."""
        return await self._line.carry(self._backend.find(owner))

    async def terminate(self, machine: str, zone: Zone) -> None:
        """As `Backend.terminate`."""
        await self._line.carry(self._backend.terminate(machine, zone))

    def agent(self, machine: Machine) -> AgentClient:
        """As `Backend.agent`."""
        return self._backend.agent(machine)

    async def close(self) -> None:
        """As `Backend.close`."""


class Replica:
    """One server process, as far as it matters: an engine, its tasks, and its end."""

    def __init__(self, gate: Gate, engine: Engine) -> None:
        self.gate = gate
        self.engine = engine
        self.tasks: dict[asyncio.Task[Any], None] = {}  # ordered, unlike a set: a storm must replay

    @classmethod
    async def start(
        cls,
        database: ReplicaDatabase,
        backend: FakeBackend,
        disk: ServerDisk,
        *,
        gate: Gate,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> "Replica":
        """A running replica; `database` passes through the same `gate`, and has the same time."""
        remote = RemoteBackend(backend, gate)
        options = Options(now, new_id, retention=disk.retention, disruption=disk.disruption)
        engine = await Engine.over(database, {"fake": remote}, disk.home, options)
        replica = cls(gate, Engine(replace(engine.context, logs=disk.logs), engine.database))
        token = OWNER.set(replica)
        await replica.engine.start()
        OWNER.reset(token)
        return replica

    def crash(self) -> None:
        """Die at once: no task of this replica runs another line that matters."""
        self.gate.dead = True
        for task in list(self.tasks):
            task.cancel()


def own_tasks(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """A loop's task factory that assigns tasks to their replicas."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    replica = OWNER.get()
    if replica is not None:
        replica.tasks[task] = None
        task.add_done_callback(lambda done: replica.tasks.pop(done, None))
    return task
