"""Which events of a project are read."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_

from atoll.model.records import EventKind
from atoll.store.tables import events


@dataclass(frozen=True, slots=True)
class EventSelection:
    """Events of this kind, of the record `name`, from `since` to before `until`; None selects all.

    `related` is a name, too: its own events and those of its parts, which are called `NAME-0`, `NAME-1` and so on.
    """

    kind: EventKind | None = None
    name: str | None = None
    related: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def where(self) -> list[ColumnElement[bool]]:
        """The conditions in SQL."""
        found: list[ColumnElement[bool]] = []
        if self.kind is not None:
            found.append(events.c.kind == self.kind)
        if self.name is not None:
            found.append(events.c.name == self.name)
        if self.related is not None:
            found.append(_concerns(self.related))
        if self.since is not None:
            found.append(events.c.time >= self.since)
        if self.until is not None:
            found.append(events.c.time < self.until)
        return found


ALL = EventSelection()


def _concerns(name: str) -> ColumnElement[bool]:
    start = len(name) + 1
    number = func.substr(events.c.name, start + 1)
    is_part = func.substr(events.c.name, 1, start) == f"{name}-"
    return or_(events.c.name == name, and_(is_part, number != "", func.ltrim(number, "0123456789") == ""))
