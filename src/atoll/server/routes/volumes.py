"""Volumes."""

from fastapi import APIRouter, Request, Response

from atoll.engine.refusal import not_found
from atoll.server.answer import answer
from atoll.server.views import volume_view
from atoll.store.transaction import Transaction
from atoll.wire.api import VolumeView

router = APIRouter(prefix="/api/projects/{project}/volumes")


@router.get("", response_model=list[VolumeView])
async def volumes(project: str, request: Request) -> Response:
    """All volumes."""
    async with request.app.state.engine.database.read() as tx:
        return answer(await _views(tx, project))


@router.get("/{name}", response_model=VolumeView)
async def volume(project: str, name: str, request: Request) -> Response:
    """One volume."""
    async with request.app.state.engine.database.read() as tx:
        return answer(await _view(tx, project, name))


@router.delete("/{name}", response_model=VolumeView)
async def delete(project: str, name: str, request: Request) -> Response:
    """Delete a volume and its data."""
    async with request.app.state.engine.database.read() as tx:
        view = await _view(tx, project, name)
    await request.app.state.engine.delete_volume(project, name)
    return answer(view, 202)


async def _view(tx: Transaction, project: str, name: str) -> VolumeView:
    for view in await _views(tx, project):
        if view.name == name:
            return view
    raise not_found("volume", name)


async def _views(tx: Transaction, project: str) -> list[VolumeView]:
    ties = await tx.attachments.live()
    instances = {instance.id: instance for instance in await tx.fleets.live_instances(project)}
    return [volume_view(volume, ties, instances) for volume in await tx.volumes.listing(project)]
