"""A server that lives through a story and kills itself with SIGKILL at its n-th crossing.

    python -m tests.engine.crash_runner FOLDER DATABASE SHARD SHARDS STORY

The stories are `files` (apply, scale, replace and delete) and `zones` (drain, evacuate and open, with a job that runs).

A crossing is where the process goes from intent to effect to record: before and after each call to the
cloud, and before and after each commit. For each crossing of the shard a fresh world is made; one process dies there, a
second one goes on from what it left, and what is in the end is held against the ledger. Processes are forked from this
one, which has lived through all of it once, and has nothing running.
DATABASE is `sqlite`, or the folder of a PostgreSQL cluster.
"""

import asyncio
import gc
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text

from atoll.backends.base import Machine
from atoll.backends.fake import FakeBackend, FakeCloud, Ledger, Script, grid
from atoll.backends.fake.agents import FakeAgent
from atoll.engine.engine import Engine, Options
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.closing import Closing, close_zone, list_closures, open_zone
from atoll.model.records import ClosureKind
from atoll.model.zone import Zone
from atoll.rehearsal.clock import VirtualClock
from atoll.store.database import Database, open_database, sqlite_url
from atoll.store.transaction import Transaction
from atoll.store.work import Lease
from atoll.testing.postgresql import Cluster
from atoll.wire.api import SourceFile, Submission

START = datetime(2026, 1, 1, tzinfo=UTC)
SCRIPT = Script(grid(3, cpus=(2, 4)), latency={"*": (0.05, 0.2)}, boot=1, deletion=1, lag=1, reads=False)
VOLUME = "---\ntype: volume\nname: data\nbackend: fake\nsize: 10GB\n"
FLEET = "type: fleet\nname: train\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: {cpus}}}\n"
TASK = "---\ntype: task\nname: job\ncommands: [{command}]\nenv: {{FAKE_SECONDS: '2'}}\nvolumes: ['data:/data']\n"
APPLIED = (
    FLEET.format(nodes=2, cpus=2) + VOLUME + TASK.format(command="first"),
    FLEET.format(nodes=3, cpus=2) + VOLUME + TASK.format(command="first"),
    FLEET.format(nodes=2, cpus=4) + VOLUME + TASK.format(command="second"),
)
"""Apply; scale; replace both the fleet and the task."""
LONG_TASK = "---\ntype: task\nname: job\ncommands: [work]\nenv: {FAKE_SECONDS: '400'}\nretry: true\n"
DRAINED, EVACUATED = (Zone("fake", "fake-1", f"fake-1{letter}") for letter in "ab")
CLOSINGS = {
    DRAINED: Closing(None, 7200, True, "patch", ClosureKind.DRAIN),
    EVACUATED: Closing(None, 7200, True, "fire", ClosureKind.EVACUATE, 0, 20),
}
"""How each zone is emptied; the job runs in one of them at least once."""
LIMIT_SECONDS = 1800.0
TAKEN_OVER = 16.0
"""How long after a death the successor begins: the leases have ended then, and nothing waits for them."""
Stage = Callable[[], Awaitable[bool]]
"""A request, or a look whether all came as it was to be; it is repeated until it is true."""
USER: ContextVar[bool] = ContextVar("user", default=False)
"""Whether the running task is the user's, not the engine's."""


