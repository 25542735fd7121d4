"""Runs and their jobs."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Job, Kind, Run
from atoll.model.states import JOB, RUN
from atoll.store.query import fetch
from atoll.store.tables import jobs, runs


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
        found: list[Job] = await fetch(self._connection, Kind.JOB, jobs.c.run_id.in_(run_ids), order="submission")
        newest = {(job.run_id, job.rank): job for job in found}
        result: dict[str, list[Job]] = {}
        for key in sorted(newest):
            result.setdefault(key[0], []).append(newest[key])
        return result

    async def claims(self, instance_id: str | None = None) -> Sequence[Job]:
        """The unfinished jobs that hold an instance: this one, or any."""
        holds = jobs.c.instance_id.is_not(None) if instance_id is None else jobs.c.instance_id == instance_id
        return await fetch(self._connection, Kind.JOB, holds, jobs.c.state.not_in(JOB.final))

    async def replaced_by(self, run_id: str) -> Sequence[Run]:
        """The runs that wait for this one's end."""
        return await fetch(self._connection, Kind.RUN, runs.c.replaces == run_id)
