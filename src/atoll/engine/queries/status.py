"""The state of the server's backends and of its database."""

import asyncio

from atoll.engine.context import Context
from atoll.model.zone import Zone
from atoll.store.database import HEAD
from atoll.store.errors import StoreError
from atoll.wire.api import BackendStatus, OpenCircuit

DATABASE_SECONDS = 2.0
"""Seconds that the database may take before the server counts as not ready."""


class StatusQueries:
    """Reads what the server says of itself."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def metrics(self) -> bytes:
        """The metrics, in Prometheus' text format."""
        async with self._context.database.read() as tx:
            backlogs = await tx.queue.backlog(tx.now)
        self._context.planner.measure()
        return self._context.figures.text(backlogs)

    async def backends(self) -> tuple[BackendStatus, ...]:
        """The configured backends, then those that hold something and are not configured."""
        context = self._context
        world = await context.worlds.world()
        async with context.database.read() as tx:
            held, contents = await tx.listing.held_backends(), await tx.listing.held_zones()
        gone = sorted(context.worlds.known().gone(contents))
        found = []
        for name in sorted(context.backends):
            zones = sum(info.zone.backend == name for info in world.zones)
            offers = sum(size for zone, size in world.catalog.sizes.items() if zone.backend == name)
            circuits = tuple(OpenCircuit(*circuit) for circuit in context.calls.open_circuits(name))
            stranded = [_stranded(zone, *contents[zone]) for zone in gone if zone.backend == name]
            error = "; ".join(filter(None, [world.errors.get(name, ""), *stranded]))
            found.append(BackendStatus(name, zones, offers, world.as_of.get(name), error, circuits))
        for name in sorted(held.keys() - {*context.backends}):
            found.append(BackendStatus(name, 0, 0, None, _unreached(*held[name])))
        return tuple(found)

    async def database_trouble(self) -> str:
        """Why the database cannot be used now; empty where it can be."""
        try:
            async with asyncio.timeout(DATABASE_SECONDS), self._context.database.read() as tx:
                schema = await tx.queue.schema()
        except TimeoutError:
            return f"the database has not answered within {DATABASE_SECONDS:g} s"
        except StoreError:
            return "the database cannot be reached"
        return "" if schema == HEAD else f"the database has schema {schema}, and this server needs {HEAD}"


def _unreached(instances: int, volumes: int) -> str:
    """The contents of a backend that is not configured."""
    return f"not configured, and holds instances: {instances}, volumes: {volumes}"


def _stranded(zone: Zone, instances: int, volumes: int) -> str:
    return f"zone {zone} is no longer offered, and holds instances: {instances}, volumes: {volumes}"