class Crossings:
    """Counts, and ends the process at number `kill_at`; the virtual time is kept for its successor."""

    def __init__(self, clock: VirtualClock, folder: Path, kill_at: int) -> None:
        self._clock = clock
        self._folder = folder
        self._kill_at = kill_at
        self.count = 0

    def cross(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            (self._folder / "time").write_text(str((self._clock.now() - START).total_seconds() + TAKEN_OVER))
            os.kill(os.getpid(), signal.SIGKILL)


class CrossedDatabase(Database):
    """The real database; virtual time stands still while it works."""

    def __init__(self, database: Database, clock: VirtualClock, crossings: Crossings) -> None:
        super().__init__(database.connections, clock.now)
        self._clock = clock
        self._crossings = crossings

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        with self._clock.hold():
            async with super().read() as tx:
                yield tx

    @asynccontextmanager
    async def write(self, lease: Lease | None = None) -> AsyncIterator[Transaction]:
        records = lease is not None or USER.get()  # leasing and giving back is neither intent nor record
        with self._clock.hold():
            async with super().write(lease) as tx:
                yield tx
                if records:
                    self._crossings.cross()
            if records:
                self._crossings.cross()

    async def close(self) -> None:
        with self._clock.hold():
            await super().close()


class CrossedBackend(FakeBackend):
    """The fake backend, with a crossing before and after each effect."""

    crossings: Crossings

    def agent(self, machine: Machine) -> FakeAgent:
        agent = super().agent(machine)
        assert isinstance(agent, FakeAgent)
        for name in ("submit", "stop", "forget"):
            setattr(agent, name, self._crossed(getattr(FakeAgent, name).__get__(agent)))
        return agent

    def crossed(self) -> "CrossedBackend":
        for part, names in ((self, ("launch", "terminate")), (self.volumes, ("create", "delete", "attach", "detach"))):
            for name in names:
                setattr(part, name, self._crossed(getattr(part, name)))
        return self

    def _crossed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        async def crossed(*arguments: Any) -> Any:
            self.crossings.cross()
            answer = await work(*arguments)
            self.crossings.cross()
            return answer

        return crossed


class Life:
    """One process's life: it takes up the story where its predecessor left it."""

    def __init__(self, folder: Path, url: str, kill_at: int, story: str) -> None:
        past = folder / "time"
        elapsed = float(past.read_text()) if past.exists() else 0.0
        self.folder = folder
        self.url = url
        self.story = story
        self.clock = VirtualClock(START + timedelta(seconds=elapsed))
        self.crossings = Crossings(self.clock, folder, kill_at)
        self.ledger = Ledger(folder / "ledger.jsonl")
        backend = CrossedBackend(FakeCloud(SCRIPT, self.clock, self.ledger))
        backend.crossings = self.crossings
        self.backend = backend.crossed()

    async def live(self) -> None:
        with self.clock.hold():
            opened = await open_database(self.url, self.clock.now)
        database = CrossedDatabase(opened, self.clock, self.crossings)
        engine = await Engine.over(database, {"fake": self.backend}, self.folder, Options(now=self.clock.now))
        await engine.start()
        USER.set(True)
        progress = self.folder / "progress"
        stages = self._files(engine) if self.story == "files" else self._zones(engine)
        for number in range(int(progress.read_text()) if progress.exists() else 0, len(stages)):
            request, settled = stages[number]
            await self._until(engine, request)
            await self._until(engine, settled)
            progress.write_text(str(number + 1))
        await self._until(engine, partial(self._deleted, engine, database))
        await engine.close()

    def _files(self, engine: Engine) -> list[tuple[Stage, Stage]]:
        settled = partial(self._settled, engine.database)
        return [(partial(self._apply, engine, file), settled) for file in APPLIED]

    def _zones(self, engine: Engine) -> list[tuple[Stage, Stage]]:
        apply = partial(self._apply, engine, FLEET.format(nodes=3, cpus=2) + LONG_TASK)
        closings = [
            (partial(self._close, engine, zone), partial(self._emptied, engine.database, zone)) for zone in CLOSINGS
        ]
        ended = partial(self._closures_are, engine.database, {"ended"})
        return [(apply, partial(self._running, engine.database)), *closings, (partial(self._open, engine), ended)]

    async def _close(self, engine: Engine, zone: Zone) -> bool:
        with suppress(Refused):  # a dead predecessor may have closed it
            await close_zone(engine.context, "main", zone, CLOSINGS[zone])
        return True

    async def _open(self, engine: Engine) -> bool:
        for closure in await list_closures(engine.context, "main", ended=False, limit=10):
            await open_zone(engine.context, "main", closure.id)
        return True

    async def _running(self, database: Database) -> bool:
        """All nodes work and the job runs, and the ledger holds exactly the machines that the store has."""
        states = await _picture(database)
        machines = {(machine.token, machine.id) for machine in self.ledger.alive(self.clock.now())}
        active = {(id, backend_id) for id, state, backend_id in states["instances"] if state == "active"}
        if machines != active or len(active) != len(states["instances"]) or len(active) != 3:
            return False
        return {state for _, state, _ in states["runs"]} <= {"running", "done"}

    async def _emptied(self, database: Database, zone: Zone) -> bool:
        """Nothing is left in the zone, its closure says so, and all that was there works elsewhere."""
        alive = self.ledger.alive(self.clock.now())
        if any(machine.zone == zone for machine in alive) or not await self._closures_are(database, {"empty"}):
            return False
        return await self._running(database)

    async def _closures_are(self, database: Database, wanted: set[str]) -> bool:
        async with database.read() as tx:
            rows = await tx._connection.execute(text("SELECT state FROM closures"))
            return {row[0] for row in rows} == wanted

    async def _until(self, engine: Engine, done: Callable[[], Any]) -> None:
        ends = self.clock.elapsed + LIMIT_SECONDS
        while not await done():
            assert self.clock.elapsed < ends, await _picture(engine.database)
            await self.clock.sleep(1)

    async def _apply(self, engine: Engine, file: str) -> bool:
        try:
            await engine.apply("main", Submission((SourceFile("crash.yml", file),)))
        except Refused as refused:
            if refused.code not in ("invalid-configuration", "busy"):
                raise
            return False  # the fleet is busy still
        return True

    async def _settled(self, database: Database) -> bool:
        """As it was applied, and the ledger holds exactly what the store says."""
        states = await _picture(database)
        wanted = {"runs": {"done"}, "volumes": {"available"}, "instances": {"active"}, "attachments": set[str]()}
        if any({state for _, state, _ in states[table]} != wanted[table] for table in wanted):
            return False
        ((_, _, nodes),) = states["fleets"]
        machines = {(machine.token, machine.id) for machine in self.ledger.alive(self.clock.now())}
        disks = {(disk.token, disk.id) for disk in self.ledger.alive_disks()}
        if len(states["instances"]) != nodes:
            return False
        assert machines == {(id, backend_id) for id, _, backend_id in states["instances"]}
        assert disks == {(id, backend_id) for id, _, backend_id in states["volumes"]}
        return True

    async def _deleted(self, engine: Engine, database: Database) -> bool:
        for work in (
            engine.delete_run("main", "job"),
            engine.delete_fleet("main", "train"),
            engine.delete_volume("main", "data"),
        ):
            with suppress(Refused):
                await work
        states = await _picture(database)
        return not any(states[table] for table in ("fleets", "instances", "volumes", "attachments"))


LIVE = {
    "fleets": "SELECT id, state, nodes FROM fleets WHERE state != 'deleted'",
    "instances": "SELECT id, state, backend_id FROM instances WHERE state != 'terminated'",
    "volumes": "SELECT id, state, backend_id FROM volumes WHERE state != 'deleted'",
    "attachments": "SELECT id, state, name FROM attachments WHERE state != 'detached'",
    "runs": "SELECT id, state, message FROM runs WHERE deleted_at IS NULL",
}


async def _picture(database: Database) -> dict[str, list[Any]]:
    async with database.read() as tx:
        return {
            table: [tuple(row) for row in await tx._connection.execute(text(statement))]
            for table, statement in LIVE.items()
        }


async def _tokens(url: str) -> tuple[set[str], set[str]]:
    database = await open_database(url, lambda: START)
    async with database.read() as tx:
        instances, volumes = [
            {row[0] for row in await tx._connection.execute(text(f"SELECT id FROM {table}"))}
            for table in ("instances", "volumes")
        ]
    await database.close()
    return instances, volumes


def judge(folder: Path, url: str) -> None:
    """After all was deleted: nothing is paid for, nothing was ever made twice or without a record."""
    ledger = Ledger.read(folder / "ledger.jsonl")
    instances, volumes = asyncio.run(_tokens(url))
    assert ledger.alive() == (), ledger.alive()
    assert ledger.alive_disks() == (), ledger.alive_disks()
    made = Counter(machine.token for machine in ledger.machines.values())
    made.update(disk.token for disk in ledger.disks.values())
    assert set(made.values()) <= {1}, made
    assert set(made) <= instances | volumes, made
    submitted = Counter(job.id for job in ledger.jobs.values())
    assert set(submitted.values()) <= {1}, submitted


def life(folder: Path, url: str, kill_at: int, story: str) -> int:
    """Live one life in a process of its own; its exit status."""
    child = os.fork()
    if child == 0:
        try:
            one = Life(folder, url, kill_at, story)
            one.clock.run(one.live())
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main() -> None:
    """All crossings of one shard. Prints how many there are, and at how many of this shard a process was killed."""
    root, shard, shards = Path(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
    empty = root / "empty.db"
    asyncio.run(_tokens(sqlite_url(empty)))  # each world begins with a copy: to migrate takes as long as half a life
    cluster, story = None if sys.argv[2] == "sqlite" else Cluster(Path(sys.argv[2])), sys.argv[5]

    def world(name: str) -> tuple[Path, str]:
        folder = root / name
        folder.mkdir()
        if cluster is None:
            shutil.copyfile(empty, folder / "atoll.db")
            return folder, sqlite_url(folder / "atoll.db")
        return folder, cluster.database(f"crash_{story}_{shard}_{name}", template="empty")

    folder, place = world("dry")
    dry = Life(folder, place, 0, story)
    dry.clock.run(dry.live())  # here: what is loaded and compiled for this life the forked ones have
    judge(folder, place)
    gc.collect()
    gc.freeze()
    count, killed = dry.crossings.count, 0
    for number in range(1 + shard, count + 1, shards):
        folder, place = world(str(number))
        status = life(folder, place, number, story)
        assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, f"crossing {number}: status {status}"
        killed += status != 0
        if status != 0 and life(folder, place, 0, story) != 0:
            sys.exit(f"what was left at crossing {number} did not come right: see {folder}")
        judge(folder, place)
        shutil.rmtree(folder)
        if cluster is not None:
            cluster.sql(f"DROP DATABASE crash_{story}_{shard}_{number}")
    sys.stdout.write(f"{count} {killed}\n")


if __name__ == "__main__":
    main()
