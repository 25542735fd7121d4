"""The server's health, readiness, status and metrics."""

import os

from fastapi import APIRouter, Depends, Request, Response

from atoll import __version__
from atoll.engine.engine import Engine
from atoll.engine.work.sweep import Resource
from atoll.server.answer import answer
from atoll.server.auth import require_admin
from atoll.server.disks import Disks
from atoll.server.state import engine_of
from atoll.wire.access import Readyz
from atoll.wire.api import DiskTroubleView, Healthz, OrphanView, ServerStatus

router = APIRouter()


@router.get("/healthz", response_model=Healthz)
async def healthz() -> Response:
    """The server responds."""
    return answer(Healthz("ok", __version__))


@router.get("/readyz", response_model=Readyz, responses={503: {"model": Readyz}})
async def readyz(request: Request) -> Response:
    """Whether the server can process requests and work; 503 with the reasons if not."""
    state = request.app.state
    reasons = await _trouble(state.engine, state.disks)
    if state.closing:
        reasons.append("the server is stopping")
    status = "not-ready" if reasons else "ready"
    return answer(Readyz(status, tuple(reasons)), 503 if reasons else 200)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """The metrics, in Prometheus' text format."""
    content = await engine_of(request).status.metrics()
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/status", response_model=ServerStatus)
async def status(request: Request) -> Response:
    """The server and its backends."""
    state, engine = request.app.state, engine_of(request)
    backends, disk = await engine.status.backends(), await engine.status.disk(engine.home)
    notes = await engine.notes()
    pid, url, web = os.getpid(), engine.database.url, state.web_address()
    found = [] if state.disks is None else await state.disks.trouble()
    troubles = tuple(DiskTroubleView(trouble.text, trouble.since) for trouble in found)
    return answer(
        ServerStatus(
            __version__, pid, state.address, url, state.started_at, backends, disk, web, notes, disk_troubles=troubles
        )
    )


@router.get("/api/orphans", response_model=list[OrphanView], dependencies=[Depends(require_admin)])
async def orphans(request: Request) -> Response:
    """This installation's resources on the backends that belong to no record."""
    return answer([_orphan_view(resource) for resource in await engine_of(request).orphans()])


@router.delete("/api/orphans", response_model=list[OrphanView], dependencies=[Depends(require_admin)])
async def end_orphans(body: list[OrphanView], request: Request) -> Response:
    """Delete those of the body that still belong to no record."""
    shown = {(one.kind, one.zone.backend, one.backend_id) for one in body}
    return answer([_orphan_view(resource) for resource in await engine_of(request).end_orphans(shown)])


def _orphan_view(resource: Resource) -> OrphanView:
    return OrphanView(resource.kind, resource.zone, resource.id, resource.token)


async def _trouble(engine: Engine, disks: Disks | None) -> list[str]:
    reasons = [*filter(None, [await engine.status.database_trouble()])]
    reasons += [] if disks is None else [trouble.text for trouble in await disks.trouble()]
    if not engine.working:
        reasons.append("the worker does not run")
    reasons += engine.context.planner.trouble()
    return reasons
