"""What is over and old enough to be deleted: a few rows at a time, by indexes, so that no statement holds others up.

Deletions go from the leaves to the roots: attachments, then runs with their jobs, then instances, then fleets and
volumes. A record that another record still names stays until that one is deleted.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Executable, Integer, bindparam, delete, exists, false, func, or_, select, update

from atoll.model.records import Job, Kind
from atoll.model.states import ATTACHMENT, CLOSURE, FLEET, INSTANCE, JOB, RUN, VOLUME, StateMachine
from atoll.store.connection import Connection
from atoll.store.query import among
from atoll.store.rows import records_of
from atoll.store.tables import TABLES, attachments, events, instances, jobs, runs, work

_BEFORE, _LIMIT = bindparam("before", type_=runs.c.finished_at.type), bindparam("limit", type_=Integer)
_NEWER = jobs.alias("newer")
_SUCCESSOR = runs.alias("successor")


def _events() -> Executable:
    oldest = select(events.c.seq, events.c.time).order_by(events.c.seq).limit(_LIMIT).subquery()
    newest = select(func.max(events.c.seq)).scalar_subquery()
    old = select(oldest.c.seq).where(oldest.c.time < _BEFORE, oldest.c.seq < newest)
    return delete(events).where(events.c.seq.in_(old))


def _ended_jobs(*where: ColumnElement[bool]) -> Executable:
    over = select(jobs).where(jobs.c.state.in_(JOB.final), jobs.c.finished_at < _BEFORE, *where)
    return over.order_by(jobs.c.finished_at).limit(_LIMIT)


def _old_jobs() -> Executable:
    followed = exists().where(
        _NEWER.c.run_id == jobs.c.run_id, _NEWER.c.rank == jobs.c.rank, _NEWER.c.submission > jobs.c.submission
    )
    over = exists().where(runs.c.id == jobs.c.run_id, runs.c.state.in_(RUN.final), runs.c.finished_at < _BEFORE)
    return _ended_jobs(or_(followed, over), ~_named(attachments.c.job_id == jobs.c.id))


def _runs() -> Executable:
    waiting = exists().where(_SUCCESSOR.c.replaces == runs.c.id, _SUCCESSOR.c.state.not_in(RUN.final))
    over = (runs.c.finished_at < _BEFORE, runs.c.state.in_(RUN.final), ~_named(jobs.c.run_id == runs.c.id), ~waiting)
    finished = select(runs.c.id).where(*over).order_by(runs.c.finished_at).limit(_LIMIT)
    return delete(runs).where(runs.c.id.in_(finished))


def _named(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    """That another record names this one."""
    return or_(false(), *(exists().where(condition) for condition in where))


def _ended(kind: Kind, states: StateMachine, *named: ColumnElement[bool]) -> Executable:
    # What is due in the queue is still needed for a moment: its last turn wakes others.
    table = TABLES[kind]
    due = exists().where(work.c.kind == kind, work.c.id == table.c.id)
    over = (table.c.deleted_at < _BEFORE, table.c.state.in_(states.final), ~or_(_named(*named), due))
    ended = select(table.c.id).where(*over).order_by(table.c.deleted_at).limit(_LIMIT)
    return delete(table).where(table.c.id.in_(ended))


_EVENTS = _events()
_OLD_JOBS = _old_jobs()
_RUNS = _runs()
_LOGS = _ended_jobs(jobs.c.log_deleted.is_(False))
_ATTACHMENTS = _ended(Kind.ATTACHMENT, ATTACHMENT)
_INSTANCES = _ended(
    Kind.INSTANCE, INSTANCE, jobs.c.instance_id == instances.c.id, attachments.c.instance_id == instances.c.id
)
_VOLUMES = _ended(Kind.VOLUME, VOLUME, attachments.c.volume_id == TABLES[Kind.VOLUME].c.id)
_FLEETS = _ended(Kind.FLEET, FLEET, instances.c.fleet_id == TABLES[Kind.FLEET].c.id)
_CLOSURES = _ended(Kind.CLOSURE, CLOSURE)


class RetentionRepository:
    """Deletes history in one transaction; `limit` bounds the rows of each call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def events(self, before: datetime, limit: int) -> int:
        """Delete the oldest events; returns their number. The newest event stays: its number must not be used again."""
        return await self._delete(_EVENTS, before, limit)

    async def old_jobs(self, before: datetime, limit: int) -> Sequence[Job]:
        """Jobs of runs that finished before a time, and attempts that ended before it and that a newer one follows."""
        return await self._jobs(_OLD_JOBS, before, limit)

    async def delete_jobs(self, ids: Collection[str]) -> None:
        """Delete jobs whose logs are gone already."""
        if ids:
            await self._connection.execute(delete(jobs).where(among(jobs.c.id, ids, self._connection.dialect.name)))

    async def runs(self, before: datetime, limit: int) -> int:
        """Delete runs that finished before a time, have no job and are waited for by none; returns their number."""
        return await self._delete(_RUNS, before, limit)

    async def old_logs(self, before: datetime, limit: int) -> Sequence[Job]:
        """Jobs that ended before a time and whose logs are kept, those that ended first before others."""
        return await self._jobs(_LOGS, before, limit)

    async def mark_logs(self, ids: Collection[str]) -> None:
        """Record that the logs of these jobs are deleted, before they are."""
        await self._connection.execute(
            update(jobs).where(among(jobs.c.id, ids, self._connection.dialect.name)).values(log_deleted=True)
        )

    async def attachments(self, before: datetime, limit: int) -> int:
        """Delete attachments that ended before a time; returns their number."""
        return await self._delete(_ATTACHMENTS, before, limit)

    async def instances(self, before: datetime, limit: int) -> int:
        """Delete instances that ended before a time and that no job or attachment names; returns their number."""
        return await self._delete(_INSTANCES, before, limit)

    async def volumes(self, before: datetime, limit: int) -> int:
        """Delete volumes that ended before a time and that no attachment names; returns their number."""
        return await self._delete(_VOLUMES, before, limit)

    async def fleets(self, before: datetime, limit: int) -> int:
        """Delete fleets that ended before a time and have no instance; returns their number."""
        return await self._delete(_FLEETS, before, limit)

    async def closures(self, before: datetime, limit: int) -> int:
        """Delete closures of zones that ended before a time; returns their number."""
        return await self._delete(_CLOSURES, before, limit)

    async def _jobs(self, old: Executable, before: datetime, limit: int) -> list[Job]:
        return records_of(Kind.JOB, await self._connection.rows(old, {"before": before, "limit": limit}))

    async def _delete(self, old: Executable, before: datetime, limit: int) -> int:
        return await self._connection.change(old, {"before": before, "limit": limit})
