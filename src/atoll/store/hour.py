"""Events counted by half-minute, for the strip below the zone map."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Integer, and_, case, cast, func, select

from atoll.model.reasons import EndReason
from atoll.model.records import Event, EventKind
from atoll.model.states import InstanceState
from atoll.store.connection import Connection
from atoll.store.rows import event_of
from atoll.store.tables import events

SLOT_SECONDS = 30
LOSSES = (EndReason.LOST, EndReason.UNREACHABLE, EndReason.INTERRUPTED)
"""The reasons of an instance's end that no user caused."""


async def counted(connection: Connection, project: str, since: datetime) -> list[tuple[int, int, int, int]]:
    """For each half-minute since a time that has events: its number from the epoch, and how many changes, launches and
    losses there were."""
    if connection.dialect.name == "postgresql":
        seconds = cast(func.floor(func.extract("epoch", events.c.time)), BigInteger)
    else:
        seconds = cast(func.strftime("%s", events.c.time), Integer)
    slot = cast(func.floor(seconds / SLOT_SECONDS), BigInteger).label("slot")
    instance = events.c.kind == EventKind.INSTANCE
    launches = func.sum(case((and_(instance, events.c.to_state == InstanceState.LAUNCHING), 1), else_=0))
    lost = and_(instance, events.c.to_state == InstanceState.TERMINATED, events.c.reason.in_(LOSSES))
    losses = func.sum(case((lost, 1), else_=0))
    where = (events.c.project == project, events.c.time >= since)
    rows = await connection.execute(select(slot, func.count(), launches, losses).where(*where).group_by(slot))
    return [(int(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in rows]


async def zone_events(connection: Connection, project: str, since: datetime) -> Sequence[Event]:
    """The events about zones since a time, the oldest first."""
    where = (events.c.project == project, events.c.time >= since, events.c.kind == EventKind.ZONE)
    rows = await connection.execute(select(events).where(*where).order_by(events.c.seq))
    return [event_of(dict(row)) for row in rows.mappings()]
