"""Wake-ups for handlers in long waits under a lease, such as for a job's output.

The queue records that a leased item was woken. One query reads this for all waiting items, so that a thousand quiet
jobs cost one short query a second.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from atoll.engine.context import Context
from atoll.model.records import Kind
from atoll.store.errors import StoreError

T = TypeVar("T")

log = logging.getLogger("atoll.engine")

LOOK_SECONDS = 1.0
"""How soon a wake-up is noticed."""


class WakeUps:
    """Ends the waits for items of one kind that were woken, and all of them when the engine closes."""

    def __init__(self, context: Context, kind: Kind) -> None:
        self._context = context
        self._kind = kind
        self._waits: dict[str, asyncio.Timeout] = {}
        self._looking: asyncio.Task[None] | None = None

    async def before(self, id: str, answer: Awaitable[T]) -> T | None:
        """The answer, or None where it is not there before a wake-up of the item is noticed; then it is called off."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        wait = self._waits[id] = asyncio.timeout(None)
        try:
            async with wait:
                return await answer
        except TimeoutError:
            if wait.expired():
                return None
            raise
        finally:
            self._waits.pop(id, None)

    async def _look(self) -> None:
        """Read wake-ups as long as a handler waits."""
        await asyncio.sleep(LOOK_SECONDS)
        while self._waits:
            try:
                for id in await self._woken():
                    if (wait := self._waits.pop(id, None)) is not None:
                        wait.reschedule(asyncio.get_running_loop().time())
            except (StoreError, OSError):
                log.exception("wake-ups cannot be read")
            await asyncio.sleep(LOOK_SECONDS)

    async def _woken(self) -> list[str]:
        if self._context.news.closing:
            return list(self._waits)
        async with self._context.database.read() as tx:
            return await tx.work.woken(self._kind)
