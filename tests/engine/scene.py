"""One engine, or several in turn, over one database and one fake cloud in virtual time: for tests that play a story."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from atoll.backends.fake import FakeBackend, FakeCloud, Ledger, Script, grid
from atoll.configuration.types.disruption import Disruption
from atoll.engine.requests.planned import Planned
from atoll.model.retention import Retention
from atoll.rehearsal.clock import VirtualClock
from atoll.rehearsal.memory import memory_engine
from atoll.store.work import Lease
from atoll.testing.simulation.disk import ServerDisk
from atoll.testing.simulation.replica import Gate, Replica, ReplicaDatabase, own_tasks
from atoll.wire.api import SourceFile, Submission

SCRIPT = Script(grid(3, cpus=(2,)), latency={"*": (0.2, 0.2)}, boot=1)

KEPT = Retention()


@dataclass
class Scene:
    """`replica` is the one that works now."""

    clock: VirtualClock
    cloud: FakeCloud
    disk: ServerDisk
    replica: Replica

    @property
    def ledger(self) -> Ledger:
        return self.cloud.ledger

    async def apply(self, text: str) -> Planned:
        return await self.replica.engine.apply("main", Submission((SourceFile("test.yml", text),)))

    def rows(self, statement: str) -> Sequence[Any]:
        return memory_engine().raw.execute(statement).fetchall()

    def states(self, table: str) -> list[str]:
        return [state for (state,) in self.rows(f"SELECT state FROM {table} ORDER BY rowid")]

    async def until(self, true: Callable[[], bool], seconds: float = 900) -> None:
        """Let time go by until something is so; fails after `seconds`."""
        ends = self.clock.elapsed + seconds
        while not true():
            assert self.clock.elapsed < ends, f"it did not come to be: {self.states('instances')}"
            await self.clock.sleep(0.01)

    async def restart(self) -> None:
        """Kill the server, and start another over what it left."""
        self.replica.crash()
        self.replica = await start(self.clock, self.cloud, self.disk)


async def start(clock: VirtualClock, cloud: FakeCloud, disk: ServerDisk) -> Replica:
    def watch(lease: Lease | None) -> None:
        pass

    ids, gate = Random(clock.elapsed), Gate(clock, Random(0))
    return await Replica.start(
        ReplicaDatabase(memory_engine(), clock.now, gate, watch),
        FakeBackend(cloud),
        disk,
        gate=gate,
        now=clock.now,
        new_id=lambda: f"{ids.getrandbits(64):016x}",
    )


def play(
    story: Callable[[Scene], Coroutine[Any, Any, None]],
    script: Script = SCRIPT,
    retention: Retention = KEPT,
    disruption: Disruption | None = None,
) -> Ledger:
    """Play a story; the ledger afterwards."""
    clock = VirtualClock()
    cloud = FakeCloud(script, clock)
    memory_engine().fresh()

    async def main(disk: ServerDisk) -> None:
        asyncio.get_running_loop().set_task_factory(own_tasks)
        scene = Scene(clock, cloud, disk, await start(clock, cloud, disk))
        await story(scene)
        await scene.replica.engine.close()

    with TemporaryDirectory() as home:
        clock.run(main(ServerDisk(Path(home), retention=retention, disruption=disruption)))
    return cloud.ledger
