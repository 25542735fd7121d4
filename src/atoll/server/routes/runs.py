"""Runs and their logs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from atoll.engine.requests.refusal import Refused, not_found
from atoll.engine.requests.shown import Shown, version_of
from atoll.model.records import Job, Run
from atoll.model.states import JOB
from atoll.server.answer import answer, page
from atoll.server.bounds import PAGE, After, Attempt, Limit, Name, Number, Offset, Project, Wait
from atoll.server.views import run_view
from atoll.store.transaction import Transaction
from atoll.wire.api import RunView, StopRequest

router = APIRouter(prefix="/api/projects/{project}/runs")
LOG_BYTES = 1 << 20
ATTEMPTS = 100
"""The maximum number of earlier attempts in the response for one run."""


class LogWanted(BaseModel):
    """Which part of which log: of the job of rank `job`, from byte `offset`. `attempt` counts from 1; None: newest.

    `wait` in seconds bounds how long the response waits for more.
    """

    job: Number = 0
    attempt: Attempt = None
    offset: Offset = 0
    wait: Wait = 0


@router.get("", response_model=list[RunView])
async def runs(
    project: Project, request: Request, all: bool = False, after: After = None, limit: Limit = PAGE
) -> Response:
    """The unfinished runs, or all; the oldest first."""
    async with request.app.state.engine.database.read() as tx:
        found = await tx.listing.runs(project, after, limit + 1, finished=all)
        return page(await _views(tx, found[:limit]), len(found) > limit)


@router.get("/{name}", response_model=RunView)
async def run(project: Project, name: Name, request: Request) -> Response:
    """One run."""
    async with request.app.state.engine.database.read() as tx:
        found = await _named(tx, project, name)
        newest = {job.id for job in await tx.runs.jobs(found)}
        earlier = [job for job in await tx.runs.attempts(found) if job.id not in newest][-ATTEMPTS:]
        return answer(replace((await _views(tx, [found], earlier))[0], version=version_of(found)))


@router.post("/{name}/stop", response_model=RunView)
async def stop(project: Project, name: Name, body: StopRequest, request: Request) -> Response:
    """Stop a run."""
    await request.app.state.engine.stop_run(project, name, body.abort, Shown(body.version))
    return await run(project, name, request)


@router.post("/{name}/retry", response_model=RunView)
async def retry(project: Project, name: Name, request: Request) -> Response:
    """Retry a run that waits or is on hold now."""
    await request.app.state.engine.retry_run(project, name)
    return await run(project, name, request)


@router.delete("/{name}", response_model=RunView)
async def delete(project: Project, name: Name, request: Request, version: After = None) -> Response:
    """Remove a finished run from the lists."""
    removed = await request.app.state.engine.delete_run(project, name, Shown(version or ""))
    async with request.app.state.engine.database.read() as tx:
        return answer((await _views(tx, [removed]))[0])


@router.get(
    "/{name}/logs",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "A piece of the log file"}},
)
async def logs(
    project: Project,
    name: Name,
    request: Request,
    wanted: Annotated[LogWanted, Query()],
) -> Response:
    """The log from `offset`; waits when nothing follows yet."""
    engine = request.app.state.engine
    loop_end: float | None = None
    while True:
        seen = engine.news.count
        async with engine.database.read() as tx:
            found = await _job(tx, await _named(tx, project, name), wanted.job, wanted.attempt)
        if found.log_deleted:
            message = f"the log of job {found.rank} of run `{name}` is deleted: `retention` says how long logs are kept"
            raise Refused("log-deleted", message, status=410)
        over = found.state in JOB.final
        data = await engine.logs.read(found, wanted.offset, LOG_BYTES)
        now = engine.context.now().timestamp()
        loop_end = now + wanted.wait if loop_end is None else loop_end
        if data or over or now >= loop_end or request.app.state.closing:
            headers = {"Atoll-Log-Submission": str(found.submission)}
            if over and len(data) < LOG_BYTES:
                headers["Atoll-Log-End"] = "true"
            return Response(data, media_type="application/octet-stream", headers=headers)
        await engine.news.wait(seen, loop_end - now)


async def _job(tx: Transaction, run: Run, rank: int, attempt: int | None) -> Job:
    attempts = [job for job in await tx.runs.attempts(run) if job.rank == rank]
    if not attempts:
        raise Refused("not-found", f"run `{run.name}` has no job {rank}", status=404)
    if attempt is None:
        return attempts[-1]
    found = next((job for job in attempts if job.submission == attempt - 1), None)
    if found is None:
        message = f"job {rank} of run `{run.name}` has no attempt {attempt}"
        help = f"its attempts are 1 to {attempts[-1].submission + 1}; `atoll run get {run.name}` lists them"
        raise Refused("not-found", message, help=help, status=404)
    return found


async def _named(tx: Transaction, project: str, name: str) -> Run:
    found = await tx.runs.named(project, name)
    if found is None:
        raise not_found("run", name)
    return found


async def _views(tx: Transaction, found: Sequence[Run], earlier: Sequence[Job] = ()) -> list[RunView]:
    """The views of runs; `earlier` are earlier attempts of the only one."""
    jobs = await tx.runs.jobs_of([run.id for run in found])
    shown = [*earlier, *(job for group in jobs.values() for job in group)]
    instances = await tx.listing.instances_by_id({job.instance_id for job in shown if job.instance_id})
    return [run_view(run, jobs.get(run.id, []), instances, earlier) for run in found]
