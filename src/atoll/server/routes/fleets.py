"""Fleets and instances."""

from fastapi import APIRouter, Request, Response

from atoll.engine.requests.shown import Shown
from atoll.server.answer import answer, page
from atoll.server.bounds import PAGE, After, Limit, Name, Nodes, Project
from atoll.server.state import engine_of
from atoll.wire.api import FleetView, InstanceView

router = APIRouter(prefix="/api/projects/{project}")


@router.get("/fleets", response_model=list[FleetView])
async def fleets(project: Project, request: Request, after: After = None, limit: Limit = PAGE) -> Response:
    """Fleets with their instances, the oldest first; a page ends early when they have too many instances."""
    return page(await engine_of(request).fleets.page(project, after, limit))


@router.get("/fleets/{name}", response_model=FleetView)
async def fleet(project: Project, name: Name, request: Request) -> Response:
    """One fleet."""
    return answer(await engine_of(request).fleets.get(project, name))


@router.delete("/fleets/{name}", response_model=FleetView, status_code=202)
async def delete(
    project: Project, name: Name, request: Request, version: After = None, nodes: Nodes = None
) -> Response:
    """Delete a fleet."""
    deleted = await engine_of(request).delete_fleet(project, name, Shown(version or "", nodes))
    return answer(await engine_of(request).fleets.view(deleted), 202)


@router.post("/fleets/{name}/retry", response_model=FleetView)
async def retry(project: Project, name: Name, request: Request) -> Response:
    """Retry a fleet that waits or is on hold now."""
    retried = await engine_of(request).retry_fleet(project, name)
    return answer(await engine_of(request).fleets.view(retried))


@router.get("/instances", response_model=list[InstanceView])
async def instances(project: Project, request: Request, after: After = None, limit: Limit = PAGE) -> Response:
    """Instances that are not terminated, by fleet and node."""
    return page(await engine_of(request).fleets.instances(project, after, limit))
