"""Zones."""

from fastapi import APIRouter, Depends, Request, Response

from atoll.model.zone import Zone
from atoll.server.answer import answer
from atoll.server.auth import require_admin
from atoll.server.bounds import Place, Project
from atoll.server.state import engine_of
from atoll.wire.api import ZoneView

router = APIRouter(prefix="/api/projects/{project}")


@router.get("/zones", response_model=list[ZoneView])
async def zones(project: Project, request: Request) -> Response:
    """The zones of all configured backends."""
    return answer(await engine_of(request).zones.all(project))


@router.get("/zones/{backend}/{region}/{name}", response_model=ZoneView)
async def zone(project: Project, backend: Place, region: Place, name: Place, request: Request) -> Response:
    """One zone."""
    return answer(await engine_of(request).zones.get(project, Zone(backend, region, name)))


@router.get("/zones/{backend}/{region}", response_model=ZoneView)
async def zone_of_region(project: Project, backend: Place, region: Place, request: Request) -> Response:
    """The one zone of a region without zones."""
    return answer(await engine_of(request).zones.get(project, Zone(backend, region, "")))


@router.post("/zones/{backend}/{region}/{name}/fail", response_model=ZoneView, dependencies=[Depends(require_admin)])
async def fail(project: Project, backend: Place, region: Place, name: Place, request: Request) -> Response:
    """Simulate an outage of a zone."""
    engine = engine_of(request)
    found = (await engine.zones.get(project, Zone(backend, region, name))).zone
    await engine.fail_zone(found, project)
    return answer(await engine.zones.get(project, found))


@router.post("/zones/{backend}/{region}/{name}/restore", response_model=ZoneView, dependencies=[Depends(require_admin)])
async def restore(project: Project, backend: Place, region: Place, name: Place, request: Request) -> Response:
    """End the simulated outage of a zone."""
    engine = engine_of(request)
    found = (await engine.zones.get(project, Zone(backend, region, name))).zone
    await engine.restore_zone(found, project)
    return answer(await engine.zones.get(project, found))
