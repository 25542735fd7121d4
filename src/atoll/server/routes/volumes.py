"""Volumes."""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from atoll.engine.engine import Engine
from atoll.engine.requests.refusal import not_found
from atoll.engine.requests.shown import Shown, version_of
from atoll.model.records import Volume
from atoll.server.answer import answer, page
from atoll.server.bounds import PAGE, After, Limit, Name, Project
from atoll.server.views import volume_view
from atoll.store.transaction import Transaction
from atoll.wire.api import VolumeView

router = APIRouter(prefix="/api/projects/{project}/volumes")


@router.get("", response_model=list[VolumeView])
async def volumes(project: Project, request: Request, after: After = None, limit: Limit = PAGE) -> Response:
    """Volumes, the oldest first."""
    async with request.app.state.engine.database.read() as tx:
        found = await tx.listing.volumes(project, after, limit + 1)
        return page(await _views(request.app.state.engine, tx, found[:limit]), len(found) > limit)


@router.get("/{name}", response_model=VolumeView)
async def volume(project: Project, name: Name, request: Request) -> Response:
    """One volume."""
    async with request.app.state.engine.database.read() as tx:
        found = await tx.volumes.named(project, name)
        if found is None:
            raise not_found("volume", name)
        return answer(replace((await _views(request.app.state.engine, tx, [found]))[0], version=version_of(found)))


@router.delete("/{name}", response_model=VolumeView, status_code=202)
async def delete(project: Project, name: Name, request: Request, version: After = None) -> Response:
    """Delete a volume and its data."""
    deleted = await request.app.state.engine.delete_volume(project, name, Shown(version or ""))
    async with request.app.state.engine.database.read() as tx:
        return answer((await _views(request.app.state.engine, tx, [deleted]))[0], 202)


async def _views(engine: Engine, tx: Transaction, found: Sequence[Volume]) -> list[VolumeView]:
    holders = await tx.listing.holders_of([volume.id for volume in found])
    gone = engine.gone({volume.zone for volume in found if volume.zone is not None})
    return [volume_view(volume, holders.get(volume.id, []), engine.backends, gone) for volume in found]
