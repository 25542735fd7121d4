"""Fleets and their instances."""

import json
from collections.abc import Collection, Sequence

from sqlalchemy import Text, bindparam, case, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Fleet, Instance, Kind
from atoll.model.resources import InstanceType
from atoll.model.states import InstanceState
from atoll.model.zone import Zone
from atoll.store.query import fetch
from atoll.store.rows import ZONE_COLUMNS, instance_type_of, zone_from
from atoll.store.tables import fleets, instances

PART = 1000
"""How many ids one statement names: databases bound it."""

_STAYS = case((instances.c.end_reason == "", 1), else_=0)
_SIZE = select(func.count(), func.coalesce(func.sum(_STAYS), 0)).where(
    instances.c.fleet_id == bindparam("fleet"), instances.c.state != InstanceState.TERMINATED
)


class FleetRepository:
    """Fleets and instances of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def named(self, project: str, name: str) -> Fleet | None:
        """The fleet that bears this name now."""
        where = (fleets.c.project == project, fleets.c.name == name, fleets.c.deleted_at.is_(None))
        return next(iter(await fetch(self._connection, Kind.FLEET, *where)), None)

    async def listing(self, project: str) -> Sequence[Fleet]:
        """The project's fleets, and those being replaced, the oldest first."""
        where = (fleets.c.project == project, fleets.c.deleted_at.is_(None))
        return await fetch(self._connection, Kind.FLEET, *where, order="created_at")

    async def instances(self, fleet: Fleet) -> Sequence[Instance]:
        """The fleet's instances that are not terminated, by node."""
        where = (instances.c.fleet_id == fleet.id, instances.c.state != InstanceState.TERMINATED)
        return await fetch(self._connection, Kind.INSTANCE, *where, order="node")

    async def size(self, fleet_id: str) -> tuple[int, int]:
        """How many instances of the fleet are not terminated, and how many of those shall stay."""
        alive, stay = (await self._connection.execute(_SIZE, {"fleet": fleet_id})).one()
        return alive, stay

    async def end(self, ids: Collection[str], reason: str) -> None:
        """Ask instances to go; those that shall go already keep their reason."""
        every = tuple(ids)
        for start in range(0, len(every), PART):
            chosen = (instances.c.id.in_(every[start : start + PART]), instances.c.end_reason == "")
            await self._connection.execute(update(instances).where(*chosen).values(end_reason=reason))

    async def machines(self, backend: str) -> dict[str, tuple[InstanceState, str | None]]:
        """State and machine (the backend's id) of every instance of a backend that is not terminated, by its id."""
        where = (instances.c.backend == backend, instances.c.state != InstanceState.TERMINATED)
        rows = await self._connection.execute(
            select(instances.c.id, instances.c.state, instances.c.backend_id).where(*where)
        )
        return {row.id: (InstanceState(row.state), row.backend_id) for row in rows}

    async def taken(self, leaving: Collection[str] = ()) -> list[tuple[Zone, InstanceType, int]]:
        """How many instances of each type are in each zone, without those of the fleets that are `leaving` (ids)."""
        place = [instances.c[name] for name in ZONE_COLUMNS]
        type_ = cast(instances.c.instance_type, Text)
        where = (instances.c.state != InstanceState.TERMINATED, instances.c.fleet_id.not_in(leaving))
        rows = await self._connection.execute(select(*place, type_, func.count()).where(*where).group_by(*place, type_))
        return [(zone_from(*zone), instance_type_of(json.loads(text)), count) for *zone, text, count in rows]

    async def live_instances(self, project: str | None = None) -> Sequence[Instance]:
        """All instances that are not terminated, of one project or of all, by fleet and node."""
        where = [instances.c.state != InstanceState.TERMINATED]
        if project is not None:
            where.append(instances.c.project == project)
        found: list[Instance] = await fetch(self._connection, Kind.INSTANCE, *where, order="node")
        return sorted(found, key=lambda instance: (instance.fleet, instance.node, instance.id))
