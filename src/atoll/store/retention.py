"""What is over and old enough to be deleted: a few rows at a time, by indexes, so that no statement holds others up.

Deletions go from the leaves to the roots: attachments, then runs with their jobs, then instances, then fleets and
volumes. A record that another record still names stays until that one is deleted.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, or_, select, update

from atoll.model.records import Job, Kind
from atoll.model.states import ATTACHMENT, CLOSURE, FLEET, INSTANCE, JOB, RUN, VOLUME
from atoll.store.connection import Connection
from atoll.store.query import among
from atoll.store.rows import records_of
from atoll.store.tables import attachments, closures, events, fleets, instances, jobs, runs, volumes, work

_NEWER = jobs.alias("newer")
_SUCCESSOR = runs.alias("successor")


class RetentionRepository:
    """Deletes history in one transaction; `limit` bounds the rows of each call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def events(self, before: datetime, limit: int) -> int:
        """Delete the oldest events; returns their number. The newest event stays: its number must not be used again."""
        oldest = select(events.c.seq, events.c.time).order_by(events.c.seq).limit(limit).subquery()
        newest = select(func.max(events.c.seq)).scalar_subquery()
        old = select(oldest.c.seq).where(oldest.c.time < before, oldest.c.seq < newest)
        return await self._delete(events, events.c.seq.in_(old))

    async def old_jobs(self, before: datetime, limit: int) -> Sequence[Job]:
        """Jobs of runs that finished before a time, and attempts that ended before it and that a newer one follows."""
        followed = exists().where(
            _NEWER.c.run_id == jobs.c.run_id, _NEWER.c.rank == jobs.c.rank, _NEWER.c.submission > jobs.c.submission
        )
        over = exists().where(runs.c.id == jobs.c.run_id, runs.c.state.in_(RUN.final), runs.c.finished_at < before)
        bound = exists().where(attachments.c.job_id == jobs.c.id)
        return await self._jobs(limit, jobs.c.finished_at < before, or_(followed, over), ~bound)

    async def delete_jobs(self, ids: Collection[str]) -> None:
        """Delete jobs whose logs are gone already."""
        await self._delete(jobs, among(jobs.c.id, ids, self._connection.dialect.name))

    async def runs(self, before: datetime, limit: int) -> int:
        """Delete runs that finished before a time, have no job and are waited for by none; returns their number."""
        bound = exists().where(jobs.c.run_id == runs.c.id)
        waiting = exists().where(_SUCCESSOR.c.replaces == runs.c.id, _SUCCESSOR.c.state.not_in(RUN.final))
        over = (runs.c.finished_at < before, runs.c.state.in_(RUN.final), ~bound, ~waiting)
        finished = select(runs.c.id).where(*over).order_by(runs.c.finished_at).limit(limit)
        return await self._delete(runs, runs.c.id.in_(finished))

    async def old_logs(self, before: datetime, limit: int) -> Sequence[Job]:
        """Jobs that ended before a time and whose logs are kept, those that ended first before others."""
        return await self._jobs(limit, jobs.c.finished_at < before, jobs.c.log_deleted.is_(False))

    async def mark_logs(self, ids: Collection[str]) -> None:
        """Record that the logs of these jobs are deleted, before they are."""
        await self._connection.execute(
            update(jobs).where(among(jobs.c.id, ids, self._connection.dialect.name)).values(log_deleted=True)
        )

    async def attachments(self, before: datetime, limit: int) -> int:
        """Delete attachments that ended before a time; returns their number."""
        return await self._old(attachments, before, limit, attachments.c.state.in_(ATTACHMENT.final))

    async def instances(self, before: datetime, limit: int) -> int:
        """Delete instances that ended before a time and that no job or attachment names; returns their number."""
        bound = or_(
            exists().where(jobs.c.instance_id == instances.c.id),
            exists().where(attachments.c.instance_id == instances.c.id),
        )
        return await self._old(instances, before, limit, and_(instances.c.state.in_(INSTANCE.final), ~bound))

    async def volumes(self, before: datetime, limit: int) -> int:
        """Delete volumes that ended before a time and that no attachment names; returns their number."""
        bound = exists().where(attachments.c.volume_id == volumes.c.id)
        return await self._old(volumes, before, limit, and_(volumes.c.state.in_(VOLUME.final), ~bound))

    async def fleets(self, before: datetime, limit: int) -> int:
        """Delete fleets that ended before a time and have no instance; returns their number."""
        bound = exists().where(instances.c.fleet_id == fleets.c.id)
        return await self._old(fleets, before, limit, and_(fleets.c.state.in_(FLEET.final), ~bound))

    async def closures(self, before: datetime, limit: int) -> int:
        """Delete closures of zones that ended before a time; returns their number."""
        return await self._old(closures, before, limit, closures.c.state.in_(CLOSURE.final))

    async def _jobs(self, limit: int, *where: ColumnElement[bool]) -> list[Job]:
        ended = select(jobs).where(jobs.c.state.in_(JOB.final), *where).order_by(jobs.c.finished_at).limit(limit)
        return records_of(Kind.JOB, await self._connection.execute(ended))

    async def _old(self, table: Table, before: datetime, limit: int, over: ColumnElement[bool]) -> int:
        # What is due in the queue is still needed for a moment: its last turn wakes others.
        idle = ~exists().where(work.c.kind == table.name.removesuffix("s"), work.c.id == table.c.id)
        ended = select(table.c.id).where(table.c.deleted_at < before, over, idle).order_by(table.c.deleted_at)
        return await self._delete(table, table.c.id.in_(ended.limit(limit)))

    async def _delete(self, table: Table, which: ColumnElement[bool]) -> int:
        return (await self._connection.execute(delete(table).where(which))).rowcount
