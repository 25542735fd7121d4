"""Retention: history that is old enough is deleted, a few records in a turn.

One work item for the whole database: its lease makes one server at a time delete, and another one continue when that
server dies. Logs are deleted before the records that name them, so that no file is left without a record.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from atoll.engine.context import Context
from atoll.engine.work.handler import Due
from atoll.model.records import Job
from atoll.store.work import Lease

log = logging.getLogger("atoll.engine")

ITEM = "all"
"""The id of the work item."""
STEP = 200
"""How many records of a kind one turn deletes: a few milliseconds of the event loop."""
PAUSE_SECONDS = 0.2
"""Between two turns while more is old enough: other work goes first."""
LOOK_SECONDS = 60.0
"""The longest pause where nothing more is old enough."""
ARCHIVES_KEPT = timedelta(hours=1)
"""How long the files of runs are kept beyond the runs that use them: the same ones are often sent again soon."""
LOOKS = 20
"""How often within the shortest retention to look at least: history is kept at most a twentieth of it too long."""


@dataclass(slots=True)
class _Turn:
    """What one turn deleted, by what it is."""

    deleted: dict[str, int] = field(default_factory=dict)
    full: bool = False

    def count(self, what: str, number: int) -> None:
        if number:
            self.deleted[what] = self.deleted.get(what, 0) + number
        self.full = self.full or number >= STEP


class RetentionHandler:
    """Deletes history."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def work(self, lease: Lease) -> Due:
        """Delete what is old enough, at most `STEP` of each kind. Raises LeaseLost."""
        kept, now, turn = self._context.retention, self._context.now(), _Turn()
        if kept.events is not None:
            async with self._context.database.write(lease) as tx:
                turn.count("events", await tx.retention.events(now - kept.events, STEP))
        if kept.logs is not None:
            await self._logs(lease, now - kept.logs, turn)
        if kept.log_bytes is not None:
            await self._above(lease, kept.log_bytes, turn)
        if kept.resources is not None:
            await self._attachments(lease, now - kept.resources, turn)
        if kept.runs is not None:
            await self._runs(lease, now - kept.runs, turn)
        if kept.resources is not None:
            await self._resources(lease, now - kept.resources, turn)
        if kept.observations is not None:
            async with self._context.database.write(lease) as tx:
                turn.count("observations", await tx.observations.delete_before(now - kept.observations, STEP))
        turn.count("archives", await self._context.archives.delete_unused(lease, now - ARCHIVES_KEPT, STEP))
        if turn.deleted:
            log.info("retention: %s", ", ".join(f"{what}={number}" for what, number in turn.deleted.items()))
        return Due(PAUSE_SECONDS if turn.full else self._pause(kept.shortest))

    @staticmethod
    def _pause(shortest: timedelta | None) -> float:
        return LOOK_SECONDS if shortest is None else min(LOOK_SECONDS, shortest.total_seconds() / LOOKS)

    async def _logs(self, lease: Lease, before: datetime, turn: _Turn) -> None:
        async with self._context.database.read() as tx:
            old = await tx.retention.old_logs(before, STEP)
        await self._delete_logs(lease, old)
        turn.count("logs", len(old))

    async def _above(self, lease: Lease, most: int, turn: _Turn) -> None:
        """Delete the logs of the jobs that ended first until all logs together take at most `most` bytes."""
        surplus = await self._context.logs.total() - most
        if surplus <= 0:
            return
        async with self._context.database.read() as tx:
            candidates = await tx.retention.old_logs(self._context.now(), STEP)
        chosen: list[Job] = []
        for job in candidates:
            if surplus <= 0:
                break
            chosen.append(job)
            surplus -= await self._context.logs.size(job)
        await self._delete_logs(lease, chosen)
        turn.count("logs", len(chosen))

    async def _delete_logs(self, lease: Lease, old: Sequence[Job]) -> None:
        if not old:
            return
        async with self._context.database.write(lease) as tx:
            await tx.retention.mark_logs([job.id for job in old])
        await self._context.logs.delete(old)

    async def _attachments(self, lease: Lease, before: datetime, turn: _Turn) -> None:
        async with self._context.database.write(lease) as tx:
            turn.count("attachments", await tx.retention.attachments(before, STEP))

    async def _runs(self, lease: Lease, before: datetime, turn: _Turn) -> None:
        async with self._context.database.read() as tx:
            jobs = await tx.retention.old_jobs(before, STEP)
        if jobs:
            await self._context.logs.delete(jobs)
        async with self._context.database.write(lease) as tx:
            await tx.retention.delete_jobs([job.id for job in jobs])
            turn.count("jobs", len(jobs))
            turn.count("runs", await tx.retention.runs(before, STEP))

    async def _resources(self, lease: Lease, before: datetime, turn: _Turn) -> None:
        async with self._context.database.write(lease) as tx:
            turn.count("instances", await tx.retention.instances(before, STEP))
            turn.count("volumes", await tx.retention.volumes(before, STEP))
            turn.count("closures", await tx.retention.closures(before, STEP))
            turn.count("fleets", await tx.retention.fleets(before, STEP))
