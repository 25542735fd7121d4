"""Fleets and instances."""

from collections import Counter

from fastapi import APIRouter, Depends, Request, Response

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests import rebalancing
from atoll.engine.requests.shown import Shown
from atoll.model.error_codes import ErrorCode
from atoll.planning.plan import Refusal
from atoll.planning.reasons.sentences import sentence
from atoll.planning.rebalance import Rebalance, RebalanceCode
from atoll.server.answer import answer, page
from atoll.server.auth import require_manager
from atoll.server.bounds import LARGEST, PAGE, After, Limit, Name, Nodes, Project
from atoll.server.state import engine_of
from atoll.wire.api import FleetView, InstanceView
from atoll.wire.rebalance import NewRebalance, RebalanceView

router = APIRouter(prefix="/api/projects/{project}")
_MANAGED = [Depends(require_manager)]


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


@router.post("/fleets/{name}/rebalance/preview", response_model=RebalanceView, dependencies=_MANAGED)
async def preview_rebalance(project: Project, name: Name, body: NewRebalance, request: Request) -> Response:
    """What a rebalance of a fleet would do."""
    wanted = _wanted(body)
    return answer(_rebalance_view(await engine_of(request).preview_rebalance(project, name, wanted)))


@router.post("/fleets/{name}/rebalance", response_model=RebalanceView, dependencies=_MANAGED)
async def rebalance(project: Project, name: Name, body: NewRebalance, request: Request) -> Response:
    """Have nodes of a fleet replaced so that it is balanced."""
    wanted = _wanted(body)
    return answer(_rebalance_view(await engine_of(request).rebalance(project, name, wanted)))


@router.delete("/fleets/{name}/rebalance", response_model=FleetView, dependencies=_MANAGED)
async def stop_rebalance(project: Project, name: Name, request: Request) -> Response:
    """End a fleet's rebalance: what has not left stays."""
    stopped = await engine_of(request).stop_rebalance(project, name)
    return answer(await engine_of(request).fleets.view(stopped))


@router.get("/instances", response_model=list[InstanceView])
async def instances(project: Project, request: Request, after: After = None, limit: Limit = PAGE) -> Response:
    """Instances that are not terminated, by fleet and node."""
    return page(await engine_of(request).fleets.instances(project, after, limit))


def _wanted(body: NewRebalance) -> rebalancing.Wanted:
    if body.max_moves is not None and not 1 <= body.max_moves <= LARGEST:
        raise Refused(ErrorCode.INVALID_REQUEST, "`max_moves` is a number of nodes, 1 or more", status=422)
    agreed = None if body.agreed is None else frozenset(body.agreed)
    return rebalancing.Wanted(body.busy, body.max_moves, agreed)


def _rebalance_view(one: rebalancing.Rebalancing) -> RebalanceView:
    found = one.found
    price = sum(node.price for node in found.placements)
    return RebalanceView(
        one.fleet.name,
        found.code,
        tuple(each.name for each in one.leaving),
        dict(Counter(str(node.zone) for node in found.placements)),
        {str(zone): count for zone, count in sorted(found.before.items())},
        {str(zone): count for zone, count in sorted((found.after or found.before).items())},
        price,
        price - sum(each.price for each in one.leaving),
        found.needed,
        "; ".join(f"{each.zone}: {sentence(each.code, each.data)}" for each in _telling(found)),
        one.pace.text,
    )


def _telling(found: Rebalance) -> list[Refusal]:
    """The zones without a place for a successor, of which the plan says why."""
    return [] if found.code is RebalanceCode.MOVES else list(found.refusals)[:3]
