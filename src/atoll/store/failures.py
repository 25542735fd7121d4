"""Remembered failures of backends."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.failure import Failure, FailureKind, Scope
from atoll.model.offer import Market
from atoll.store.tables import failures


def _key(scope: Scope) -> str:
    return "/".join(
        (scope.backend, scope.region or "*", scope.zone or "*", scope.instance_type or "*", scope.market or "*")
    )


class FailureRepository:
    """Failures of one transaction: one row for each scope and kind."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def recent(self, since: datetime) -> Sequence[Failure]:
        """The failures that still hold, or ended after `since` (repeats lengthen the next)."""
        where = or_(failures.c.until.is_(None), failures.c.until > since)
        rows = await self._connection.execute(select(failures).where(where).order_by(failures.c.scope, failures.c.kind))
        return [
            Failure(
                FailureKind(row.kind),
                Scope(row.backend, row.region, row.zone, row.instance_type, Market(row.market) if row.market else None),
                row.at,
                row.until,
                row._mapping["count"],  # `row.count` is a tuple's method
                row.message,
            )
            for row in rows
        ]

    async def remember(self, failure: Failure) -> None:
        """Keep a failure in place of the former one of its scope and kind."""
        key, scope = _key(failure.scope), failure.scope
        await self._connection.execute(delete(failures).where(failures.c.scope == key, failures.c.kind == failure.kind))
        await self._connection.execute(
            insert(failures).values(
                scope=key,
                kind=failure.kind,
                backend=scope.backend,
                region=scope.region,
                zone=scope.zone,
                instance_type=scope.instance_type,
                market=scope.market,
                at=failure.at,
                until=failure.until,
                count=failure.count,
                message=failure.message,
            )
        )

    async def forget(self, scope: Scope, kind: FailureKind | None = None) -> None:
        """Drop what is remembered of a zone or wider place (of one kind, or all), as when it is restored by hand."""
        where = [failures.c.backend == scope.backend]
        where += [failures.c.region == scope.region] if scope.region is not None else []
        where += [failures.c.zone == scope.zone] if scope.zone is not None else []
        where += [failures.c.kind == kind] if kind is not None else []
        await self._connection.execute(delete(failures).where(*where))
