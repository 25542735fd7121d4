"""Events as fronts show them."""

from dataclasses import dataclass
from datetime import datetime

from atoll.engine.context import Context
from atoll.engine.queries.page import SIZE
from atoll.model.records import Event, EventKind
from atoll.store.event_selection import EventSelection
from atoll.wire.api import EventView


@dataclass(frozen=True, slots=True)
class EventFilter:
    """At most `limit` events of this kind and name after number `after`, from `since` to before `until`.

    `related` selects the events of that record and of its parts.

    With `last` instead: the newest ones, or the newest before number `before`.
    """

    after: int = 0
    limit: int = SIZE
    kind: EventKind | None = None
    name: str | None = None
    last: int | None = None
    before: int | None = None
    related: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def selection(self) -> EventSelection:
        """What the store selects by."""
        return EventSelection(self.kind, self.name, self.related, self.since, self.until)


class EventQueries:
    """Reads events."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def newest(self) -> int:
        """The number of the newest event."""
        async with self._context.database.read() as tx:
            return await tx.newest_event()

    async def find(self, project: str, wanted: EventFilter) -> list[EventView]:
        """The events that a filter selects, the oldest first."""
        async with self._context.database.read() as tx:
            if wanted.last is not None:
                found = await tx.last_events(project, wanted.last, selection=wanted.selection, before=wanted.before)
            else:
                found = await tx.events_after(project, wanted.after, limit=wanted.limit, selection=wanted.selection)
        return [event_view(event) for event in found]


def event_view(event: Event) -> EventView:
    """One change of state."""
    return EventView(
        event.seq,
        event.time,
        event.kind,
        event.name,
        event.from_state,
        event.to_state,
        event.zone,
        event.reason,
        event.message,
        event.actor,
    )
