"""The server's health, readiness, status and metrics."""

import asyncio
import os
import shutil

from fastapi import APIRouter, Depends, Request, Response

from atoll import __version__
from atoll.engine.engine import Engine
from atoll.engine.work.sweep import Resource
from atoll.model.zone import Zone
from atoll.server.answer import answer
from atoll.server.auth import require_admin
from atoll.store.database import HEAD
from atoll.store.errors import StoreError
from atoll.wire.access import Readyz
from atoll.wire.api import BackendStatus, Healthz, OpenCircuit, OrphanView, ServerStatus

router = APIRouter()
LEAST_FREE = 32 << 20
"""Bytes that must be free on the disk of the data folder."""
DATABASE_SECONDS = 2.0
"""Seconds that the database may take before the server counts as not ready."""


@router.get("/healthz", response_model=Healthz)
async def healthz() -> Response:
    """The server responds."""
    return answer(Healthz("ok", __version__))


@router.get("/readyz", response_model=Readyz, responses={503: {"model": Readyz}})
async def readyz(request: Request) -> Response:
    """Whether the server can process requests and work; 503 with the reasons if not."""
    state = request.app.state
    reasons = await _trouble(state.engine)
    if state.closing:
        reasons.append("the server is stopping")
    status = "not-ready" if reasons else "ready"
    return answer(Readyz(status, tuple(reasons)), 503 if reasons else 200)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """The metrics, in Prometheus' text format."""
    engine: Engine = request.app.state.engine
    async with engine.database.read() as tx:
        backlogs = await tx.queue.backlog(tx.now)
    engine.context.planner.measure()
    return Response(engine.context.figures.text(backlogs), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/status", response_model=ServerStatus)
async def status(request: Request) -> Response:
    """The server and its backends."""
    state = request.app.state
    world = await state.engine.world()
    async with state.engine.database.read() as tx:
        held, contents = await tx.listing.held_backends(), await tx.listing.held_zones()
    gone = state.engine.gone(contents)
    backends = []
    for name in sorted(state.engine.backends):
        zones = sum(info.zone.backend == name for info in world.zones)
        offers = sum(size for zone, size in world.catalog.sizes.items() if zone.backend == name)
        circuits = tuple(OpenCircuit(*circuit) for circuit in state.engine.context.calls.open_circuits(name))
        stranded = [zone for zone in sorted(gone) if zone.backend == name]
        notes = [world.errors.get(name, ""), *(_stranded(zone, *contents[zone]) for zone in stranded)]
        error = "; ".join(filter(None, notes))
        backends.append(BackendStatus(name, zones, offers, world.as_of.get(name), error, circuits))
    for name in sorted(held.keys() - {*state.engine.backends}):
        backends.append(BackendStatus(name, 0, 0, None, unreached(*held[name])))
    database = state.engine.database.url
    return answer(ServerStatus(__version__, os.getpid(), state.address, database, state.started_at, tuple(backends)))


@router.get("/api/orphans", response_model=list[OrphanView], dependencies=[Depends(require_admin)])
async def orphans(request: Request) -> Response:
    """This installation's resources on the backends that belong to no record."""
    return answer([_orphan_view(resource) for resource in await request.app.state.engine.orphans()])


@router.delete("/api/orphans", response_model=list[OrphanView], dependencies=[Depends(require_admin)])
async def end_orphans(body: list[OrphanView], request: Request) -> Response:
    """Delete those of the body that still belong to no record."""
    shown = {(one.kind, one.zone.backend, one.backend_id) for one in body}
    return answer([_orphan_view(resource) for resource in await request.app.state.engine.end_orphans(shown)])


def unreached(instances: int, volumes: int) -> str:
    """The contents of a backend that is not configured."""
    return f"not configured, and holds instances: {instances}, volumes: {volumes}"


def _stranded(zone: Zone, instances: int, volumes: int) -> str:
    return f"zone {zone} is no longer offered, and holds instances: {instances}, volumes: {volumes}"


def _orphan_view(resource: Resource) -> OrphanView:
    return OrphanView(resource.kind, resource.zone, resource.id, resource.token)


async def _trouble(engine: Engine) -> list[str]:
    reasons = []
    try:
        async with asyncio.timeout(DATABASE_SECONDS), engine.database.read() as tx:
            schema = await tx.queue.schema()
        if schema != HEAD:
            reasons.append(f"the database has schema {schema}, and this server needs {HEAD}")
    except TimeoutError:
        reasons.append(f"the database has not answered within {DATABASE_SECONDS:g} s")
    except StoreError:
        reasons.append("the database cannot be reached")
    free = LEAST_FREE if engine.home is None else shutil.disk_usage(engine.home).free
    if free < LEAST_FREE:
        reasons.append(f"the disk of the data folder is full: {free >> 20} MiB are left, {LEAST_FREE >> 20} are needed")
    if not engine.working:
        reasons.append("the worker does not run")
    reasons += engine.context.planner.trouble()
    return reasons
