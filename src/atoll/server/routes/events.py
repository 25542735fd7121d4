"""Events: lists, and long polls for what comes."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from atoll.model.records import Kind
from atoll.server.answer import answer
from atoll.server.routes.runs import Wait
from atoll.server.views import event_view
from atoll.wire.api import EventView

router = APIRouter(prefix="/api/projects/{project}/events")
Count = Annotated[int, Query(ge=1, le=1000)]


@router.get("", response_model=list[EventView])
async def events(  # noqa: PLR0913 - one for each query parameter
    project: str,
    request: Request,
    *,
    after: Annotated[int, Query(ge=0)] = 0,
    wait: Wait = 0,
    limit: Count = 500,
    kind: Kind | None = None,
    name: str | None = None,
    last: Count | None = None,
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
