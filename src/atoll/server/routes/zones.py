"""Zones."""

from collections import Counter

from fastapi import APIRouter, Request, Response

from atoll.backends.base import ZoneFaults
from atoll.engine.engine import Engine
from atoll.engine.refusal import Refused
from atoll.model.zone import Capacity, Zone
from atoll.server.answer import answer
from atoll.wire.api import ZoneView

router = APIRouter(prefix="/api/projects/{project}")


@router.get("/zones", response_model=list[ZoneView])
async def zones(project: str, request: Request) -> Response:
    """The zones of all configured backends."""
    return answer(await _views(request.app.state.engine, project))


@router.get("/zones/{backend}/{region}/{name}", response_model=ZoneView)
async def zone(project: str, backend: str, region: str, name: str, request: Request) -> Response:
    """One zone."""
    return answer(await _view(request.app.state.engine, project, Zone(backend, region, name)))


@router.post("/zones/{backend}/{region}/{name}/fail", response_model=ZoneView)
async def fail(project: str, backend: str, region: str, name: str, request: Request) -> Response:
    """Take a zone down on purpose."""
    engine = request.app.state.engine
    found = (await _view(engine, project, Zone(backend, region, name))).zone
    await engine.fail_zone(found)
    return answer(await _view(engine, project, found))


@router.post("/zones/{backend}/{region}/{name}/restore", response_model=ZoneView)
async def restore(project: str, backend: str, region: str, name: str, request: Request) -> Response:
    """Let a failed zone take work again."""
    engine = request.app.state.engine
    found = (await _view(engine, project, Zone(backend, region, name))).zone
    await engine.restore_zone(found)
    return answer(await _view(engine, project, found))


async def _view(engine: Engine, project: str, wanted: Zone) -> ZoneView:
    for view in await _views(engine, project):
        if view.zone == wanted:
            return view
    raise Refused("not-found", f"there is no zone `{wanted}`", help="`atoll zone list` shows them all", status=404)


async def _views(engine: Engine, project: str) -> list[ZoneView]:
    world = await engine.world()
    used = {usage.zone: usage.used for usage in await engine.usage()}
    async with engine.database.read() as tx:
        instances = Counter(instance.zone for instance in await tx.fleets.live_instances(project))
        volumes = Counter(volume.zone for volume in await tx.volumes.listing(project))
    offered = world.catalog.sizes
    return [
        ZoneView(
            info.zone,
            info.state,
            world.as_of[info.zone.backend],
            info.reason,
            info.until,
            info.capacity,
            used.get(info.zone, Capacity()),
            instances[info.zone],
            volumes[info.zone],
            offered.get(info.zone, 0),
            isinstance(engine.backends[info.zone.backend], ZoneFaults),
        )
        for info in world.zones
    ]
