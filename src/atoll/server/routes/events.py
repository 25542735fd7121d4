"""Events: lists, and long polls for what comes."""

from fastapi import APIRouter, Request, Response

from atoll.model.records import EventKind
from atoll.server.answer import answer
from atoll.server.bounds import PAGE, Limit, Named, Number, Project, Wait
from atoll.server.views import event_view
from atoll.wire.api import EventView

router = APIRouter(prefix="/api/projects/{project}/events")


@router.get("", response_model=list[EventView])
async def events(  # noqa: PLR0913 - one for each query parameter
    project: Project,
    request: Request,
    *,
    after: Number = 0,
    wait: Wait = 0,
    limit: Limit = PAGE // 2,
    kind: EventKind | None = None,
    name: Named = None,
    last: Limit | None = None,
) -> Response:
    """The events after number `after`, or the newest `last`."""
    engine = request.app.state.engine
    until = engine.context.now().timestamp() + wait
    while True:
        seen = engine.news.count
        async with engine.database.read() as tx:
            if last is not None:
                found = await tx.last_events(project, last, kind=kind, name=name)
            else:
                found = await tx.events_after(project, after, limit=limit, kind=kind, name=name)
        left = until - engine.context.now().timestamp()
        if found or left <= 0 or request.app.state.closing:
            return answer([event_view(event) for event in found])
        await engine.news.wait(seen, left)
