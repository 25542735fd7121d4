"""One transaction: every read and write of records goes through here, and every change of state records an event.

Events and wake-ups are collected until the end and written together. On PostgreSQL, event numbers are taken under a
lock that is held until the commit: a reader that follows the events by number never skips one that is committed later.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Executable, Table, bindparam, func, insert, select, update

from atoll.model.records import Event, EventKind, Job, Kind, Record, Run
from atoll.model.states import MACHINES
from atoll.model.zone import Zone
from atoll.store import locks
from atoll.store.access import AccessRepository
from atoll.store.actor import acting
from atoll.store.archives import ArchiveRepository
from atoll.store.attachments import AttachmentRepository
from atoll.store.closures import ClosureRepository
from atoll.store.configs import ConfigRepository
from atoll.store.connection import Connection
from atoll.store.errors import Conflict
from atoll.store.event_selection import ALL, EventSelection
from atoll.store.failures import FailureRepository
from atoll.store.fleets import FleetRepository
from atoll.store.hour import counted, zone_events
from atoll.store.listing import Listing
from atoll.store.logs import LogRepository
from atoll.store.observations import ObservationRepository
from atoll.store.query import Query
from atoll.store.queue import QueueMetrics
from atoll.store.retention import RetentionRepository
from atoll.store.rows import ZONE_COLUMNS, columns, event_of, fields_of, zone_columns
from atoll.store.runs import RunRepository
from atoll.store.secrets import SecretRepository
from atoll.store.sessions import SessionRepository
from atoll.store.settings import SettingRepository
from atoll.store.tables import TABLES, events
from atoll.store.volumes import VolumeRepository
from atoll.store.work import WorkRepository

R = TypeVar("R", bound=Record)

_BY_ID = {kind: Query(kind, table.c.id == bindparam("this")) for kind, table in TABLES.items()}
_LOCK = select(func.pg_advisory_xact_lock(locks.EVENTS).label("held"))
_NEWEST = select(func.max(events.c.seq))
_NO_PLACE = dict.fromkeys(ZONE_COLUMNS)


_INSERT = {table: insert(table) for table in (*TABLES.values(), events)}
_CHANGE = {kind: update(table).where(table.c.id == bindparam("this")) for kind, table in TABLES.items()}
"""An update of the columns that the values name."""
_STEP = {kind: change.where(TABLES[kind].c.state == bindparam("as_seen")) for kind, change in _CHANGE.items()}
"""The same, where the state is as it was seen."""


def _locked_insert() -> Executable:
    """One event, whose number is taken once the lock is held: in one exchange, as all other writers wait meanwhile."""
    locked = _LOCK.cte("locked")
    columns = [column for column in events.columns if column.name != "seq"]
    row = select(*(bindparam(column.name, type_=column.type) for column in columns)).select_from(locked)
    return insert(events).from_select([column.name for column in columns], row)


_LOCKED_INSERT = _locked_insert()


class Transaction:
    """Reads, and in a writing transaction writes. `now` is the time of everything that is recorded in it."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self.now = now
        self.work = WorkRepository(connection, now)
        self._events: list[dict[str, Any]] = []

    @cached_property
    def fleets(self) -> FleetRepository:
        """Fleets and their instances."""
        return FleetRepository(self._connection)

    @cached_property
    def volumes(self) -> VolumeRepository:
        """Volumes."""
        return VolumeRepository(self._connection)

    @cached_property
    def attachments(self) -> AttachmentRepository:
        """Attachments of volumes to instances."""
        return AttachmentRepository(self._connection)

    @cached_property
    def runs(self) -> RunRepository:
        """Runs and their jobs."""
        return RunRepository(self._connection)

    @cached_property
    def closures(self) -> ClosureRepository:
        """Closed zones."""
        return ClosureRepository(self._connection)

    @cached_property
    def failures(self) -> FailureRepository:
        """Remembered failures, with their scopes and ends."""
        return FailureRepository(self._connection)

    @cached_property
    def observations(self) -> ObservationRepository:
        """What became of launches."""
        return ObservationRepository(self._connection)

    @cached_property
    def settings(self) -> SettingRepository:
        """The server's own values."""
        return SettingRepository(self._connection)

    @cached_property
    def access(self) -> AccessRepository:
        """Projects, users, roles and tokens."""
        return AccessRepository(self._connection)

    @cached_property
    def secrets(self) -> SecretRepository:
        """Sealed secrets."""
        return SecretRepository(self._connection)

    @cached_property
    def archives(self) -> ArchiveRepository:
        """The packed files of runs."""
        return ArchiveRepository(self._connection, self.now)

    @cached_property
    def sessions(self) -> SessionRepository:
        """Browser sessions."""
        return SessionRepository(self._connection)

    @cached_property
    def listing(self) -> Listing:
        """The pages of lists."""
        return Listing(self._connection)

    @cached_property
    def queue(self) -> QueueMetrics:
        """The size of the work queue."""
        return QueueMetrics(self._connection)

    @cached_property
    def logs(self) -> LogRepository:
        """The output of jobs, where servers share a database."""
        return LogRepository(self._connection)

    @cached_property
    def retention(self) -> RetentionRepository:
        """What is over and old enough to be deleted."""
        return RetentionRepository(self._connection)

    @cached_property
    def configs(self) -> ConfigRepository:
        """Configurations of records, apart from the records."""
        return ConfigRepository(self._connection)

    async def get(self, type_: type[R], id: str) -> R | None:
        """One record by its id."""
        return await _BY_ID[type_.kind].first(self._connection, this=id)

    async def known(self, kind: Kind, ids: Collection[str]) -> frozenset[str]:
        """Which of these ids belong to records, in any state."""
        table = TABLES[kind]
        rows = await self._connection.execute(select(table.c.id).where(table.c.id.in_(ids)))
        return frozenset(rows.scalars())

    async def add(self, record: R, *, reason: str = "") -> R:
        """Store a new record, make it due, and record its creation."""
        await self.add_all([record], reason=reason)
        return record

    async def add_all(self, records: Sequence[Record], *, reason: str = "") -> None:
        """Store many new records, in few statements."""
        groups: dict[Kind, list[Record]] = {}
        for record in records:
            groups.setdefault(record.kind, []).append(record)
            self._event(record, "", reason)
        for kind, group in groups.items():
            await self._insert(TABLES[kind], [columns(fields_of(record)) for record in group])
            await self.work.wake(kind, [record.id for record in group], self.now)

    async def update(self, record: R, **changes: Any) -> R:
        """Change fields other than the state."""
        values = columns(changes)
        await self._connection.change(_CHANGE[record.kind], {"this": record.id, **values})
        return replace(record, **changes)

    async def step(self, record: R, state: str, *, reason: str = "", **changes: Any) -> R:
        """Change the state, with other fields, and record the event.

        Raises IllegalStep where the state machine does not allow it, and Conflict where the record's state is another
        by now; changes nothing then.
        """
        MACHINES[record.kind].step(record.state, state)
        if reason and hasattr(record, "reason"):
            changes["reason"] = reason
        changes["state"] = type(record.state)(state)
        changed = replace(record, **changes)
        values = columns(changes)
        if not isinstance(record, Run | Job) and state in MACHINES[record.kind].final:
            values["deleted_at"] = self.now
        as_seen = {"this": record.id, "as_seen": record.state}
        if await self._connection.change(_STEP[record.kind], as_seen | values) != 1:
            raise Conflict(f"{record.kind} {record.id} is no longer {record.state}")
        self._event(changed, record.state, reason)
        return changed

    def requested(self, record: Record, what: str, message: str = "") -> None:
        """Record a user's request for a record whose state does not show it yet; `message` is what it waits for then.

        What the record waited for before is no reason of the request.
        """
        self._event(replace(record, message=message), record.state, what)

    def announce(self, project: str, kind: EventKind, name: str, what: str, zone: Zone | None = None) -> None:
        """Record a change of something without states, such as a secret."""
        self._keep_event(
            zone,
            project=project,
            kind=kind,
            name=name,
            subject=name,
            from_state="",
            to_state=what,
            reason="",
            message="",
        )

    async def release_name(self, record: Record) -> None:
        """Free the name for reuse; the record stays as history."""
        table = TABLES[record.kind]
        await self._connection.execute(update(table).where(table.c.id == record.id).values(deleted_at=self.now))

    async def wake(self, record: Record) -> None:
        """Make a record due now."""
        await self.work.wake(record.kind, [record.id], self.now)

    async def flush(self) -> None:
        """Write the wake-ups and events; called at the transaction's end."""
        await self.work.flush()
        rows, self._events = self._events, []
        if not rows:
            return
        if self._connection.dialect.name != "postgresql":
            await self._insert(events, rows)
        elif len(rows) == 1:
            await self._connection.change(_LOCKED_INSERT, _NO_PLACE | rows[0])
        else:
            await self._connection.execute(_LOCK)
            await self._insert(events, rows)

    async def events_after(
        self, project: str, after: int, *, limit: int = 500, selection: EventSelection = ALL
    ) -> Sequence[Event]:
        """The events that followed number `after`, the oldest first."""
        await self.flush()
        where = [events.c.project == project, events.c.seq > after, *selection.where()]
        rows = await self._connection.execute(select(events).where(*where).order_by(events.c.seq).limit(limit))
        return [event_of(dict(row)) for row in rows.mappings()]

    async def last_events(
        self, project: str, count: int, *, selection: EventSelection = ALL, before: int | None = None
    ) -> Sequence[Event]:
        """The newest `count` events, or those before number `before`; the oldest of them first."""
        await self.flush()
        where = [events.c.project == project, *selection.where()]
        if before is not None:
            where.append(events.c.seq < before)
        rows = await self._connection.execute(select(events).where(*where).order_by(events.c.seq.desc()).limit(count))
        return [event_of(dict(row)) for row in rows.mappings()][::-1]

    async def hour(self, project: str, since: datetime) -> list[tuple[int, int, int, int]]:
        """For each half-minute since a time: its number from the epoch, and the changes, launches and losses in it."""
        return await counted(self._connection, project, since)

    async def zone_events(self, project: str, since: datetime) -> Sequence[Event]:
        """The events about zones since a time, the oldest first."""
        return await zone_events(self._connection, project, since)

    async def newest_event(self) -> int:
        """The number of the newest event, 0 when there is none."""
        await self.flush()
        [(newest,)] = await self._connection.rows(_NEWEST)
        return newest or 0

    def _event(self, record: Record, before: str, reason: str) -> None:
        self._keep_event(
            getattr(record, "zone", None),
            project=record.project,
            kind=record.kind,
            name=record.name,
            subject=record.id,
            from_state=before,
            to_state=record.state,
            reason=reason,
            message=record.message,
        )

    def _keep_event(self, zone: Zone | None, **facts: str) -> None:
        self._events.append({"time": self.now, "actor": acting.get()} | facts | zone_columns(zone))

    async def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        # All rows of one statement have the same columns; a place that is not known leaves some out.
        names = sorted(set().union(*rows))
        await self._connection.change_all(_INSERT[table], [{name: row.get(name) for name in names} for row in rows])
