"""Fleets and instances."""

from fastapi import APIRouter, Request, Response

from atoll.engine.refusal import not_found
from atoll.server.answer import answer
from atoll.server.views import fleet_view, instance_view
from atoll.store.transaction import Transaction
from atoll.wire.api import FleetView, InstanceView

router = APIRouter(prefix="/api/projects/{project}")


@router.get("/fleets", response_model=list[FleetView])
async def fleets(project: str, request: Request) -> Response:
    """All fleets with their instances."""
    async with request.app.state.engine.database.read() as tx:
        return answer(await _views(tx, project))


@router.get("/fleets/{name}", response_model=FleetView)
async def fleet(project: str, name: str, request: Request) -> Response:
    """One fleet."""
    async with request.app.state.engine.database.read() as tx:
        return answer(await _view(tx, project, name))


@router.delete("/fleets/{name}", response_model=FleetView)
async def delete(project: str, name: str, request: Request) -> Response:
    """Let a fleet go."""
    await request.app.state.engine.delete_fleet(project, name)
    async with request.app.state.engine.database.read() as tx:
        return answer(await _view(tx, project, name), 202)


@router.get("/instances", response_model=list[InstanceView])
async def instances(project: str, request: Request) -> Response:
    """All instances that are not terminated."""
    async with request.app.state.engine.database.read() as tx:
        claims, ties = await tx.runs.claims(), await tx.attachments.live()
        found = await tx.fleets.live_instances(project)
        return answer([instance_view(instance, claims, ties) for instance in found])


async def _view(tx: Transaction, project: str, name: str) -> FleetView:
    for view in await _views(tx, project):
        if view.name == name:
            return view
    raise not_found("fleet", name)


async def _views(tx: Transaction, project: str) -> list[FleetView]:
    claims, ties = await tx.runs.claims(), await tx.attachments.live()
    found = await tx.fleets.live_instances(project)
    return [
        fleet_view(fleet, [instance for instance in found if instance.fleet_id == fleet.id], claims, ties)
        for fleet in await tx.fleets.listing(project)
    ]
