"""A week in an hour: short runs over many fleets, in virtual time, with what each of them leaves behind measured."""

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from atoll.backends.fake import FakeBackend, FakeCloud, Script, grid
from atoll.model.retention import Retention
from atoll.rehearsal.clock import VirtualClock
from atoll.rehearsal.memory import memory_engine
from atoll.testing.simulation.disk import ServerDisk
from atoll.testing.simulation.replica import Gate, Replica, ReplicaDatabase, own_tasks
from atoll.wire.api import SourceFile, Submission

KEPT = timedelta(minutes=2)
RETENTION = Retention(KEPT, KEPT, None, KEPT, KEPT)
FLEET = "type: fleet\nname: f{}\nnodes: 1\nresources: {{cpu: 2}}\n"
RUN = "type: task\nname: r{}\nfleets: [f{}]\ncommands: [work]\nresources: {{cpu: 2}}\n"
SCRIPT = Script(grid(3, cpus=(2,)), latency={"*": (0.05, 0.05)}, boot=1, reads=False)


@dataclass(frozen=True, slots=True)
class Sample:
    """After `runs` runs: bytes of the database, all logs and this process, and CPU seconds of the list of runs.

    The process holds the database, the logs and the fake cloud, whose ledger keeps every machine.
    """

    runs: int
    database: int
    logs: int
    memory: int
    listing: float


def live(runs: int, fleets: int, seconds: float, samples: int) -> list[Sample]:
    """Apply `runs` runs over `fleets` fleets within `seconds` of virtual time; returns `samples` samples."""
    clock, found = VirtualClock(), list[Sample]()
    cloud = FakeCloud(SCRIPT, clock)
    memory_engine().fresh()
    memory_engine().raw.execute("VACUUM")

    async def main(disk: ServerDisk) -> None:
        asyncio.get_running_loop().set_task_factory(own_tasks)
        ids, gate = Random(0), Gate(clock, Random(0))
        replica = await Replica.start(
            ReplicaDatabase(memory_engine(), clock.now, gate, lambda _: None),
            FakeBackend(cloud),
            disk,
            gate=gate,
            now=clock.now,
            new_id=lambda: f"{ids.getrandbits(64):016x}",
        )
        await _apply(replica, "".join(f"---\n{FLEET.format(number)}" for number in range(fleets)))
        await clock.sleep(30)
        began = clock.elapsed
        for number in range(1, runs + 1):
            await _apply(replica, RUN.format(number, number % fleets))
            await clock.sleep(max(0.0, began + number * seconds / runs - clock.elapsed))
            if number % (runs // samples) == 0:
                found.append(await _measured(replica, number))
        await replica.engine.close()

    with TemporaryDirectory() as home:
        clock.run(main(ServerDisk(Path(home), retention=RETENTION)))
    return found


async def _apply(replica: Replica, text: str) -> None:
    await replica.engine.apply("main", Submission((SourceFile("week.yml", text),)))


async def _measured(replica: Replica, runs: int) -> Sample:
    async with replica.engine.database.read() as tx:
        database = await tx.queue.database_bytes()
    began, after, more = time.process_time(), None, True
    while more:
        page = await replica.engine.runs.page("main", after, 300, finished=True)
        more, after = page.more, page.items[-1].id if page.items else None
    listing, logs = time.process_time() - began, await replica.engine.logs.total()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(runs, database, logs, pages * os.sysconf("SC_PAGESIZE"), listing)
