"""The database for background work: a few transactions at once, so that requests need not queue.

Thousands of things may be worked on at once, and each of their turns is short. If all of them wanted a connection at
the same time, a request would wait behind all of them, and each pass of the event loop would serve all of them first.
No turn may open a transaction within another one: it would wait for itself.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

from atoll.store.database import Database
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

READS = 3
WRITES = 6
"""Together fewer than the connections that a server holds to PostgreSQL."""
WRITES_ALONE = 64
"""Where writers wait for each other to share a commit, as with SQLite, more of them share it."""


class BackgroundDatabase:
    """Transactions over a database that others use too."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reads = asyncio.Semaphore(READS)
        self._writes = asyncio.Semaphore(WRITES if database.shared else WRITES_ALONE)

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """A consistent view that writes nothing."""
        return _InTurn(self._reads, self._database.read())

    def look(self) -> AbstractAsyncContextManager[Transaction]:
        """Single statements that need not see the same state."""
        return _InTurn(self._reads, self._database.look())

    def write(self, lease: Lease | None = None) -> AbstractAsyncContextManager[Transaction]:
        """A writing transaction, fenced by `lease` when given. Raises LeaseLost, Conflict."""
        return _InTurn(self._writes, self._database.write(lease))


class _InTurn(AbstractAsyncContextManager[Transaction]):
    """A transaction that starts when a slot is free. A class, as all work uses it: a generator costs more."""

    def __init__(self, room: asyncio.Semaphore, transaction: AbstractAsyncContextManager[Transaction]) -> None:
        self._room = room
        self._transaction = transaction

    async def __aenter__(self) -> Transaction:
        await self._room.acquire()
        try:
            return await self._transaction.__aenter__()
        except BaseException:
            self._room.release()
            raise

    async def __aexit__(self, *why: Any) -> bool | None:
        try:
            return await self._transaction.__aexit__(*why)
        finally:
            self._room.release()
