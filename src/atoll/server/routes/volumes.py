"""Volumes."""

from fastapi import APIRouter, Request, Response

from atoll.engine.requests.shown import Shown
from atoll.server.answer import answer, page
from atoll.server.bounds import PAGE, After, Limit, Name, Project
from atoll.server.state import engine_of
from atoll.wire.api import VolumeView

router = APIRouter(prefix="/api/projects/{project}/volumes")


@router.get("", response_model=list[VolumeView])
async def volumes(project: Project, request: Request, after: After = None, limit: Limit = PAGE) -> Response:
    """Volumes, the oldest first."""
    return page(await engine_of(request).volumes.page(project, after, limit))


@router.get("/{name}", response_model=VolumeView)
async def volume(project: Project, name: Name, request: Request) -> Response:
    """One volume."""
    return answer(await engine_of(request).volumes.get(project, name))


@router.delete("/{name}", response_model=VolumeView, status_code=202)
async def delete(project: Project, name: Name, request: Request, version: After = None) -> Response:
    """Delete a volume and its data."""
    deleted = await engine_of(request).delete_volume(project, name, Shown(version or ""))
    return answer(await engine_of(request).volumes.view(deleted), 202)
