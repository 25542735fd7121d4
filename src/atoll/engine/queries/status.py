"""The state of the server's backends and of its database."""

import asyncio
from pathlib import Path

from atoll.engine.context import Context
from atoll.engine.parts.sizes import folder_bytes_within
from atoll.model.zone import Zone
from atoll.store.database import HEAD
from atoll.store.errors import StoreError
from atoll.wire.api import BackendStatus, DiskUse, OpenCircuit

DATABASE_SECONDS = 2.0
"""Seconds that the database may take before the server counts as not ready."""
COUNTING_SECONDS = 2.0
"""Seconds that the files of one folder may take to be counted: volumes of the local backend may hold millions."""
_FOLDERS = {"agents and volumes": "backends", "listings": "listings"}
"""Parts of the data folder, by what they hold."""


class StatusQueries:
    """Reads what the server says of itself."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def metrics(self) -> bytes:
        """The metrics, in Prometheus' text format."""
        async with self._context.database.read() as tx:
            backlogs = await tx.queue.backlog(tx.now)
        self._context.planner.measure()
        return self._context.metrics.text(backlogs)

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

    async def disk(self, home: Path | None) -> tuple[DiskUse, ...]:
        """What the database, the logs and the folders of the server take; `home` is the data folder."""
        async with self._context.database.read() as tx:
            found = [DiskUse("database", await tx.queue.database_bytes())]
        found.append(DiskUse("logs", await self._context.logs.total()))
        if home is None:
            return tuple(found)
        for what, folder in _FOLDERS.items():
            size, whole = await asyncio.to_thread(folder_bytes_within, home / folder, COUNTING_SECONDS)
            found.append(DiskUse(what, size, whole))
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
