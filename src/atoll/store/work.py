"""The queue of work: one item for each thing that is looked after, leased to one worker at a time.

An item is due at a time; each lease bears a fencing number that no lease of the item had before, and whoever writes for
the item proves that it still holds the newest. A wake-up during a lease is remembered and makes the item due at its
end: work is level-triggered, and a lost wake-up costs a delay only.

Wake-ups are kept until the transaction ends and written in one statement, in the order of their keys: transactions that
wake each other's items cannot wait for each other in a circle. On PostgreSQL a lease is proved with a lock that lets
others wake the item meanwhile, and not lease it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Kind
from atoll.store.tables import work

CHUNK = 2000
"""How many items one statement names: both databases bind at most 32,766 values."""


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
    """Work items of one transaction, whose time is `now`."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._woken: dict[tuple[str, str], datetime] = {}

    async def wake(self, kind: Kind, ids: Collection[str], at: datetime) -> None:
        """Make things due at `at` or earlier, whether or not they have an item yet."""
        for id in ids:
            key = (str(kind), id)
            self._woken[key] = min(at, self._woken.get(key, at))

    async def flush(self) -> None:
        """Write the wake-ups; called at the transaction's end, and before the queue is looked at."""
        woken, self._woken = sorted(self._woken.items()), {}
        if woken:
            await self._wake([(*key, at) for key, at in woken])

    async def lease(self, now: datetime, limit: int, duration: timedelta) -> list[Lease]:
        """Lease up to `limit` due items, the longest due first."""
        await self.flush()
        free = and_(work.c.due_at <= now, or_(work.c.leased_until.is_(None), work.c.leased_until <= now))
        found = select(work.c.kind, work.c.id).where(free).order_by(work.c.due_at).limit(limit)
        due = found.with_for_update(skip_locked=True).cte("due")
        until = now + duration
        leased = (
            update(work)
            .where(work.c.kind == due.c.kind, work.c.id == due.c.id)
            .values(fence=work.c.fence + 1, leased_until=until, woken=False)
            .returning(work.c.due_at, work.c.kind, work.c.id, work.c.fence, work.c.attempts)
        )
        rows = sorted(tuple(row) for row in await self._connection.execute(leased))
        return [Lease(Kind(kind), id, fence, attempts, until) for _, kind, id, fence, attempts in rows]

    async def check(self, lease: Lease) -> None:
        """Prove that a lease is still held, and keep it from others until the transaction ends. Raises LeaseLost."""
        held = select(work.c.fence).where(_held(lease)).with_for_update(read=True, key_share=True)
        if (await self._connection.execute(held)).first() is None:
            raise _lost(lease)

    async def renew_all(self, leases: Sequence[Lease], until: datetime) -> list[Lease]:
        """Hold on for longer to all that are still held; those that are lost come back."""
        kept: set[tuple[str, str, int]] = set()
        for start in range(0, len(leases), CHUNK):
            keys = [(lease.kind, lease.id, lease.fence) for lease in leases[start : start + CHUNK]]
            held = tuple_(work.c.kind, work.c.id, work.c.fence).in_(keys)
            own = select(work.c.kind, work.c.id).where(held, work.c.leased_until.is_not(None))
            # In the order of the keys, and with a lock that a write under one of the leases does not hold up.
            mine = own.order_by(work.c.kind, work.c.id).with_for_update(key_share=True).cte("mine")
            renewed = (
                update(work)
                .where(work.c.kind == mine.c.kind, work.c.id == mine.c.id)
                .values(leased_until=until)
                .returning(work.c.kind, work.c.id, work.c.fence)
            )
            kept.update((kind, id, fence) for kind, id, fence in await self._connection.execute(renewed))
        return [lease for lease in leases if (lease.kind, lease.id, lease.fence) not in kept]

    async def release(self, lease: Lease, now: datetime, due: datetime | None, attempts: int) -> None:
        """Give a lease back; `due` None removes the item unless it was woken meanwhile. Raises LeaseLost."""
        await self.flush()
        if due is None:
            removed = await self._connection.execute(delete(work).where(_held(lease), work.c.woken.is_(False)))
            if removed.rowcount:
                return
        following = now if due is None else due
        woken_earlier = and_(work.c.woken, work.c.due_at < following)
        released = (
            update(work)
            .where(_held(lease))
            .values(
                leased_until=None,
                woken=False,
                attempts=attempts,
                due_at=case((woken_earlier, work.c.due_at), else_=following),
            )
        )
        if (await self._connection.execute(released)).rowcount != 1:
            raise _lost(lease)

    async def take_over(self) -> None:
        """End every lease, whoever holds it: only for the one server of a database, before it begins to work."""
        held = work.c.leased_until.is_not(None)
        await self._connection.execute(update(work).where(held).values(leased_until=None, fence=work.c.fence + 1))

    async def next_due(self) -> datetime | None:
        """When the next item is due that is free, or whose lease ends unless it is renewed."""
        await self.flush()
        free = select(func.min(work.c.due_at)).where(work.c.leased_until.is_(None)).scalar_subquery()
        ending = select(func.min(work.c.leased_until)).scalar_subquery()
        row = (await self._connection.execute(select(free, ending))).one()
        return min((at for at in row if at is not None), default=None)

    async def _wake(self, items: Sequence[tuple[str, str, datetime]]) -> None:
        # A new item begins with a number that no item of this name can have had before it was removed.
        first = int(self._now.timestamp() * 1_000_000)
        fresh = {"fence": first, "woken": False, "attempts": 0, "leased_until": None}
        rows = [{"kind": kind, "id": id, "due_at": at, **fresh} for kind, id, at in items]
        insert: Any = postgresql_insert if self._connection.dialect.name == "postgresql" else sqlite_insert
        statement = insert(work)
        earlier = work.c.due_at > statement.excluded.due_at
        news = and_(work.c.leased_until.is_not(None), work.c.woken.is_(False))
        statement = statement.on_conflict_do_update(
            index_elements=["kind", "id"],
            set_={"due_at": case((or_(earlier, news), statement.excluded.due_at), else_=work.c.due_at), "woken": True},
            where=or_(earlier, news),
        )
        await self._connection.execute(statement, rows)


def _held(lease: Lease) -> Any:
    item = and_(work.c.kind == lease.kind, work.c.id == lease.id, work.c.fence == lease.fence)
    return and_(item, work.c.leased_until.is_not(None))


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"{lease.kind} {lease.id}: fence {lease.fence} is not the newest")
