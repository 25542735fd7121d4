"""Whether the server is up, and how it is."""

import os

from fastapi import APIRouter, Request, Response

from atoll import __version__
from atoll.engine.work.sweep import Resource
from atoll.server.answer import answer
from atoll.wire.api import BackendStatus, Healthz, OpenCircuit, OrphanView, ServerStatus

public = APIRouter()
router = APIRouter()


@public.get("/healthz", response_model=Healthz)
async def healthz() -> Response:
    """The server answers."""
    return answer(Healthz("ok", __version__))


@router.get("/api/status", response_model=ServerStatus)
async def status(request: Request) -> Response:
    """The server and its backends."""
    state = request.app.state
    world = await state.engine.world()
    backends = []
    for name in sorted(state.engine.backends):
        zones = sum(info.zone.backend == name for info in world.zones)
        offers = sum(size for zone, size in world.catalog.sizes.items() if zone.backend == name)
        circuits = tuple(OpenCircuit(*circuit) for circuit in state.engine.context.calls.open_circuits(name))
        error = world.errors.get(name, "")
        backends.append(BackendStatus(name, zones, offers, world.as_of.get(name), error, circuits))
    database = state.engine.database.url
    return answer(ServerStatus(__version__, os.getpid(), state.address, database, state.started_at, tuple(backends)))


@router.get("/api/orphans", response_model=list[OrphanView])
async def orphans(request: Request) -> Response:
    """What the backends hold of ours that no record wants."""
    return answer([_orphan_view(resource) for resource in await request.app.state.engine.orphans()])


@router.delete("/api/orphans", response_model=list[OrphanView])
async def end_orphans(request: Request) -> Response:
    """End it."""
    return answer([_orphan_view(resource) for resource in await request.app.state.engine.end_orphans()])


def _orphan_view(resource: Resource) -> OrphanView:
    return OrphanView(resource.kind, resource.zone, resource.id, resource.token)
