"""What the store costs over SQLite: its own driver beside the engines of SQLAlchemy.

The same work on each, in CPU-seconds of this process for 300 instances: each is leased, read,
stepped four times with its events, woken and released, in transactions as the engine makes them. Seven runs of each,
alternating, on new files.

- `own`: the asyncio engine over `store/inline.py`, frequent statements prepared past SQLAlchemy (as shipped);
- `unprepared`: the same without `store/prepared.py`, every statement through SQLAlchemy;
- `sync`: SQLAlchemy's synchronous engine in line, neither aiosqlite's interface nor greenlets, commits in a thread.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import sqlalchemy as sa

from atoll.model.records import Instance, Kind
from atoll.model.states import InstanceState
from atoll.store.connection import Connection
from atoll.store.database import Database, open_database
from atoll.store.prepared import Prepared, Row
from atoll.store.sqlite import sqlite_url
from atoll.store.transaction import Transaction
from atoll.testing.store_samples import instance
from bench.measure import Measure

INSTANCES, RUNS = 300, 7
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
STEPS = (InstanceState.LAUNCHING, InstanceState.STARTING, InstanceState.ACTIVE, InstanceState.TERMINATING)

Transactions = Callable[[], AbstractAsyncContextManager[Transaction]]


class SyncConnection(Connection):
    """The store's interface over SQLAlchemy's synchronous connection: each statement runs in line."""

    def __init__(self, connection: sa.Connection) -> None:
        self._sync = connection

    @property
    def dialect(self) -> sa.Dialect:
        return self._sync.dialect

    async def execute(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> Any:
        return self._sync.execute(statement, values)

    async def rows(self, prepared: Prepared, values: Mapping[str, Any] = {}) -> Sequence[Row]:
        return self._sync.execute(prepared.statement, values).all()

    async def change(self, prepared: Prepared, values: Mapping[str, Any] = {}) -> int:
        return self._sync.execute(prepared.statement, values).rowcount

    async def change_all(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        self._sync.execute(prepared.statement, list(rows))


def synchronous(path: Path) -> tuple[Transactions, Callable[[], None]]:
    """Transactions of a synchronous engine over an existing database, and what closes them."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "isolation_level": None})
    disk = ThreadPoolExecutor(1)

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @asynccontextmanager
    async def write() -> AsyncIterator[Transaction]:
        with engine.connect() as connection:
            transaction = Transaction(SyncConnection(connection), NOW)
            with connection.begin_nested():  # as writers that share a commit do
                yield transaction
                await transaction.flush()
            await asyncio.get_running_loop().run_in_executor(disk, connection.commit)

    def close() -> None:
        engine.dispose()
        disk.shutdown()

    return write, close


async def work(write: Transactions) -> float:
    """The CPU-seconds for all instances."""
    begin = process_time()
    for number in range(INSTANCES):
        id = f"i{number}"
        async with write() as tx:
            await tx.add(instance(id, number))
            await tx.work.wake(Kind.INSTANCE, [id], NOW)
        async with write() as tx:
            [lease] = await tx.work.lease(NOW, 1, timedelta(seconds=15))
        for state in STEPS:
            async with write() as tx:
                await tx.work.check(lease)
                found = await tx.get(Instance, id)
                assert found is not None
                await tx.step(found, state)
        async with write() as tx:
            await tx.work.release(lease, NOW, None, 0)
    return process_time() - begin


async def once(variant: str, folder: Path) -> float:
    """One run of a variant on a new file."""
    path = folder / "atoll.db"
    database = await open_database(sqlite_url(path), lambda: NOW)
    try:
        if variant == "sync":
            write, close = synchronous(path)
            try:
                return await work(write)
            finally:
                close()
        if variant == "unprepared":
            database = _unprepared(database)
        return await work(database.write)
    finally:
        await database.close()


def _unprepared(database: Database) -> Database:
    database._direct = lambda connection: None
    return database


def measures() -> Iterator[Measure]:
    """One figure for each variant, and the ratios to the shipped one."""
    samples: dict[str, list[float]] = {"own": [], "unprepared": [], "sync": []}
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(once("own", Path(folder)))  # the first run imports and compiles
    for _ in range(RUNS):
        for variant, values in samples.items():
            with tempfile.TemporaryDirectory() as folder:
                values.append(asyncio.run(once(variant, Path(folder))))
    for variant, values in samples.items():
        yield Measure(f"CPU of 300 instances to their end, {variant}", tuple(values), "s")
    for variant in ("unprepared", "sync"):
        ratios = tuple(other / own for own, other in zip(samples["own"], samples[variant], strict=True))
        yield Measure(f"{variant} / own", ratios, "times")
