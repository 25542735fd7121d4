"""Fleets and instances."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from fastapi import APIRouter, Request, Response

from atoll.engine.engine import Engine
from atoll.engine.requests.refusal import not_found
from atoll.engine.requests.shown import Shown, version_of
from atoll.model.records import Fleet
from atoll.server.answer import answer, page
from atoll.server.bounds import PAGE, After, Limit, Name, Nodes, Project
from atoll.server.views import fleet_view, instance_view
from atoll.store.transaction import Transaction
from atoll.wire.api import FleetView, InstanceView

router = APIRouter(prefix="/api/projects/{project}")


@router.get("/fleets", response_model=list[FleetView])
async def fleets(project: Project, request: Request, after: After = None, limit: Limit = PAGE) -> Response:
    """Fleets with their instances, the oldest first; a page ends early when they have too many instances."""
    async with request.app.state.engine.database.look() as tx:
        found = await tx.listing.fleets(project, after, limit + 1)
        shown = _few(found[:limit])
        return page(await _views(request.app.state.engine, tx, shown), len(found) > len(shown))


@router.get("/fleets/{name}", response_model=FleetView)
async def fleet(project: Project, name: Name, request: Request) -> Response:
    """One fleet."""
    async with request.app.state.engine.database.read() as tx:
        return answer(await _view(request.app.state.engine, tx, project, name))


@router.delete("/fleets/{name}", response_model=FleetView, status_code=202)
async def delete(
    project: Project, name: Name, request: Request, version: After = None, nodes: Nodes = None
) -> Response:
    """Delete a fleet."""
    deleted = await request.app.state.engine.delete_fleet(project, name, Shown(version or "", nodes))
    async with request.app.state.engine.database.read() as tx:
        return answer((await _views(request.app.state.engine, tx, [deleted]))[0], 202)


@router.post("/fleets/{name}/retry", response_model=FleetView)
async def retry(project: Project, name: Name, request: Request) -> Response:
    """Retry a fleet that waits or is on hold now."""
    retried = await request.app.state.engine.retry_fleet(project, name)
    async with request.app.state.engine.database.read() as tx:
        return answer((await _views(request.app.state.engine, tx, [retried]))[0])


@router.get("/instances", response_model=list[InstanceView])
async def instances(project: Project, request: Request, after: After = None, limit: Limit = PAGE) -> Response:
    """Instances that are not terminated, by fleet and node."""
    async with request.app.state.engine.database.look() as tx:
        found = await tx.listing.instances(project, after, limit + 1)
    views = [instance_view(instance, request.app.state.engine.backends) for instance in found[:limit]]
    return page(views, len(found) > limit)


def _few(found: Sequence[Fleet]) -> Sequence[Fleet]:
    """The first fleets that together have at most a page of instances, but at least one fleet."""
    sums = accumulate(fleet.nodes for fleet in found)
    return found[: max(1, sum(nodes <= PAGE for nodes in sums))]


async def _view(engine: Engine, tx: Transaction, project: str, name: str) -> FleetView:
    found = await tx.fleets.named(project, name)
    if found is None:
        raise not_found("fleet", name)
    return replace((await _views(engine, tx, [found]))[0], version=version_of(found))


async def _views(engine: Engine, tx: Transaction, found: Sequence[Fleet]) -> list[FleetView]:
    machines = await tx.listing.instances_of([fleet.id for fleet in found])
    zones = await engine.zones(tx, found[0].project) if found else ()
    views, gone = [], engine.gone({instance.zone for group in machines.values() for instance in group})
    for fleet in found:
        instances = machines.get(fleet.id, [])
        staying = Counter(instance.zone for instance in instances if not instance.end_reason)
        views.append(fleet_view(fleet, instances, engine.shape(fleet, staying, zones), engine.backends, gone))
    return views
