"""Simulated outages of the local backend's zones."""

from collections.abc import Mapping

from atoll.backends.local.config import LocalZone
from atoll.backends.local.machines import LocalMachines, zone_named
from atoll.backends.local.records import Records
from atoll.backends.local.threads import Threads
from atoll.model.zone import Zone


class LocalFaults:
    """Outages, recorded in the backend's state, so that they outlast the server."""

    def __init__(
        self, machines: LocalMachines, records: Records, zones: Mapping[str, LocalZone], threads: Threads
    ) -> None:
        self._machines = machines
        self._records = records
        self._zones = zones
        self._threads = threads

    async def fail(self, zone: Zone) -> None:
        """Kill every process of the zone's machines, and refuse new ones until it is restored."""
        name = zone_named(self._zones, zone).name
        await self._threads.run(self._mark, name, True)
        await self._threads.run(self._machines.kill_zone, name)

    async def restore(self, zone: Zone) -> None:
        """Accept machines in the zone again."""
        await self._threads.run(self._mark, zone_named(self._zones, zone).name, False)

    def _mark(self, name: str, failed: bool) -> None:
        with self._records.lock():
            names = self._records.failed_zones()
            self._records.put_failed_zones(names | {name} if failed else names - {name})
