"""Recorded changes of state."""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.zone import Zone


@dataclass(frozen=True, slots=True)
class EventView:
    """One change. `seq` grows in the order of recording; `actor` is the user that made it, empty for what
    the engine did by itself. Where both states are the same, `reason` is the user's request."""

    seq: int
    time: datetime
    kind: str
    name: str
    from_state: str
    to_state: str
    zone: Zone | None = None
    reason: str = ""
    message: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are read: of a kind, of the record `name`, or of the record `related` and its instances or jobs;
    from `since` to before `until`. None selects all."""

    kind: str | None = None
    name: str | None = None
    related: str | None = None
    since: datetime | None = None
    until: datetime | None = None
