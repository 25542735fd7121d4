"""Remembered failures of backends."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, or_, select

from atoll.model.failure import Failure, FailureKind, Resource, Scope
from atoll.model.offer import Market
from atoll.store.connection import Connection
from atoll.store.tables import failures

_RECENT = (
    select(*failures.columns)
    .where(or_(failures.c.until.is_(None), failures.c.until > bindparam("since", type_=failures.c.until.type)))
    .order_by(failures.c.scope, failures.c.kind)
)
_REMEMBERED = delete(failures).where(failures.c.scope == bindparam("scope"), failures.c.kind == bindparam("kind"))
_REMEMBER = insert(failures)


def _key(scope: Scope) -> str:
    parts = (scope.backend, scope.region or "*", scope.zone or "*", scope.instance_type or "*", scope.market or "*")
    # Machines have no mark of their own: the keys of older schemas stay valid.
    return "/".join(parts if scope.resource is Resource.MACHINE else (*parts, scope.resource))


class FailureRepository:
    """Failures of one transaction: one row for each scope and kind."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def recent(self, since: datetime) -> Sequence[Failure]:
        """The failures in effect, or ended after `since` (repeats lengthen the next)."""
        rows = await self._connection.rows(_RECENT, {"since": since})
        return [
            Failure(
                FailureKind(kind),
                Scope(backend, region, zone, type_, Market(market) if market else None, Resource(resource)),
                at,
                until,
                count,
                message,
            )
            for _, kind, backend, region, zone, type_, market, resource, at, until, count, message in rows
        ]

    async def remember(self, failure: Failure) -> None:
        """Store a failure, replacing the previous one of its scope and kind."""
        scope, key = failure.scope, {"scope": _key(failure.scope), "kind": failure.kind}
        await self._connection.change(_REMEMBERED, key)
        row = {
            "backend": scope.backend,
            "region": scope.region,
            "zone": scope.zone,
            "instance_type": scope.instance_type,
            "market": scope.market,
            "resource": scope.resource,
            "at": failure.at,
            "until": failure.until,
            "count": failure.count,
            "message": failure.message,
        }
        await self._connection.change(_REMEMBER, key | row)

    async def forget(self, scope: Scope, kind: FailureKind | None = None) -> None:
        """Delete the failures of a zone or a wider scope (of one kind, or all), as when an operator restores it."""
        where = [failures.c.backend == scope.backend]
        where += [failures.c.region == scope.region] if scope.region is not None else []
        where += [failures.c.zone == scope.zone] if scope.zone is not None else []
        where += [failures.c.kind == kind] if kind is not None else []
        await self._connection.execute(delete(failures).where(*where))
