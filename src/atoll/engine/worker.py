"""The worker: leases due work and hands each item to the handler of its kind.

An item that fails is tried again, later each time; a lost lease is somebody else's work. Nothing here waits for a
backend: each item is a task of its own, so that one slow backend holds up only its own items. Leases are short and
renewed while their items are worked on: what a server that dies had in its hands is taken over soon.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from atoll.backends.base import BackendError
from atoll.engine.context import Context
from atoll.engine.work.handler import Due, Handler
from atoll.model.failure import FailureKind
from atoll.model.records import Kind
from atoll.reconcile.backoff import delay
from atoll.store.conflict import Conflict
from atoll.store.work import Lease, LeaseLost

log = logging.getLogger("atoll.engine")

LEASE = timedelta(seconds=15)
"""How soon others take over the work of a server that died."""
RENEWALS = 3
"""So many times within its length a lease is renewed: one renewal may fail."""
PARALLEL = 2048
"""Items under way at once: most of them wait, for a backend or for a job's output."""
BATCH = 64
"""Items leased at one look: another server that looks at the same time finds some too."""
BREATH = 0.005
"""Between two looks at the queue, in seconds: one look serves all that became due meanwhile."""
LONGEST_PAUSE = 5.0
"""Even without news the queue is looked at this often: another server may have put work there."""
TROUBLE_PAUSE = 1.0
"""How long to wait after the database failed before it is asked again."""


class Worker:
    """Works on the queue until it is stopped."""

    def __init__(self, context: Context, handlers: Mapping[Kind, Handler]) -> None:
        self._context = context
        self._handlers = handlers
        self._tasks: dict[asyncio.Task[None], Lease] = {}

    async def run(self) -> None:
        """Lease and work until the news are closed; the database may fail for a while."""
        renewing = asyncio.create_task(self._renew_for_ever())
        try:
            while not self._context.news.closing:
                try:
                    await self._turn()
                except (Conflict, SQLAlchemyError, OSError):
                    log.exception("the queue cannot be read")
                    await asyncio.sleep(TROUBLE_PAUSE)
        finally:
            await ended(renewing)

    async def stop(self, seconds: float) -> None:
        """Let what is under way finish for a while, then leave it to its lease's end."""
        if not self._tasks:
            return
        _, pending = await asyncio.wait(self._tasks, timeout=seconds)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def _turn(self) -> None:
        seen = self._context.news.count
        due = await self._next_due()
        if due is not None and due <= self._context.now() and len(self._tasks) < PARALLEL:
            for lease in await self._lease():
                task = asyncio.create_task(self._process(lease))
                self._tasks[task] = lease
                task.add_done_callback(self._tasks.pop)
            seen = self._context.news.count  # that we leased is no news
            due = await self._next_due()
        await self._context.news.wait(seen, self._pause(due))
        await asyncio.sleep(BREATH)

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / RENEWALS)
            try:
                await self._renew()
            except (Conflict, SQLAlchemyError, OSError):
                log.exception("leases cannot be renewed")

    async def _renew(self) -> None:
        """Hold on to what is under way; a task that lost its lease ends where it stands."""
        held = dict(self._tasks)
        if not held:
            return
        async with self._context.database.write() as tx:
            lost = set(await tx.work.renew_all(list(held.values()), tx.now + LEASE))
        for task, lease in held.items():
            if lease in lost and not task.done():
                self._context.figures.leases_lost.labels(lease.kind).inc()
                task.cancel()

    def _pause(self, due: datetime | None) -> float:
        if due is None or len(self._tasks) >= PARALLEL:
            return LONGEST_PAUSE
        return min(max((due - self._context.now()).total_seconds(), 0), LONGEST_PAUSE)

    async def _next_due(self) -> datetime | None:
        async with self._context.database.read() as tx:
            return await tx.work.next_due()

    async def _lease(self) -> list[Lease]:
        async with self._context.database.write() as tx:
            return await tx.work.lease(tx.now, min(BATCH, PARALLEL - len(self._tasks)), LEASE)

    async def _process(self, lease: Lease) -> None:
        try:
            due = await self._handlers[lease.kind].work(lease)
        except LeaseLost:
            return
        except Conflict as conflict:
            log.info("kind=%s id=%s again: %s", lease.kind, lease.id, conflict)
            due = Due(0)
        except BackendError as error:
            log.warning("kind=%s id=%s error=%s message=%s", lease.kind, lease.id, error.kind, error.message)
            due = _again(lease, error.kind, error.retry_after)
        except Exception:
            log.exception("kind=%s id=%s failed", lease.kind, lease.id)
            due = _again(lease, None)
        now = self._context.now()
        again = None if due.seconds is None else now + timedelta(seconds=due.seconds)
        try:
            async with self._context.database.write() as tx:
                await tx.work.release(lease, now, again, lease.attempts + 1 if due.failed else 0)
        except LeaseLost:
            self._context.figures.leases_lost.labels(lease.kind).inc()


def _again(lease: Lease, kind: FailureKind | None, told: float | None = None) -> Due:
    return Due(delay(kind, lease.attempts, lease.id, told), failed=True)


async def ended(task: "asyncio.Task[None]") -> None:
    """End a task that runs for ever, and wait until it has."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
