"""Runs with their jobs, and logs, as fronts show them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.parts.versions import version_of
from atoll.engine.queries.declared import Declared, shown
from atoll.engine.queries.page import Page
from atoll.engine.queries.zones import not_configured
from atoll.model.error_codes import ErrorCode
from atoll.model.records import Instance, Job, Run
from atoll.model.states import JOB, JobState, RunState
from atoll.store.transaction import Transaction
from atoll.wire.api import ON_HOLD, JobView, PortView, RunView

ATTEMPTS = 100
"""The maximum number of earlier attempts in the view of one run."""
_STARTING = (RunState.SUBMITTED, RunState.PROVISIONING)


class RunQueries:
    """Reads runs and their jobs."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def page(
        self, project: str, after: str | None, limit: int, *, finished: bool, newest: bool = False
    ) -> Page[RunView]:
        """The unfinished runs, or all; the oldest first, or with `newest` the newest."""
        async with self._context.database.read() as tx:
            found = await tx.listing.runs(project, after, limit + 1, finished=finished, newest=newest)
            return Page(await self._views(tx, found[:limit]), len(found) > limit)

    async def declared_page(
        self, project: str, after: str | None, limit: int, *, finished: bool
    ) -> Page[Declared[RunView]]:
        """Runs as `page` returns them, the newest first, with what their files say."""
        async with self._context.database.read() as tx:
            found = await tx.listing.runs(project, after, limit + 1, finished=finished, newest=True)
            views = await self._views(tx, found[:limit])
            items = [Declared(view, shown(run.config)) for view, run in zip(views, found, strict=False)]
            return Page(items, len(found) > limit)

    async def get(self, project: str, name: str) -> RunView:
        """One run with its version and earlier attempts. Raises Refused: not-found."""
        return (await self.declared(project, name)).view

    async def declared(self, project: str, name: str) -> Declared[RunView]:
        """One run as `get` returns it, with what its file says. Raises Refused: not-found."""
        async with self._context.database.read() as tx:
            found = await _named(tx, project, name)
            newest = {job.id for job in await tx.runs.jobs(found)}
            earlier = [job for job in await tx.runs.attempts(found) if job.id not in newest][-ATTEMPTS:]
            view = replace((await self._views(tx, [found], earlier))[0], version=version_of(found))
            return Declared(view, shown(found.config))

    async def view(self, run: Run) -> RunView:
        """A run that a request has just changed."""
        async with self._context.database.read() as tx:
            return (await self._views(tx, [run]))[0]

    async def logged(self, project: str, name: str, rank: int, attempt: int | None) -> Job:
        """The job of a rank whose log can be read: an attempt counted from 1; None: the newest.

        Raises Refused: not-found, log-deleted.
        """
        async with self._context.database.read() as tx:
            run = await _named(tx, project, name)
            attempts = [job for job in await tx.runs.attempts(run) if job.rank == rank]
        if not attempts:
            raise Refused(ErrorCode.NOT_FOUND, f"run `{name}` has no job {rank}", status=404)
        wanted = attempts[-1].submission if attempt is None else attempt - 1
        found = next((job for job in attempts if job.submission == wanted), None)
        if found is None:
            message = f"job {rank} of run `{name}` has no attempt {attempt}"
            kept = f"{attempts[0].submission + 1} to {attempts[-1].submission + 1}"
            help = f"its attempts are {kept}; `atoll run get {name}` lists them"
            raise Refused(ErrorCode.NOT_FOUND, message, help=help, status=404)
        if found.log_deleted:
            message = f"the log of job {rank} of run `{name}` is deleted: `retention` says how long logs are kept"
            raise Refused(ErrorCode.LOG_DELETED, message, status=410)
        return found

    async def _views(self, tx: Transaction, found: Sequence[Run], earlier: Sequence[Job] = ()) -> list[RunView]:
        """The views of runs; `earlier` are earlier attempts of the only one."""
        jobs = await tx.runs.jobs_of([run.id for run in found])
        displayed = [*earlier, *(job for group in jobs.values() for job in group)]
        instances = await tx.listing.instances_by_id({job.instance_id for job in displayed if job.instance_id})
        backends = self._context.backends
        return [run_view(run, jobs.get(run.id, []), instances, backends, earlier) for run in found]


async def _named(tx: Transaction, project: str, name: str) -> Run:
    found = await tx.runs.named(project, name)
    if found is None:
        raise not_found("run", name)
    return found


def run_view(
    run: Run,
    jobs: Sequence[Job],
    instances: Mapping[str, Instance],
    backends: Collection[str],
    earlier: Sequence[Job] = (),
) -> RunView:
    """A run with the newest attempt of each job, and with `earlier` ones.

    The message of one whose machines' backend is not among the configured `backends` says so.
    """
    held = [instances[job.instance_id] for job in jobs if job.instance_id and job.instance_id in instances]
    views = tuple(_job_view(job, instances.get(job.instance_id or "")) for job in jobs)
    open_zones = [job.zone for job in jobs if job.zone is not None and job.state not in JOB.final]
    away = sorted({zone.backend for zone in open_zones if zone.backend not in backends})
    return RunView(
        run.id,
        run.name,
        run.type,
        _status(run, jobs),
        run.created_at,
        sum(instance.price for instance in held),
        views,
        run.exit_code,
        run.reason,
        not_configured(away[0]) if away else run.message,
        run.finished_at,
        tuple(_job_view(job, instances.get(job.instance_id or "")) for job in earlier),
        ports=tuple(PortView(each["container_port"], each.get("local_port")) for each in run.config.get("ports", ())),
    )


def _status(run: Run, jobs: Sequence[Job]) -> str:
    """A run's state; one whose jobs have all ended, and that is tried again after a pause, waits: it is submitted."""
    if run.hold and run.state in _STARTING:
        return ON_HOLD
    pausing = run.early_failures > 1 and run.state in (*_STARTING, RunState.RUNNING) and not run.stop
    failed = any(job.state is JobState.FAILED for job in jobs)
    if pausing and failed and all(job.state in JOB.final for job in jobs):
        return RunState.SUBMITTED
    return run.state


def _job_view(job: Job, instance: Instance | None) -> JobView:
    waits = job.state is JobState.PLACED and instance is not None
    return JobView(
        job.id,
        job.rank,
        job.submission,
        job.state,
        job.zone,
        instance.name if instance else None,
        instance.fleet if instance else None,
        instance.instance_type.name if instance else None,
        job.exit_code,
        job.reason,
        job.message or (instance.message if waits and instance is not None else ""),
        job.started_at,
        job.finished_at,
    )
