"""Closed zones."""

from collections import Counter

from fastapi import APIRouter, Depends, Request, Response

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests import closing
from atoll.engine.requests.preview import FleetPreview, Preview, preview_closing
from atoll.model.error_codes import ErrorCode
from atoll.model.records import Closure
from atoll.model.zone import Zone
from atoll.planning.disruption import in_words
from atoll.planning.reasons import explain
from atoll.server.answer import answer
from atoll.server.auth import asker, forbidden, require_manager
from atoll.server.bounds import LARGEST, PAGE, Ident, Place, Project
from atoll.server.state import engine_of
from atoll.wire.closures import BusyInstance, ClosurePreview, ClosureView, FleetMoves, InstanceStay, NewClosure

router = APIRouter(prefix="/api/projects/{project}")
REASON_LENGTH = 500
_MANAGED = [Depends(require_manager)]


@router.post("/zones/{backend}/{region}/{name}/closures", response_model=ClosureView, dependencies=_MANAGED)
async def close(
    project: Project, backend: Place, region: Place, name: Place, body: NewClosure, request: Request
) -> Response:
    """Close a zone for new work, and empty it where that is asked."""
    asked, engine = _closing(body), engine_of(request)
    _authorize(request, body.server_wide)
    zone = (await engine.zones.get(project, Zone(backend, region, name))).zone
    return answer(_view(await closing.close_zone(engine.context, project, zone, asked)), 201)


@router.post("/zones/{backend}/{region}/{name}/closures/preview", response_model=ClosurePreview, dependencies=_MANAGED)
async def preview(
    project: Project, backend: Place, region: Place, name: Place, body: NewClosure, request: Request
) -> Response:
    """What closing a zone would do."""
    asked, engine = _closing(body), engine_of(request)
    _authorize(request, body.server_wide)
    zone = (await engine.zones.get(project, Zone(backend, region, name))).zone
    return answer(_preview_view(await preview_closing(engine.context, project, zone, asked)))


@router.get("/closures", response_model=list[ClosureView])
async def closures(project: Project, request: Request, ended: bool = False) -> Response:
    """The zones that are closed for the project, by closure; with `ended` also the newest former ones."""
    found = await closing.list_closures(engine_of(request).context, project, ended=ended, limit=PAGE)
    return answer([_view(closure) for closure in found])


@router.get("/closures/{id}", response_model=ClosureView)
async def closure(project: Project, id: Ident, request: Request) -> Response:
    """One closure, also one that has ended."""
    return answer(_view(await _found(request, project, id)))


@router.delete("/closures/{id}", response_model=ClosureView, dependencies=_MANAGED)
async def end(project: Project, id: Ident, request: Request) -> Response:
    """Open the zone now."""
    _authorize(request, (await _found(request, project, id)).server_wide)
    return answer(_view(await closing.open_zone(engine_of(request).context, project, id)))


async def _found(request: Request, project: str, id: str) -> Closure:
    return await closing.get_closure(engine_of(request).context, project, id)


def _authorize(request: Request, server_wide: bool) -> None:
    if server_wide and not asker(request).admin:
        raise forbidden("only admins close and open zones for all projects; managers do for their own")


def _closing(body: NewClosure) -> closing.Closing:
    if len(body.reason) > REASON_LENGTH or "\0" in body.reason:
        raise Refused(
            ErrorCode.INVALID_REQUEST, f"a reason has at most {REASON_LENGTH} characters, and no NUL", status=422
        )
    if not 0 <= body.max_unavailable <= LARGEST:
        raise Refused(ErrorCode.INVALID_REQUEST, "`max_unavailable` is a number of nodes, 0 or more", status=422)
    return closing.Closing(
        body.until,
        body.seconds,
        body.server_wide,
        body.reason.strip(),
        body.operation,
        body.max_unavailable,
        body.deadline_seconds,
        None if body.agreed is None else frozenset(body.agreed),
    )


def _preview_view(found: Preview) -> ClosurePreview:
    return ClosurePreview(
        tuple(_fleet_view(fleet) for fleet in found.fleets),
        tuple(each.name for each in found.released),
        tuple(InstanceStay(stay.occupant.name, stay.code, stay.text, stay.occupant.runs) for stay in found.moves.stays),
        found.others,
        tuple(BusyInstance(occupant.name, occupant.runs) for occupant in found.moves.busy),
        found.notes,
    )


def _fleet_view(found: FleetPreview) -> FleetMoves:
    short = found.plan.shortfall
    return FleetMoves(
        found.name,
        tuple(each.name for each in found.replaced),
        dict(Counter(str(node.zone) for node in found.plan.placements)),
        found.plan.price,
        "" if short is None else explain.shortfall_reason(found.plan.kind, short),
        found.pace.text,
        in_words(found.late) if found.late else "",
    )


def _view(closure: Closure) -> ClosureView:
    return ClosureView(
        closure.id,
        closure.zone,
        closure.state,
        "" if closure.server_wide else closure.project,
        closure.actor,
        closure.cause,
        closure.created_at,
        closure.until,
        closure.ended_at,
        closure.message,
        closure.operation,
        closure.max_unavailable,
        closure.total,
        closure.gone,
        closure.deadline,
    )
