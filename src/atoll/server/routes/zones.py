"""Zones and offers."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from atoll.backends.base import ZoneFaults
from atoll.engine.engine import Engine
from atoll.engine.refusal import Refused
from atoll.model.offer import Offer
from atoll.model.zone import Capacity, Zone
from atoll.server.answer import answer
from atoll.server.views import gpu_text
from atoll.wire.api import OfferView, ZoneView
from atoll.zones.selection import ZoneSelector

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


@router.get("/offers", response_model=list[OfferView])
async def offers(  # noqa: PLR0913 - one for each query parameter
    project: str,
    request: Request,
    *,
    backend: Annotated[list[str] | None, Query()] = None,
    region: Annotated[list[str] | None, Query()] = None,
    zone: Annotated[list[str] | None, Query()] = None,
    instance_type: Annotated[list[str] | None, Query()] = None,
    max_price: float | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> Response:
    """Offers, cheapest first."""
    world = await request.app.state.engine.world()
    selector = ZoneSelector.compile(zone)
    found = [
        offer
        for offer in world.catalog
        if (not backend or offer.zone.backend in backend)
        and (not region or offer.zone.region in region)
        and (not instance_type or offer.instance_type.name in instance_type)
        and (max_price is None or offer.price <= max_price)
        and selector.matches(offer.zone)
    ]
    found.sort(key=lambda offer: (offer.price, offer.instance_type.cpus, offer.instance_type.memory_gb, offer.zone))
    return answer([_offer_view(offer) for offer in found[:limit]])


def _offer_view(offer: Offer) -> OfferView:
    type_ = offer.instance_type
    message = "" if offer.availability == "available" else f"{offer.availability} in {offer.zone}"
    return OfferView(
        offer.zone,
        type_.name,
        type_.cpus,
        type_.memory_gb,
        gpu_text(type_),
        offer.market,
        offer.price,
        offer.availability,
        message,
    )


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
    offered = Counter(offer.zone for offer in world.catalog)
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
            offered[info.zone],
            isinstance(engine.backends[info.zone.backend], ZoneFaults),
        )
        for info in world.zones
    ]
