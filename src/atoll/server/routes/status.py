"""Whether the server is up, and how it is."""

import os

from fastapi import APIRouter, Request, Response

from atoll import __version__
from atoll.server.answer import answer
from atoll.wire.api import BackendStatus, Healthz, ServerStatus

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
        offers = sum(offer.zone.backend == name for offer in world.catalog)
        backends.append(BackendStatus(name, zones, offers, world.as_of.get(name), world.errors.get(name, "")))
    database = state.engine.database.url
    return answer(ServerStatus(__version__, os.getpid(), state.address, database, state.started_at, tuple(backends)))
