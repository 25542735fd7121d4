"""The work queue: one item for each record or backend, leased to one worker at a time.

An item is due at a time; each lease has a fencing number that no earlier lease of the item had; a worker that writes
for the item proves that it holds the newest. A wake-up during a lease is recorded and makes the item due at the lease's
end: work is level-triggered, and a lost wake-up costs a delay only.

Wake-ups are kept until the transaction ends and written in one statement, in the order of their keys: transactions that
wake each other's items cannot wait for each other in a circle. On PostgreSQL a lease is proved with a lock that lets
others wake the item meanwhile, and not lease it.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Executable, FromClause, String, and_, bindparam, case, delete, func, or_, select, update

from atoll.model.records import Kind
from atoll.store.connection import Connection
from atoll.store.tables import work
from atoll.store.upsert import insert_into

CHUNK = 500
"""How many leases one statement renews: the server processes nothing else meanwhile."""

# The statements of every turn are compiled once: compiling takes longer than running them.
_NOW = bindparam("now", type_=work.c.due_at.type)
_FREE = and_(work.c.due_at <= _NOW, or_(work.c.leased_until.is_(None), work.c.leased_until <= _NOW))
_DUE = (
    select(work.c.kind, work.c.id)
    .where(_FREE)
    .order_by(work.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_LEASE = (
    update(work)
    .where(work.c.kind == _DUE.c.kind, work.c.id == _DUE.c.id)
    .values(fence=work.c.fence + 1, leased_until=bindparam("until"), woken=False)
    .returning(work.c.due_at, work.c.kind, work.c.id, work.c.fence, work.c.attempts)
)
_HELD = and_(
    work.c.kind == bindparam("its_kind"),
    work.c.id == bindparam("its_id"),
    work.c.fence == bindparam("its_fence"),
    work.c.leased_until.is_not(None),
)
_CHECK = select(work.c.fence).where(_HELD).with_for_update(read=True, key_share=True)
_KEY = ("kind", "id", "fence")


def _renew(held: FromClause) -> Executable:
    """Renews leases that are rows of kind, id and fence."""
    mine = (
        select(work.c.kind, work.c.id)
        .select_from(work.join(held, and_(*(work.c[name] == held.c[name] for name in _KEY))))
        .where(work.c.leased_until.is_not(None))
        # In the order of the keys, and with a lock that a write under one of the leases does not hold up.
        .order_by(work.c.kind, work.c.id)
        .with_for_update(key_share=True, of=work)
        .cte("mine")
    )
    renewed = update(work).where(work.c.kind == mine.c.kind, work.c.id == mine.c.id)
    return renewed.values(leased_until=bindparam("until")).returning(*(work.c[name] for name in _KEY))


def _of_arrays() -> FromClause:
    """Leases as one array for each part of their keys: a value for each of thousands takes long to bind."""
    arrays = (bindparam(f"{name}s", type_=ARRAY(work.c[name].type)) for name in _KEY)
    return func.unnest(*arrays).table_valued(*_KEY, name="held").render_derived()


def _of_json() -> FromClause:
    """The same for SQLite, which has no arrays: one text of all."""
    key = func.json_each(bindparam("keys", type_=String)).table_valued("value").c.value
    parts = (func.json_extract(key, f"$[{place}]").label(name) for place, name in enumerate(_KEY))
    return select(*parts).subquery("held")


_RENEW_ARRAYS, _RENEW_JSON = _renew(_of_arrays()), _renew(_of_json())
_FOLLOWING = bindparam("following", type_=work.c.due_at.type)
_REMOVE = delete(work).where(_HELD, work.c.woken.is_(False))
_RELEASE = (
    update(work)
    .where(_HELD)
    .values(
        leased_until=None,
        woken=False,
        attempts=bindparam("failures"),
        due_at=case((and_(work.c.woken, work.c.due_at < _FOLLOWING), work.c.due_at), else_=_FOLLOWING),
    )
    .returning(work.c.due_at)
)
_RETRYING = (
    select(work.c.id)
    .where(work.c.kind == bindparam("kind"), work.c.attempts > 0, work.c.leased_until.is_(None))
    .order_by(work.c.attempts.desc(), work.c.due_at)
    .limit(bindparam("limit"))
)
_NEXT = select(
    select(func.min(work.c.due_at)).where(work.c.leased_until.is_(None)).scalar_subquery(),
    select(func.min(work.c.leased_until)).scalar_subquery(),
)


@cache
def _wake(dialect: str) -> Executable:
    statement = insert_into(work, dialect)
    earlier = work.c.due_at > statement.excluded.due_at
    news = and_(work.c.leased_until.is_not(None), work.c.woken.is_(False))
    wake: Executable = statement.on_conflict_do_update(
        index_elements=["kind", "id"],
        set_={"due_at": case((or_(earlier, news), statement.excluded.due_at), else_=work.c.due_at), "woken": True},
        where=or_(earlier, news),
    )
    return wake


class LeaseLost(Exception):  # noqa: N818 - it is news, not an error
    """Another worker holds the item now; nothing of this worker's transaction is written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one thing until `until`; `attempts` counts failures in a row before it."""

    kind: Kind
    id: str
    fence: int
    attempts: int
    until: datetime


