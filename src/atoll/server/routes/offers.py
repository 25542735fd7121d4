"""Offers with their zones and prices, one by one or in groups."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from atoll.planning.offers import GroupBy
from atoll.server.answer import answer
from atoll.server.bounds import Project
from atoll.server.state import engine_of
from atoll.server.views import offer_group_view, offer_view
from atoll.wire.api import OfferGroup, OfferQuery, OfferView

router = APIRouter(prefix="/api/projects/{project}/offers")

Text = Annotated[str | None, Query(max_length=256)]
Texts = Annotated[list[Annotated[str, Query(max_length=256)]] | None, Query(max_length=256)]
Market = Literal["spot", "on-demand", "auto"]


class OffersWanted(BaseModel):
    """The filters, as an `OfferQuery` has them."""

    cpu: Text = None
    memory: Text = None
    gpu: Text = None
    backend: Texts = None
    region: Texts = None
    zone: Texts = None
    instance_type: Texts = None
    spot: Market | None = None
    max_price: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100

    def query(self) -> OfferQuery:
        """The query that the engine knows."""
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in self if value is not None
        }
        return OfferQuery(**given)


Wanted = Annotated[OffersWanted, Query()]


@router.get("", response_model=list[OfferView])
async def offers(project: Project, wanted: Wanted, request: Request) -> Response:
    """Offers, cheapest first; unavailable ones with the reason."""
    engine = engine_of(request)
    search = await engine.offers(project, wanted.query())
    return answer([offer_view(found, engine.stale) for found in search.cheapest(wanted.limit)])


@router.get("/by/{group}", response_model=list[OfferGroup])
async def groups(project: Project, group: GroupBy, wanted: Wanted, request: Request) -> Response:
    """The same offers grouped by zone, region, instance type or GPU; the group with the cheapest first."""
    search = await engine_of(request).offers(project, wanted.query())
    return answer([offer_group_view(found) for found in search.grouped(group)[: wanted.limit]])
