"""The shapes of the HTTP API about closed zones.

POST   /api/projects/P/zones/B/R/Z/closures        <- NewClosure -> ClosureView          (409 zone-closed)
GET    /api/projects/P/closures[?ended=1]          -> list[ClosureView]   those in force; with `ended` the newest of all
GET    /api/projects/P/closures/ID                 -> ClosureView
DELETE /api/projects/P/closures/ID                 -> ClosureView         opens the zone
"""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.states import ClosureState
from atoll.model.zone import Zone


@dataclass(frozen=True, slots=True)
class NewClosure:
    """A zone to close, until a time or for a number of seconds. With `server_wide` it binds all projects (admins)."""

    until: datetime | None = None
    seconds: float | None = None
    server_wide: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClosureView:
    """A closed zone: who closed it, why, and until when. `project` is empty where it binds all projects."""

    id: str
    zone: Zone
    state: ClosureState
    project: str
    actor: str
    reason: str
    created_at: datetime
    until: datetime
    ended_at: datetime | None = None
    message: str = ""
