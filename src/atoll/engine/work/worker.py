"""The worker: leases due work and hands each item to the handler of its kind.

An item that fails is retried after growing pauses; a lost lease is another worker's. Nothing here waits for a
backend: each item is a task of its own, so that one slow backend holds up only its own items. Leases are short and
renewed while their items are processed: the work of a dead server is taken over soon.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from atoll.backends.base import BackendError
from atoll.engine.context import Context
from atoll.engine.work.handler import Due, Handler
from atoll.model.failure import FailureKind
from atoll.model.records import Kind
from atoll.reconcile.backoff import delay
from atoll.store.errors import Conflict, StoreError
from atoll.store.work import Lease, LeaseLost

log = logging.getLogger("atoll.engine")

LEASE = timedelta(seconds=15)
"""How soon others take over the work of a server that died."""
RENEWALS = 3
"""How often a lease is renewed within its length: one renewal may fail."""
PARALLEL = 2048
"""Items under way at once: most of them wait for a backend."""
BATCH = 64
"""Items leased at one look: another server that looks at the same time finds some too."""
BREATH = 0.005
"""Between two looks at the queue, in seconds: one look serves all that became due meanwhile."""
LONGEST_PAUSE = 5.0
"""How often the queue is read without a wake-up: another server may have added work, or died."""
TROUBLE_PAUSE = 1.0
"""How long to wait after a database error before a retry."""


class Worker:
    """Works on the queue until it is stopped."""

    def __init__(self, context: Context, handlers: Mapping[Kind, Handler]) -> None:
        self._context = context
        self._handlers = handlers
        self._tasks: dict[asyncio.Task[None], Lease] = {}

    async def run(self) -> None:
        """Lease and process items until stopped; survives temporary database errors."""
        renewing = asyncio.create_task(self._renew_for_ever())
        try:
            while not self._context.news.closing:
                try:
                    await self._turn()
                except (StoreError, OSError):
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
        alarm = self._context.alarm
        if alarm.unsure:
            await self._look()
        if len(self._tasks) < PARALLEL and alarm.due is not None and alarm.due <= self._context.now():
            for lease in await self._lease():
                task = asyncio.create_task(self._process(lease))
                self._tasks[task] = lease
                task.add_done_callback(self._done)
        pause = self._pause(alarm.due)
        if not await alarm.wait(pause) and pause == LONGEST_PAUSE:
            alarm.unsure = True
        await asyncio.sleep(BREATH)

    def _done(self, task: "asyncio.Task[None]") -> None:
        if len(self._tasks) == PARALLEL:
            self._context.alarm.wake()
        del self._tasks[task]

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / RENEWALS)
            try:
                await self._renew()
            except (StoreError, OSError):
                log.exception("leases cannot be renewed")

    async def _renew(self) -> None:
        """Renew the leases of current items; a task that lost its lease is cancelled."""
        held = dict(self._tasks)
        if not held:
            return
        async with self._context.database.write() as tx:
            lost = set(await tx.work.renew_all(list(held.values()), tx.now + LEASE))
        for task, lease in held.items():
            if lease in lost and not task.done():
                self._context.metrics.leases_lost.labels(lease.kind).inc()
                task.cancel()

    def _pause(self, due: datetime | None) -> float:
        if due is None or len(self._tasks) >= PARALLEL:
            return LONGEST_PAUSE
        return min(max((due - self._context.now()).total_seconds(), 0), LONGEST_PAUSE)

    async def _look(self) -> None:
        with self._context.alarm.looking() as alarm:
            async with self._context.database.read() as tx:
                alarm.found(await tx.work.next_due())

    async def _lease(self) -> list[Lease]:
        with self._context.alarm.looking() as alarm:
            async with self._context.database.write() as tx:
                leases = await tx.work.lease(tx.now, min(BATCH, PARALLEL - len(self._tasks)), LEASE)
                alarm.found(await tx.work.next_due())
        return leases

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
            self._context.metrics.leases_lost.labels(lease.kind).inc()
        except (StoreError, OSError) as error:
            log.warning("kind=%s id=%s stays leased until the lease ends: %s", lease.kind, lease.id, error)


def _again(lease: Lease, kind: FailureKind | None, least: float | None = None) -> Due:
    return Due(delay(kind, lease.attempts, lease.id, least), failed=True)


async def ended(task: "asyncio.Task[None]") -> None:
    """End a task that runs for ever, and wait until it has."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
