"""Events: lists, and long polls for new ones."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from atoll.engine.queries.events import EventFilter
from atoll.model.records import EventKind
from atoll.server.answer import answer
from atoll.server.bounds import PAGE, Limit, Named, Number, Project, Wait
from atoll.server.state import engine_of
from atoll.wire.api import EventView

router = APIRouter(prefix="/api/projects/{project}/events")


class EventsWanted(BaseModel):
    """The filter's values, and how many seconds to wait where no event follows yet.

    `related` is a name: its own events and those of its instances or jobs; `until` itself is not included.
    """

    after: Number = 0
    wait: Wait = 0
    limit: Limit = PAGE
    kind: EventKind | None = None
    name: Named = None
    related: Named = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    last: Limit | None = None


@router.get("", response_model=list[EventView])
async def events(project: Project, request: Request, wanted: Annotated[EventsWanted, Query()]) -> Response:
    """The events after number `after`, or the newest `last`."""
    engine = engine_of(request)
    filter = EventFilter(
        wanted.after, wanted.limit, wanted.kind, wanted.name, wanted.last,
        related=wanted.related, since=wanted.since, until=wanted.until,
    )  # fmt: skip
    until = engine.context.now().timestamp() + wanted.wait
    while True:
        seen = engine.news.count
        found = await engine.events.find(project, filter)
        left = until - engine.context.now().timestamp()
        if found or left <= 0 or request.app.state.closing:
            return answer(found)
        await engine.news.wait(seen, left)
