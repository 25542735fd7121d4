"""Zones."""

from math import isfinite

from fastapi import APIRouter, Depends, Request, Response

from atoll.engine.engine import Engine
from atoll.engine.requests.refusal import Refused
from atoll.engine.snapshots.closures import zones_for
from atoll.model.zone import Capacity, Zone, ZoneState
from atoll.server.answer import answer
from atoll.server.auth import require_admin
from atoll.server.bounds import Place, Project
from atoll.server.views import not_configured
from atoll.wire.api import ZoneView

router = APIRouter(prefix="/api/projects/{project}")


@router.get("/zones", response_model=list[ZoneView])
async def zones(project: Project, request: Request) -> Response:
    """The zones of all configured backends."""
    return answer(await _views(request.app.state.engine, project))


@router.get("/zones/{backend}/{region}/{name}", response_model=ZoneView)
async def zone(project: Project, backend: Place, region: Place, name: Place, request: Request) -> Response:
    """One zone."""
    return answer(await find_zone(request.app.state.engine, project, Zone(backend, region, name)))


@router.post("/zones/{backend}/{region}/{name}/fail", response_model=ZoneView, dependencies=[Depends(require_admin)])
async def fail(project: Project, backend: Place, region: Place, name: Place, request: Request) -> Response:
    """Simulate an outage of a zone."""
    engine = request.app.state.engine
    found = (await find_zone(engine, project, Zone(backend, region, name))).zone
    await engine.fail_zone(found, project)
    return answer(await find_zone(engine, project, found))


@router.post("/zones/{backend}/{region}/{name}/restore", response_model=ZoneView, dependencies=[Depends(require_admin)])
async def restore(project: Project, backend: Place, region: Place, name: Place, request: Request) -> Response:
    """End the simulated outage of a zone."""
    engine = request.app.state.engine
    found = (await find_zone(engine, project, Zone(backend, region, name))).zone
    await engine.restore_zone(found, project)
    return answer(await find_zone(engine, project, found))


async def find_zone(engine: Engine, project: str, wanted: Zone) -> ZoneView:
    """One zone as the project sees it. Raises Refused: not-found."""
    for view in await _views(engine, project):
        if view.zone == wanted:
            return view
    raise Refused("not-found", f"there is no zone `{wanted}`", help="`atoll zone list` shows them all", status=404)


def _finite(capacity: Capacity | None) -> Capacity | None:
    """The capacity with 0 for what has no declared limit; None without any limit. JSON has no infinity."""
    if capacity is None:
        return None
    amounts = (capacity.cpus, capacity.memory_gb, capacity.gpus)
    limits = [amount if isfinite(amount) else 0 for amount in amounts]
    return Capacity(*limits) if any(map(isfinite, amounts)) else None


async def _views(engine: Engine, project: str) -> list[ZoneView]:
    world = await engine.world()
    used = {usage.zone: usage.used for usage in await engine.usage()}
    async with engine.database.read() as tx:
        instances = await tx.listing.instances_by_zone(project)
        volumes = await tx.listing.volumes_by_zone(project)
        zones = await zones_for(tx, world.zones, project)
    offered = world.catalog.sizes
    known = {info.zone for info in world.zones}
    stranded = [
        ZoneView(
            zone,
            ZoneState.GONE,
            engine.context.now(),
            "no longer offered" if zone.backend in engine.backends else not_configured(zone.backend),
            used=used.get(zone, Capacity()),
            instances=instances.get(zone, 0),
            volumes=volumes.get(zone, 0),
        )
        for zone in sorted({*instances, *volumes} - known)
    ]
    return stranded + [
        ZoneView(
            info.zone,
            info.state,
            world.as_of[info.zone.backend],
            info.reason,
            info.until,
            _finite(info.capacity),
            used.get(info.zone, Capacity()),
            instances.get(info.zone, 0),
            volumes.get(info.zone, 0),
            offered.get(info.zone, 0),
            engine.backends[info.zone.backend].faults is not None,
        )
        for info in zones
    ]
