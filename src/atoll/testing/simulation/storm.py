"""One storm: replicas work while somebody applies, scales, stops and deletes, and everything goes wrong; then it is
calm, and what was requested comes to be; then all is deleted, and nothing is left.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from atoll.backends.fake import FakeBackend, FakeCloud
from atoll.engine.engine import Engine
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.closing import Closing, close_zone, open_zone
from atoll.engine.requests.rebalancing import Wanted
from atoll.model.records import ClosureKind
from atoll.rehearsal.clock import VirtualClock
from atoll.rehearsal.memory import MemoryEngine, memory_engine
from atoll.testing.simulation.disk import ServerDisk
from atoll.testing.simulation.ending import leftovers, unsettled
from atoll.testing.simulation.replica import OWNER, Gate, Replica, ReplicaDatabase, own_tasks
from atoll.testing.simulation.setting import Author, cloud_script, weather
from atoll.testing.simulation.watch import Broken, Watch, WatchedLedger
from atoll.wire.api import SourceFile, Submission

PROJECT = "main"
STORM_SECONDS = (120.0, 420.0)
"""How long it storms."""
CALM_SECONDS = 2400.0
"""How long it may take afterwards until everything is as requested, and again until everything is gone."""
LOOK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a storm was like. `digest` is the same whenever the same seed runs through the same code."""

    seed: int
    calls: int
    events: int
    crashes: int
    applied: int
    seconds: float
    digest: str


def run_storm(seed: int) -> Report:
    """Run one storm. Raises Broken, with the seed and what was done so far."""
    with TemporaryDirectory() as home:
        return _run(Storm(seed, memory_engine(), Path(home)))


def _run(storm: "Storm") -> Report:
    errors = _Errors(storm.watch)
    log = logging.getLogger("atoll.engine")
    before = log.propagate
    log.addHandler(errors)
    log.propagate = False
    try:
        return storm.clock.run(storm.run())
    finally:
        log.removeHandler(errors)
        log.propagate = before


