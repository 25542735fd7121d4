"""Runs and their jobs."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Job, Kind, Run
from atoll.model.states import JOB, RUN
from atoll.store.query import fetch, query
from atoll.store.rows import records_of
from atoll.store.tables import jobs, runs

_UNFINISHED = jobs.c.state.not_in(JOB.final)
_CLAIMS = query(Kind.JOB, jobs.c.instance_id == bindparam("instance"), _UNFINISHED)


class RunRepository:
    """Runs and jobs of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def named(self, project: str, name: str) -> Run | None:
        """The run that bears this name now, finished or not."""
        where = (runs.c.project == project, runs.c.name == name, runs.c.deleted_at.is_(None))
        return next(iter(await fetch(self._connection, Kind.RUN, *where)), None)

    async def listing(self, project: str) -> Sequence[Run]:
        """The project's runs that bear their names, the oldest first."""
        where = (runs.c.project == project, runs.c.deleted_at.is_(None))
        return await fetch(self._connection, Kind.RUN, *where, order="created_at")

    async def unfinished(self, project: str) -> Sequence[Run]:
        """The project's runs that are not over."""
        where = (runs.c.project == project, runs.c.state.not_in(RUN.final))
        return await fetch(self._connection, Kind.RUN, *where, order="created_at")

    async def jobs(self, run: Run) -> Sequence[Job]:
        """The newest attempt of each rank."""
        return (await self.jobs_of([run.id])).get(run.id, [])

    async def jobs_of(self, run_ids: Collection[str]) -> dict[str, list[Job]]:
        """The newest attempt of each rank, for each of several runs."""
        if not run_ids:
            return {}
        found: list[Job] = await fetch(self._connection, Kind.JOB, jobs.c.run_id.in_(run_ids), order="submission")
        newest = {(job.run_id, job.rank): job for job in found}
        result: dict[str, list[Job]] = {}
        for key in sorted(newest):
            result.setdefault(key[0], []).append(newest[key])
        return result

    async def claims(self, instance_id: str | None = None) -> Sequence[Job]:
        """The unfinished jobs that hold an instance: this one, or any."""
        if instance_id is None:
            return await fetch(self._connection, Kind.JOB, jobs.c.instance_id.is_not(None), _UNFINISHED)
        return records_of(Kind.JOB, await self._connection.execute(_CLAIMS, {"instance": instance_id}))

    async def replaced_by(self, run_id: str) -> Sequence[Run]:
        """The runs that wait for this one's end."""
        return await fetch(self._connection, Kind.RUN, runs.c.replaces == run_id)
