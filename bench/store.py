"""What the store costs over SQLite: CPU-seconds of this process for 200 instances, each from its creation to its end.

Each is leased, read, stepped four times with its events, woken and released, in transactions as the engine makes them:
by one writer, and by ten that share commits. Five runs of each, on new files.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

from atoll.model.records import Instance, Kind
from atoll.model.states import InstanceState
from atoll.store.database import Database, open_database
from atoll.store.sqlite import sqlite_url
from atoll.testing.store_samples import instance
from bench.measure import Measure

INSTANCES, RUNS, WRITERS = 200, 5, 10
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
STEPS = (InstanceState.LAUNCHING, InstanceState.STARTING, InstanceState.ACTIVE, InstanceState.TERMINATING)


async def work(database: Database, numbers: range) -> None:
    """Instances of these numbers, one after another."""
    for number in numbers:
        id = f"i{number}"
        async with database.write() as tx:
            await tx.add(instance(id, number))
            await tx.work.wake(Kind.INSTANCE, [id], NOW)
        async with database.write() as tx:
            [lease] = await tx.work.lease(NOW, 1, timedelta(seconds=15))
        for state in STEPS:
            async with database.write() as tx:
                await tx.work.check(lease)
                found = await tx.get(Instance, lease.id)
                assert found is not None
                await tx.step(found, state)
        async with database.write() as tx:
            await tx.work.release(lease, NOW, None, 0)


async def once(writers: int) -> float:
    """The CPU-seconds of one run on a new file."""
    with tempfile.TemporaryDirectory() as folder:
        database = await open_database(sqlite_url(Path(folder) / "atoll.db"), lambda: NOW)
        share = INSTANCES // writers
        begin = process_time()
        await asyncio.gather(*(work(database, range(n * share, (n + 1) * share)) for n in range(writers)))
        seconds = process_time() - begin
        await database.close()
        return seconds


def measures() -> Iterator[Measure]:
    """One figure for one writer, and one for several at a time."""
    asyncio.run(once(1))  # the first run imports and compiles
    for writers in (1, WRITERS):
        samples = tuple(asyncio.run(once(writers)) for _ in range(RUNS))
        yield Measure(f"CPU of {INSTANCES} instances to their end, writers: {writers}", samples, "s")