class _Errors(logging.Handler):
    """An exception that a handler did not expect breaks a rule too."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.ERROR)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._watch.fail(f"{record.getMessage()}: {error!r}")


class Storm:
    """The state of one storm."""

    def __init__(self, seed: int, memory: MemoryEngine, home: Path) -> None:
        self.seed = seed
        self.clock = VirtualClock()
        self._chance = Random(f"{seed}/storm")
        self._pace = Random(f"{seed}/pace")
        self._ids = Random(f"{seed}/ids")
        self._memory = memory
        memory.fresh()
        self._ledger = WatchedLedger()
        self._cloud = FakeCloud(cloud_script(self._chance, seed), self.clock, self._ledger)
        self._backend = FakeBackend(self._cloud)
        self.watch = Watch(memory.raw, self._cloud)
        self._ledger.on_entry = self.watch.entry
        zones = tuple(zone.name for zone in self._cloud.script.zones)
        spot = any(offer.market == "spot" for offer in self._cloud.script.offers)
        self._author = Author(self._chance, zones, spot=spot)
        self._disk = ServerDisk(home)
        self._replicas: list[Replica] = []
        self._crashes = 0
        self._applied = 0
        self._story: list[str] = []

    async def run(self) -> Report:
        """Storm, calm, end."""
        asyncio.get_running_loop().set_task_factory(own_tasks)
        for _ in range(self._chance.choice((1, 1, 2, 3))):
            self._replicas.append(await self._start())
        await self._storm()
        self._calm()
        await self._until(lambda: unsettled(self._memory.raw), "does not settle")
        await self._delete_all()
        for replica in self._replicas:
            await replica.engine.close()
        self._check()
        return self._report()

    async def _start(self) -> Replica:
        skew = timedelta(seconds=self._chance.choice((0, 0, 1.5, -2)))
        gate = Gate(self.clock, self._pace)

        def now() -> datetime:
            return self.clock.now() + skew

        return await Replica.start(
            ReplicaDatabase(self._memory, now, gate, self.watch.commit),
            self._backend,
            self._disk,
            gate=gate,
            now=now,
            new_id=lambda: f"{self._ids.getrandbits(64):016x}",
        )

    async def _storm(self) -> None:
        ends = self.clock.elapsed + self._chance.uniform(*STORM_SECONDS)
        acts = (self._apply, self._stop, self._delete, self._crash, self._stand_still, self._lose_zone, self._silence,
                self._close_zone, self._open_zone, self._rebalance)  # fmt: skip
        await self._apply()
        while self.clock.elapsed < ends:
            self._cloud.calm()
            self._cloud.inject(*weather(self._chance))
            [act] = self._chance.choices(acts, (6, 2, 3, 4, 1, 2, 1, 2, 1, 2))
            await act()
            self._check()
            await self.clock.sleep(self._chance.choice((0.01, 0.5, 5, 30, 60)))

    async def _ask(self, act: str, work: Callable[[Engine], Coroutine[Any, Any, object]]) -> None:
        """Ask one replica for something, as a user does; it may refuse, and it may die over it."""
        replica = self._chance.choice(self._replicas)
        token = OWNER.set(replica)
        task = asyncio.create_task(work(replica.engine))
        OWNER.reset(token)
        if self._chance.random() < 0.1:
            await self.clock.sleep(self._chance.random() * 0.05)
            await self._crash(replica)
        await asyncio.wait([task])
        outcome = "died"
        if not task.cancelled():
            error = task.exception()
            outcome = error.code if isinstance(error, Refused) else "done"
            if error is not None and not isinstance(error, Refused):
                self.watch.fail(f"{act}: {error!r}")
        self._applied += outcome == "done"
        self._note(f"{act}: {outcome}")

    async def _apply(self) -> None:
        text = self._author.file()
        submission = Submission((SourceFile("storm.yml", text),), rerun=self._chance.random() < 0.2)
        await self._ask(f"apply\n{text}", lambda engine: engine.apply(PROJECT, submission))

    async def _stop(self) -> None:
        name, abort = f"t{self._chance.randrange(2)}", self._chance.random() < 0.5
        await self._ask(f"stop {name} abort={abort}", lambda engine: engine.stop_run(PROJECT, name, abort))

    async def _delete(self) -> None:
        kind = self._chance.choice(("fleet", "volume", "run"))
        name = f"{kind[0] if kind != 'run' else 't'}{self._chance.randrange(2)}"
        await self._ask(f"delete {kind} {name}", lambda engine: _delete(engine, kind, name))

    async def _crash(self, replica: Replica | None = None) -> None:
        victim = replica or self._chance.choice(self._replicas)
        victim.crash()
        self._crashes += 1
        self._note("crash")
        self._replicas.remove(victim)
        await self.clock.sleep(self._chance.choice((0, 0.1, 20)))
        self._replicas.append(await self._start())

    async def _stand_still(self) -> None:
        replica = self._chance.choice(self._replicas)
        seconds = self._chance.choice((5, 20, 60))
        replica.gate.still_until = self.clock.elapsed + seconds
        self._note(f"a replica stands still for {seconds} s")

    async def _lose_zone(self) -> None:
        zone = self._chance.choice(self._cloud.script.zones).name
        how = self._chance.choice((self._cloud.fail_zone, self._cloud.darken_zone, self._cloud.restore_zone))
        self.watch.quiet_since = self._cloud.now()
        how(zone)
        self._note(f"{how.__name__} {zone}")

    async def _close_zone(self) -> None:
        zone = self._chance.choice(self._cloud.script.zones)
        operation = self._chance.choice(tuple(ClosureKind))
        deadline = self._chance.choice((0, 10, 60)) if operation is ClosureKind.EVACUATE else None
        seconds, server_wide = self._chance.choice((90, 200, 600)), self._chance.random() < 0.5
        closing = Closing(None, seconds, server_wide, "storm", operation, 0, deadline)
        await self._ask(
            f"{operation} {zone} for {seconds} s", lambda engine: close_zone(engine.context, PROJECT, zone, closing)
        )

    async def _open_zone(self) -> None:
        closure = self._memory.raw.execute("SELECT id, zone FROM closures WHERE state != 'ended'").fetchone()
        if closure is not None:
            await self._ask(f"open {closure[1]}", lambda engine: open_zone(engine.context, PROJECT, closure[0]))

    async def _rebalance(self) -> None:
        name, busy = f"f{self._chance.randrange(2)}", self._chance.random() < 0.5
        await self._ask(f"rebalance {name}", lambda engine: engine.rebalance(PROJECT, name, Wanted(busy)))

    async def _silence(self) -> None:
        alive = self._ledger.alive(self.clock.now())
        if alive:
            machine = self._chance.choice(alive)
            self._cloud.silence(machine.id)
            self._note(f"the agent of {machine.id} falls silent")

    def _calm(self) -> None:
        self._cloud.calm()
        for zone in self._cloud.script.zones:
            self._cloud.restore_zone(zone.name)
        self._cloud.hear_all()
        self.watch.quiet_since = self._cloud.now()
        self._memory.raw.execute("DELETE FROM failures")
        for replica in self._replicas:
            replica.gate.still_until = 0
        self._note("calm")

    async def _delete_all(self) -> None:
        ends = self.clock.elapsed + CALM_SECONDS
        while True:
            engine = self._replicas[0].engine
            for kind, name in self._names():
                if kind == "run":
                    await _allow(engine.stop_run(PROJECT, name, True))
                await _allow(_delete(engine, kind, name))
            left = leftovers(self._memory.raw, self._ledger, self.clock)
            self._check()
            if not left:
                return
            if self.clock.elapsed > ends:
                self._fail("is not gone", left)
            await self.clock.sleep(LOOK_SECONDS)

    def _names(self) -> list[tuple[str, str]]:
        statement = " UNION ALL ".join(
            f"SELECT '{kind}', name FROM {kind}s WHERE deleted_at IS NULL" for kind in ("run", "fleet", "volume")
        )
        return self._memory.raw.execute(statement).fetchall()

    async def _until(self, look: Callable[[], list[str]], complaint: str) -> None:
        ends = self.clock.elapsed + CALM_SECONDS
        while left := look():
            self._check()
            if self.clock.elapsed > ends:
                self._fail(complaint, left)
            await self.clock.sleep(LOOK_SECONDS)

    def _note(self, text: str) -> None:
        self._story.append(f"[{self.clock.elapsed:8.2f}] {text}")

    def _check(self) -> None:
        if self.watch.broken:
            self._fail("breaks a rule", self.watch.broken[:5])

    def _fail(self, complaint: str, facts: list[str]) -> None:
        story = "\n".join(self._story)
        raise Broken(f"seed {self.seed} {complaint}:\n  " + "\n  ".join(facts) + f"\n--- what was done\n{story}")

    def _report(self) -> Report:
        events = self._memory.raw.execute("SELECT * FROM events ORDER BY seq").fetchall()
        digest = sha256(msgspec.json.encode(self._ledger.entries) + repr(events).encode()).hexdigest()
        return Report(
            self.seed,
            len(self._ledger.entries),
            len(events),
            self._crashes,
            self._applied,
            self.clock.elapsed,
            digest,
        )


async def _delete(engine: Engine, kind: str, name: str) -> None:
    if kind == "fleet":
        await engine.delete_fleet(PROJECT, name)
    elif kind == "volume":
        await engine.delete_volume(PROJECT, name)
    else:
        await engine.delete_run(PROJECT, name)


async def _allow(work: Coroutine[Any, Any, object]) -> None:
    with suppress(Refused):
        await work
