"""Observations of launches and ends."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, tuple_

from atoll.model.observation import Observation, Outcome
from atoll.model.offer import Market
from atoll.model.zone import Zone
from atoll.store.connection import Connection, Row
from atoll.store.tables import observations

_ADD = insert(observations)
_BEGAN = select(observations.c.at).where(
    observations.c.instance_id == bindparam("id"), observations.c.outcome == Outcome.ATTEMPT
)


class ObservationRepository:
    """Observations of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, observation: Observation) -> None:
        """Store an observation. Raises NotUnique for a second one of the same instance and outcome."""
        zone = observation.zone
        row = {
            "instance_id": observation.instance_id,
            "outcome": observation.outcome,
            "backend": zone.backend,
            "region": zone.region,
            "zone": zone.name,
            "instance_type": observation.instance_type,
            "market": observation.market,
            "at": observation.at,
            "seconds": observation.seconds,
            "reason": observation.reason,
        }
        await self._connection.change(_ADD, row)

    async def attempted_at(self, instance_id: str) -> datetime | None:
        """When the launch of an instance began; None where that was not observed."""
        rows = await self._connection.rows(_BEGAN, {"id": instance_id})
        return rows[0][0] if rows else None

    async def of_zone(self, zone: Zone, since: datetime, limit: int) -> Sequence[Observation]:
        """The latest observations in a zone since a time, the latest first."""
        where = (
            observations.c.backend == zone.backend,
            observations.c.region == zone.region,
            observations.c.zone == zone.name,
        )
        return await self._latest(since, limit, *where)

    async def launched(self, since: datetime, limit: int) -> Sequence[Observation]:
        """The latest launches that became active since a time, the latest first."""
        return await self._latest(since, limit, observations.c.outcome == Outcome.LAUNCHED)

    async def delete_before(self, time: datetime, limit: int) -> int:
        """Delete at most `limit` observations made before a time; returns their number."""
        key = tuple_(observations.c.instance_id, observations.c.outcome)
        old = select(observations.c.instance_id, observations.c.outcome).where(observations.c.at < time)
        oldest = old.order_by(observations.c.at).limit(limit)
        return (await self._connection.execute(delete(observations).where(key.in_(oldest)))).rowcount

    async def _latest(self, since: datetime, limit: int, *where: object) -> Sequence[Observation]:
        chosen = select(*observations.columns).where(observations.c.at >= since, *where)  # type: ignore[arg-type]
        ordered = chosen.order_by(observations.c.at.desc(), observations.c.instance_id).limit(limit)
        return [_observation(row) for row in (await self._connection.execute(ordered)).all()]


def _observation(row: Row) -> Observation:
    instance, outcome, backend, region, zone, type_, market, at, seconds, reason = row
    return Observation(
        instance, Outcome(outcome), Zone(backend, region, zone), type_, Market(market), at, seconds, reason
    )
