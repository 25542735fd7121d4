"""Events: lists, and long polls for new ones."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from atoll.model.records import Event, EventKind
from atoll.server.answer import answer
from atoll.server.bounds import PAGE, Limit, Named, Number, Project, Wait
from atoll.server.views import event_view
from atoll.store.transaction import Transaction
from atoll.wire.api import EventView

router = APIRouter(prefix="/api/projects/{project}/events")


class EventsWanted(BaseModel):
    """Which events: those after number `after`, at most `limit` of them and waited for up to `wait` seconds, or the
    newest `last`."""

    after: Number = 0
    wait: Wait = 0
    limit: Limit = PAGE
    kind: EventKind | None = None
    name: Named = None
    last: Limit | None = None


@router.get("", response_model=list[EventView])
async def events(project: Project, request: Request, wanted: Annotated[EventsWanted, Query()]) -> Response:
    """The events after number `after`, or the newest `last`."""
    engine = request.app.state.engine
    until = engine.context.now().timestamp() + wanted.wait
    while True:
        seen = engine.news.count
        async with engine.database.read() as tx:
            found = await _found(tx, project, wanted)
        left = until - engine.context.now().timestamp()
        if found or left <= 0 or request.app.state.closing:
            return answer([event_view(event) for event in found])
        await engine.news.wait(seen, left)


async def _found(tx: Transaction, project: str, wanted: EventsWanted) -> Sequence[Event]:
    kind, name = wanted.kind, wanted.name
    if wanted.last is not None:
        return await tx.last_events(project, wanted.last, kind=kind, name=name)
    return await tx.events_after(project, wanted.after, limit=wanted.limit, kind=kind, name=name)
