"""Runs and their jobs."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam

from atoll.model.records import Job, Kind, Run
from atoll.model.states import JOB, RUN
from atoll.store.connection import Connection
from atoll.store.query import Query, fetch
from atoll.store.tables import jobs, runs

_OURS = runs.c.project == bindparam("project")
_NAMED = Query(Kind.RUN, _OURS, runs.c.name == bindparam("name"), runs.c.deleted_at.is_(None))
_REPLACED_BY = Query(Kind.RUN, runs.c.replaces == bindparam("run"))
_GOING = Query(Kind.RUN, _OURS, runs.c.state.not_in(RUN.final), runs.c.deleted_at.is_(None), order="created_at")
_HELD = Query(Kind.RUN, runs.c.state.not_in(RUN.final), runs.c.hold != "")
_OF_RUN = Query(Kind.JOB, jobs.c.run_id == bindparam("run"), order="submission")
_UNFINISHED = jobs.c.state.not_in(JOB.final)
_CLAIMS = Query(Kind.JOB, jobs.c.instance_id == bindparam("instance"), _UNFINISHED)
_ALL_CLAIMS = Query(Kind.JOB, jobs.c.instance_id.is_not(None), _UNFINISHED)


class RunRepository:
    """Runs and jobs of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def named(self, project: str, name: str) -> Run | None:
        """The run that holds this name now, finished or not."""
        return await _NAMED.first(self._connection, project=project, name=name)

    async def unfinished(self, project: str) -> Sequence[Run]:
        """The project's runs that have not ended, the oldest first."""
        return await _GOING.all(self._connection, project=project)

    async def held(self) -> Sequence[Run]:
        """The runs of all projects that launch nothing because a provider refused the request itself."""
        return await _HELD.all(self._connection)

    async def jobs(self, run: Run) -> Sequence[Job]:
        """The newest attempt of each rank."""
        return _newest(await _OF_RUN.all(self._connection, run=run.id))

    async def attempts(self, run: Run) -> Sequence[Job]:
        """Every attempt of every rank, the oldest first."""
        return await _OF_RUN.all(self._connection, run=run.id)

    async def jobs_of(self, run_ids: Collection[str]) -> dict[str, list[Job]]:
        """The newest attempt of each rank, for each of several runs."""
        if not run_ids:
            return {}
        found: dict[str, list[Job]] = {}
        for job in await fetch(self._connection, Kind.JOB, jobs.c.run_id.in_(run_ids), order="submission"):
            found.setdefault(job.run_id, []).append(job)
        return {run: _newest(found[run]) for run in sorted(found)}

    async def claims(self, instance_id: str | None = None) -> Sequence[Job]:
        """The unfinished jobs that hold an instance: this one, or any."""
        if instance_id is None:
            return await _ALL_CLAIMS.all(self._connection)
        return await _CLAIMS.all(self._connection, instance=instance_id)

    async def replaced_by(self, run_id: str) -> Sequence[Run]:
        """The runs that wait for this one's end."""
        return await _REPLACED_BY.all(self._connection, run=run_id)


def _newest(attempts: Sequence[Job]) -> list[Job]:
    """The newest attempt of each rank, of all in their order."""
    newest = {job.rank: job for job in attempts}
    return [newest[rank] for rank in sorted(newest)]
