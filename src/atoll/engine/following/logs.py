"""The logs of running jobs: one task for each job, and few calls at once to each machine.

A job's handler has its log followed and gives its lease back; the end of the log wakes the job. Two servers
may follow the same job for a while after its work item moved from one to the other: bytes are stored once, by offset.
"""

import asyncio
import logging
from dataclasses import dataclass
from weakref import WeakValueDictionary

from atoll.backends.agent_client import LogChunk
from atoll.backends.base import BackendError, NotFound
from atoll.engine.context import Context, machine_of
from atoll.engine.parts.provider_calls import in_time
from atoll.model.records import Instance, Job, Kind
from atoll.store.errors import StoreError

log = logging.getLogger("atoll.engine")

KEEP_SECONDS = 150.0
"""How long a log is followed after its job's handler last renewed it; more than two of its turns."""
HOLD_SECONDS = 5.0
"""How long the agent holds a call until there are new bytes; a silent agent is noticed later by that much."""
LOG_CHUNK = 1 << 20
"""Bytes of one call. The next one is made while these are stored, so that a job takes twice this of memory."""
PER_MACHINE = 8
"""Calls at once to one machine's agent."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 5.0
"""Between two calls to an agent that does not answer, at first and at most."""


@dataclass(slots=True)
class _Followed:
    job: Job
    instance: Instance
    until: float
    slots: asyncio.Semaphore
    notified: bool = False
    task: asyncio.Task[None] | None = None


class LogFollowing:
    """Follows logs until their jobs end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._followed: dict[str, _Followed] = {}
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def keep(self, job: Job, instance: Instance) -> None:
        """Follow the job's log on its instance for `KEEP_SECONDS` from now on."""
        until = asyncio.get_running_loop().time() + KEEP_SECONDS
        followed = self._followed.get(job.id)
        if followed is not None and followed.instance.id == instance.id:
            followed.job, followed.instance, followed.until = job, instance, until
            return
        if followed is not None:
            self.drop(job.id)
        slots = self._slots.setdefault(instance.id, asyncio.Semaphore(PER_MACHINE))
        followed = self._followed[job.id] = _Followed(job, instance, until, slots)
        followed.task = asyncio.create_task(self._follow(followed))

    def drop(self, job_id: str) -> None:
        """Stop following a job, if it is followed."""
        followed = self._followed.pop(job_id, None)
        if followed is not None and followed.task is not None:
            followed.task.cancel()

    async def close(self) -> None:
        """Stop following all jobs."""
        tasks = [followed.task for followed in self._followed.values() if followed.task is not None]
        for job_id in tuple(self._followed):
            self.drop(job_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, followed: _Followed) -> None:
        pause = FIRST_PAUSE
        try:
            while self._goes_on(followed):
                try:
                    if await self._fetch(followed):
                        return await self._wake(Kind.JOB, followed.job.id)
                    pause = FIRST_PAUSE
                    continue
                except NotFound:
                    return await self._wake(Kind.JOB, followed.job.id)
                except BackendError:
                    # The instance's own handler finds out what became of it, and wakes the job.
                    await self._wake(Kind.INSTANCE, followed.instance.id)
                except (StoreError, OSError):
                    log.exception("kind=job id=%s its log cannot be stored", followed.job.id)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            if self._followed.get(followed.job.id) is followed:
                del self._followed[followed.job.id]

    async def _fetch(self, followed: _Followed) -> bool:
        """Store what the log has more; returns whether nothing follows.

        Raises BackendError, StoreError, OSError.
        """
        job, logs = followed.job, self._context.logs
        offset = await logs.size(job)
        chunk = await self._read(followed, offset)
        while chunk.data:
            # A full chunk says that more is there: it comes while this one is stored.
            more = len(chunk.data) == LOG_CHUNK and not chunk.end and self._goes_on(followed)
            ahead = asyncio.create_task(self._read(followed, offset + LOG_CHUNK)) if more else None
            try:
                await logs.append(job, offset, chunk.data)
                self._context.news.notify()
                if ahead is None:
                    break
                offset, chunk = offset + LOG_CHUNK, await ahead
            finally:
                if ahead is not None and not ahead.done():
                    ahead.cancel()
                    await asyncio.gather(ahead, return_exceptions=True)
        return chunk.end

    async def _read(self, followed: _Followed, offset: int) -> LogChunk:
        instance = followed.instance
        agent = self._context.backends[instance.zone.backend].agent(machine_of(instance))
        async with followed.slots:
            chunk = await in_time(agent.logs(followed.job.id, offset, LOG_CHUNK, HOLD_SECONDS))
        if chunk.notice and not followed.notified:
            followed.notified = True
            await self._wake(Kind.INSTANCE, instance.id)
        return chunk

    def _goes_on(self, followed: _Followed) -> bool:
        return asyncio.get_running_loop().time() < followed.until and not self._context.news.closing

    async def _wake(self, kind: Kind, id: str) -> None:
        try:
            async with self._context.database.write() as tx:
                await tx.work.wake(kind, [id], tx.now)
        except StoreError:
            log.exception("kind=%s id=%s cannot be woken", kind, id)  # its own next turn finds out
