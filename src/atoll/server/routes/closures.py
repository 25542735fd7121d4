"""Closed zones."""

from fastapi import APIRouter, Depends, Request, Response

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests import closing
from atoll.model.records import Closure
from atoll.model.zone import Zone
from atoll.server.answer import answer
from atoll.server.auth import asker, forbidden, require_manager
from atoll.server.bounds import PAGE, Ident, Place, Project
from atoll.server.state import engine_of
from atoll.wire.closures import ClosureView, NewClosure

router = APIRouter(prefix="/api/projects/{project}")
REASON_LENGTH = 500
_MANAGED = [Depends(require_manager)]


@router.post("/zones/{backend}/{region}/{name}/closures", response_model=ClosureView, dependencies=_MANAGED)
async def close(
    project: Project, backend: Place, region: Place, name: Place, body: NewClosure, request: Request
) -> Response:
    """Close a zone for new work."""
    if len(body.reason) > REASON_LENGTH or "\0" in body.reason:
        raise Refused("invalid-request", f"a reason has at most {REASON_LENGTH} characters, and no NUL", status=422)
    _authorize(request, body.server_wide)
    engine = engine_of(request)
    zone = (await engine.zones.get(project, Zone(backend, region, name))).zone
    asked = closing.Closing(body.until, body.seconds, body.server_wide, body.reason.strip())
    return answer(_view(await closing.close_zone(engine.context, project, zone, asked)), 201)


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
    )