class WorkRepository:
    """Work items of one transaction, whose time is `now`; `soonest` is when the first of those that it made due is."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._woken: dict[tuple[str, str], datetime] = {}
        self.soonest: datetime | None = None

    async def wake(self, kind: Kind, ids: Collection[str], at: datetime) -> None:
        """Make items due at `at` or earlier, creating missing ones."""
        for id in ids:
            key = (str(kind), id)
            self._woken[key] = min(at, self._woken.get(key, at))

    async def flush(self) -> None:
        """Write the wake-ups; called at the transaction's end, and before the queue is looked at."""
        woken, self._woken = sorted(self._woken.items()), {}
        if woken:
            await self._wake([(*key, at) for key, at in woken])
            self._makes_due(min(at for _, at in woken))

    async def lease(self, now: datetime, limit: int, duration: timedelta) -> list[Lease]:
        """Lease up to `limit` due items, the longest due first."""
        await self.flush()
        until = now + duration
        leased = await self._connection.rows(_LEASE, {"now": now, "limit": limit, "until": until})
        rows = sorted(tuple(row) for row in leased)
        return [Lease(Kind(kind), id, fence, attempts, until) for _, kind, id, fence, attempts in rows]

    async def check(self, lease: Lease) -> None:
        """Prove that a lease is still held, and keep it from others until the transaction ends. Raises LeaseLost."""
        if await self._connection.row(_CHECK, _named(lease)) is None:
            raise _lost(lease)

    async def renew_all(self, leases: Sequence[Lease], until: datetime) -> list[Lease]:
        """Renew the leases that are still held; returns the lost ones."""
        kept: set[tuple[str, str, int]] = set()
        for start in range(0, len(leases), CHUNK):
            keys = [(str(lease.kind), lease.id, lease.fence) for lease in leases[start : start + CHUNK]]
            if self._connection.dialect.name == "postgresql":
                kinds, ids, fences = map(list, zip(*keys, strict=True))
                values = {"kinds": kinds, "ids": ids, "fences": fences, "until": until}
                renewed = await self._connection.rows(_RENEW_ARRAYS, values)
            else:
                renewed = await self._connection.rows(_RENEW_JSON, {"keys": json.dumps(keys), "until": until})
            kept.update((kind, id, fence) for kind, id, fence in renewed)
        return [lease for lease in leases if (lease.kind, lease.id, lease.fence) not in kept]

    async def release(self, lease: Lease, now: datetime, due: datetime | None, attempts: int) -> None:
        """Give a lease back; `due` None removes the item unless it was woken meanwhile. Raises LeaseLost."""
        await self.flush()
        if due is None and await self._connection.change(_REMOVE, _named(lease)):
            return
        values = {"following": now if due is None else due, "failures": attempts}
        released = await self._connection.row(_RELEASE, _named(lease) | values)
        if released is None:
            raise _lost(lease)
        self._makes_due(released[0])

    async def retrying(self, kind: Kind, limit: int) -> list[str]:
        """The ids of free items of a kind whose last turn failed, those that have failed most often first."""
        return [id for (id,) in await self._connection.rows(_RETRYING, {"kind": kind, "limit": limit})]

    async def take_over(self) -> None:
        """End every lease: only for the single server of a database, before it starts to work."""
        held = work.c.leased_until.is_not(None)
        await self._connection.execute(update(work).where(held).values(leased_until=None, fence=work.c.fence + 1))
        self._makes_due(self._now)

    async def next_due(self) -> datetime | None:
        """When the next item is due that is free, or whose lease ends unless it is renewed."""
        await self.flush()
        [row] = await self._connection.rows(_NEXT)
        return min((at for at in row if at is not None), default=None)

    def _makes_due(self, at: datetime) -> None:
        self.soonest = at if self.soonest is None else min(at, self.soonest)

    async def _wake(self, items: Sequence[tuple[str, str, datetime]]) -> None:
        # A new item begins with a number that no item of this name can have had before it was removed.
        first = int(self._now.timestamp() * 1_000_000)
        fresh = {"fence": first, "woken": False, "attempts": 0, "leased_until": None}
        rows = [{"kind": kind, "id": id, "due_at": at, **fresh} for kind, id, at in items]
        await self._connection.change_all(_wake(self._connection.dialect.name), rows)


def _named(lease: Lease) -> dict[str, Any]:
    return {"its_kind": lease.kind, "its_id": lease.id, "its_fence": lease.fence}


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"{lease.kind} {lease.id}: fence {lease.fence} is not the newest")
