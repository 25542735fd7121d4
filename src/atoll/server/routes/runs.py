"""Runs and their logs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from atoll.engine.requests.shown import Shown
from atoll.model.states import JOB
from atoll.server.answer import answer, page
from atoll.server.bounds import PAGE, After, Attempt, Limit, Name, Number, Offset, Project, Wait
from atoll.server.state import engine_of
from atoll.wire.api import RunView, StopRequest

router = APIRouter(prefix="/api/projects/{project}/runs")
LOG_BYTES = 1 << 20


class RunsWanted(BaseModel):
    """Which page of runs: those after the one with the id `after`, in the order of the list."""

    all: bool = False
    newest: bool = False
    after: After = None
    limit: Limit = PAGE


class LogWanted(BaseModel):
    """Which part of which log: of the job of rank `job`, from byte `offset`. `attempt` counts from 1; None: newest.

    `wait` in seconds bounds how long the response waits for more.
    """

    job: Number = 0
    attempt: Attempt = None
    offset: Offset = 0
    wait: Wait = 0


@router.get("", response_model=list[RunView])
async def runs(project: Project, request: Request, wanted: Annotated[RunsWanted, Query()]) -> Response:
    """The unfinished runs, or all; the oldest first, or with `newest` the newest."""
    runs = engine_of(request).runs
    return page(await runs.page(project, wanted.after, wanted.limit, finished=wanted.all, newest=wanted.newest))


@router.get("/{name}", response_model=RunView)
async def run(project: Project, name: Name, request: Request) -> Response:
    """One run."""
    return answer(await engine_of(request).runs.get(project, name))


@router.post("/{name}/stop", response_model=RunView)
async def stop(project: Project, name: Name, body: StopRequest, request: Request) -> Response:
    """Stop a run."""
    await engine_of(request).stop_run(project, name, body.abort, Shown(body.version))
    return answer(await engine_of(request).runs.get(project, name))


@router.post("/{name}/retry", response_model=RunView)
async def retry(project: Project, name: Name, request: Request) -> Response:
    """Retry a run that waits or is on hold now."""
    await engine_of(request).retry_run(project, name)
    return answer(await engine_of(request).runs.get(project, name))


@router.delete("/{name}", response_model=RunView)
async def delete(project: Project, name: Name, request: Request, version: After = None) -> Response:
    """Remove a finished run from the lists."""
    removed = await engine_of(request).delete_run(project, name, Shown(version or ""))
    return answer(await engine_of(request).runs.view(removed))


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
    engine = engine_of(request)
    loop_end: float | None = None
    while True:
        seen = engine.news.count
        found = await engine.runs.logged(project, name, wanted.job, wanted.attempt)
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
