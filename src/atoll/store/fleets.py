"""Fleets and their instances."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Fleet, Instance, Kind
from atoll.model.states import InstanceState
from atoll.store.query import fetch
from atoll.store.tables import fleets, instances


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

    async def live_instances(self, project: str | None = None) -> Sequence[Instance]:
        """All instances that are not terminated, of one project or of all, by fleet and node."""
        where = [instances.c.state != InstanceState.TERMINATED]
        if project is not None:
            where.append(instances.c.project == project)
        found: list[Instance] = await fetch(self._connection, Kind.INSTANCE, *where, order="node")
        return sorted(found, key=lambda instance: (instance.fleet, instance.node, instance.id))
