"""The queue of work: one item for each thing that is looked after, leased to one worker at a time.

An item is due at a time; a lease bears a fencing number that grows with each lease, and whoever writes for the item
proves that it still holds the newest. A wake-up during a lease is remembered and makes the item due at its end: work is
level-triggered, and a lost wake-up costs a delay only.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Kind
from atoll.store.tables import work


class LeaseLost(Exception):  # noqa: N818 - it is news, not an error
    """Somebody else holds the item now: what this worker wanted to write is not written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one thing until `until`; `attempts` counts failures in a row before it."""

    kind: Kind
    id: str
    fence: int
    attempts: int
    until: datetime


class WorkRepository:
    """Work items of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def wake(self, kind: Kind, ids: Collection[str], at: datetime) -> None:
        """Make things due at `at` or earlier, whether or not they have an item yet."""
        if not ids:
            return
        rows = [
            {"kind": kind, "id": id, "due_at": at, "fence": 0, "woken": False, "attempts": 0, "leased_until": None}
            for id in sorted(set(ids))
        ]
        insert: Any = postgresql_insert if self._connection.dialect.name == "postgresql" else sqlite_insert
        statement = insert(work)
        statement = statement.on_conflict_do_update(
            index_elements=["kind", "id"],
            set_={"due_at": statement.excluded.due_at, "woken": True},
            where=or_(work.c.due_at > statement.excluded.due_at, work.c.leased_until.is_not(None)),
        )
        await self._connection.execute(statement, rows)

    async def lease(self, now: datetime, limit: int, duration: timedelta) -> list[Lease]:
        """Lease up to `limit` due items, the longest due first."""
        free = and_(work.c.due_at <= now, or_(work.c.leased_until.is_(None), work.c.leased_until < now))
        due = select(work.c.kind, work.c.id).where(free).order_by(work.c.due_at).limit(limit)
        if self._connection.dialect.name == "postgresql":
            due = due.with_for_update(skip_locked=True)
        leases = []
        for kind, id in (await self._connection.execute(due)).all():
            row = await self._connection.execute(
                update(work)
                .where(work.c.kind == kind, work.c.id == id)
                .values(fence=work.c.fence + 1, leased_until=now + duration, woken=False)
                .returning(work.c.fence, work.c.attempts)
            )
            fence, attempts = row.one()
            leases.append(Lease(Kind(kind), id, fence, attempts, now + duration))
        return leases

    async def check(self, lease: Lease) -> None:
        """Prove that a lease is still held, and hold the item until the transaction ends. Raises LeaseLost."""
        held = and_(work.c.kind == lease.kind, work.c.id == lease.id, work.c.fence == lease.fence)
        held = and_(held, work.c.leased_until.is_not(None))
        result = await self._connection.execute(update(work).where(held).values(fence=lease.fence))
        if result.rowcount != 1:
            raise LeaseLost(f"{lease.kind} {lease.id}: fence {lease.fence} is not the newest")

    async def renew(self, lease: Lease, until: datetime) -> None:
        """Hold on for longer. Raises LeaseLost."""
        await self.check(lease)
        await self._connection.execute(
            update(work).where(work.c.kind == lease.kind, work.c.id == lease.id).values(leased_until=until)
        )

    async def release(self, lease: Lease, now: datetime, due: datetime | None, attempts: int) -> None:
        """Give a lease back; `due` None removes the item unless it was woken meanwhile. Raises LeaseLost."""
        await self.check(lease)
        item = and_(work.c.kind == lease.kind, work.c.id == lease.id)
        if due is None:
            removed = await self._connection.execute(delete(work).where(item, work.c.woken.is_(False)))
            if removed.rowcount:
                return
        woken = (await self._connection.execute(select(work.c.woken, work.c.due_at).where(item))).one()
        following = now if due is None else due
        if woken.woken:
            following = min(following, woken.due_at)
        await self._connection.execute(
            update(work).where(item).values(leased_until=None, due_at=following, woken=False, attempts=attempts)
        )

    async def take_over(self) -> None:
        """End every lease, whoever holds it: only for the one server of a database, before it begins to work."""
        held = work.c.leased_until.is_not(None)
        await self._connection.execute(update(work).where(held).values(leased_until=None, fence=work.c.fence + 1))

    async def next_due(self) -> datetime | None:
        """When the next free item is due."""
        statement = select(work.c.due_at).where(work.c.leased_until.is_(None)).order_by(work.c.due_at).limit(1)
        return (await self._connection.execute(statement)).scalar()
