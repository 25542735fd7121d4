"""Records for the contracts of the store, and databases whose clock stands still."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

from atoll.model.offer import Market
from atoll.model.records import Event, Fleet, Instance
from atoll.model.resources import Gpu, InstanceType
from atoll.model.states import FleetState, InstanceState
from atoll.model.zone import Zone
from atoll.store.database import Database, open_database

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
LEASE = timedelta(seconds=30)
HOUR = timedelta(hours=1)


def fleet(id: str = "f1", name: str = "demo") -> Fleet:
    """A fleet."""
    return Fleet(id, "main", name, FleetState.ACTIVE, {"nodes": 3}, 3, NOW)


def instance(id: str = "i1", node: int = 0) -> Instance:
    """An instance with everything that an instance can have."""
    zone = Zone("local", "local", "local-b", "id-b")
    type_ = InstanceType("m", 2, 8, gpu=Gpu("H100", 8, 80, compute_capability=(9, 0)))
    return Instance(id, "main", "f1", "demo", node, InstanceState.PENDING, zone, type_, Market.SPOT, 0.5, NOW)


@asynccontextmanager
async def opened(url: str, count: int = 1) -> AsyncIterator[list[Database]]:
    """Several servers' views of one database; their clock stands still."""
    async with AsyncExitStack() as stack:
        databases = []
        for _ in range(count):
            databases.append(await open_database(url, lambda: NOW))
            stack.push_async_callback(databases[-1].close)
        yield databases


async def events_of(db: Database) -> list[Event]:
    """All events of the project."""
    async with db.read() as tx:
        return list(await tx.events_after("main", 0))
