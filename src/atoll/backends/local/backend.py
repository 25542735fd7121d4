"""The face of the local backend: the protocols of `backends.base` over machines and volumes, with the blocking work in
threads of its own."""

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from atoll.backends.agents import HttpAgents
from atoll.backends.base import (
    AgentClient,
    AttachedDisk,
    BackendError,
    Disk,
    LaunchRequest,
    Listing,
    Machine,
    MachineState,
    VolumeRequest,
)
from atoll.backends.local.config import LocalConfig
from atoll.backends.local.machines import AgentCommand, LocalMachines, agent_command, zone_named
from atoll.backends.local.namespaces import mounts_at_path
from atoll.backends.local.records import Records
from atoll.backends.local.volumes import LocalVolumes
from atoll.model.offer import Availability, Market, Offer
from atoll.model.zone import BackendInfo, Zone, ZoneInfo, ZoneState

FAILED = "failed with `atoll zone fail`"
SHUTDOWN_SECONDS = 3.0
"""How long an agent may take to end by itself before it is killed."""
CLEAN_SECONDS = 5.0

P = ParamSpec("P")
T = TypeVar("T")


class LocalBackend:
    """This machine as zones. `command` makes the agent's command line; tests put in their own."""

    def __init__(self, state: Path, config: LocalConfig | None = None, command: AgentCommand = agent_command) -> None:
        self._config = config or LocalConfig()
        self._zones = {zone.name: zone for zone in self._config.zones}
        self._records = Records(state)
        self._machines = LocalMachines(self._records, self._config, command)
        self._volumes = LocalVolumes(self._records, self._config, self._machines)
        self._agents = HttpAgents()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="local-backend")

    @property
    def info(self) -> BackendInfo:
        """What this backend can do; the first call tries namespaces in a child process, once."""
        return BackendInfo("local", mounts_at_path=mounts_at_path())

    async def listing(self) -> Listing:
        """Zones and offers now. Offers of failed zones are kept, and marked."""
        failed = await self._run(self._records.failed_zones)
        disk_gb = shutil.disk_usage(self._records.state).total // 2**30
        zones, offers = [], []
        for zone in self._config.zones:
            down = zone.name in failed
            state = ZoneState.IMPAIRED if down else ZoneState.AVAILABLE
            zones.append(ZoneInfo(zone.zone, state, FAILED if down else "", capacity=zone.capacity))
            availability = Availability.UNAVAILABLE if down else Availability.AVAILABLE
            offers += [
                Offer(zone.zone, each, Market.ON_DEMAND, 0, availability) for each in zone.instance_types(disk_gb)
            ]
        return Listing(tuple(zones), tuple(offers), datetime.now(UTC))

    async def launch(self, request: LaunchRequest) -> Machine:
        """Start an agent. A failed zone refuses as a full one does."""
        return await self._run(self._machines.launch, request)

    async def describe(self, machine: str, zone: Zone) -> Machine:
        """READY once its socket accepts; GONE when its agent has ended, until it is terminated."""
        return await self._run(self._machines.describe, machine, zone)

    async def find(self, owner: str) -> tuple[Machine, ...]:
        """Every live machine of this owner."""
        return await self._run(self._machines.find, owner)

    async def terminate(self, machine: str, zone: Zone) -> None:
        """End the machine's jobs and its agent, politely for 3 s and then firmly, and remove its folder."""
        found = await self._run(self._machines.retire, machine, zone)
        if found is None:
            return
        if found.state is not MachineState.GONE:
            await self._shut_down(found)
        await self._run(self._machines.remove, machine)
        if found.agent_url:
            await self._agents.drop(found.agent_url)
        await self._clean()

    def agent(self, machine: Machine) -> AgentClient:
        """The client of this machine's agent."""
        return self._agents.of(machine)

    async def close(self) -> None:
        """Close connections and threads. Machines continue."""
        await self._agents.close()
        self._threads.shutdown(wait=False)

    async def create_volume(self, request: VolumeRequest) -> Disk:
        """Make a folder in its zone. The size is kept, and not enforced."""
        return await self._run(self._volumes.create, request)

    async def describe_volume(self, disk: str, zone: Zone) -> Disk:
        """The disk as it is now."""
        return await self._run(self._volumes.describe, disk, zone)

    async def find_volumes(self, owner: str) -> tuple[Disk, ...]:
        """Every disk of this owner."""
        return await self._run(self._volumes.find, owner)

    async def delete_volume(self, disk: str, zone: Zone) -> None:
        """Remove the folder and all in it."""
        await self._run(self._volumes.delete, disk, zone)
        await self._clean()

    async def attach(self, disk: str, machine: str, zone: Zone) -> AttachedDisk:
        """Lend the disk to one machine of its zone; `source` is the folder."""
        return await self._run(self._volumes.attach, disk, machine)

    async def detach(self, disk: str, machine: str, zone: Zone) -> None:
        """Take the disk back."""
        await self._run(self._volumes.detach, disk, machine)

    async def fail_zone(self, zone: Zone) -> None:
        """Kill every process of the zone's machines, and refuse new ones until it is restored."""
        name = zone_named(self._zones, zone).name
        await self._run(self._mark, name, True)
        await self._run(self._machines.kill_zone, name)

    async def restore_zone(self, zone: Zone) -> None:
        """Let the zone take machines again."""
        await self._run(self._mark, zone_named(self._zones, zone).name, False)

    async def _shut_down(self, machine: Machine) -> None:
        with suppress(BackendError, TimeoutError):
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await self._agents.of(machine).shutdown()
            await self._run(self._machines.wait_gone, machine.id, SHUTDOWN_SECONDS)

    async def _clean(self) -> None:
        # Deleting many files may take long; it continues in its thread, and no call waits for it.
        with suppress(TimeoutError):
            async with asyncio.timeout(CLEAN_SECONDS):
                await self._run(self._records.empty_trash)

    def _mark(self, name: str, failed: bool) -> None:
        with self._records.lock():
            names = self._records.failed_zones()
            self._records.put_failed_zones(names | {name} if failed else names - {name})

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))
