"""The face of the local backend: the protocols of `backends.base` over machines and volumes, with the blocking work in
threads of its own."""

import asyncio
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from atoll.agent.containers import installed
from atoll.backends.agent_client import AgentClient
from atoll.backends.agents import HttpAgents
from atoll.backends.base import BackendError, LaunchRequest, Listing, Machine, MachineState
from atoll.backends.local.config import LocalConfig
from atoll.backends.local.disks import LocalDisks
from atoll.backends.local.faults import LocalFaults
from atoll.backends.local.machines import AgentCommand, LocalMachines, agent_command
from atoll.backends.local.namespaces import mounts_at_path
from atoll.backends.local.records import Records
from atoll.backends.local.threads import Threads
from atoll.backends.local.volumes import LocalVolumes
from atoll.model.limits import TimeLimits
from atoll.model.offer import Availability, Market, Offer
from atoll.model.zone import BackendInfo, Zone, ZoneInfo, ZoneState
from atoll.tunnels.endpoints import open_stream

LIMITS = TimeLimits(start_seconds=600, silent_seconds=60, sweep_seconds=5)
FAILED = "failed with `atoll zone fail`"
SHUTDOWN_SECONDS = 3.0
"""How long an agent may take to end by itself before it is killed."""


class LocalBackend:
    """This machine as zones. `command` makes the agent's command line; tests put in their own.

    Jobs do not see the folder `server`.
    """

    checks = None
    snapshots = None

    def __init__(
        self,
        state: Path,
        config: LocalConfig | None = None,
        command: AgentCommand = agent_command,
        *,
        server: Path | None = None,
    ) -> None:
        self._config = config or LocalConfig()
        self._zones = {zone.name: zone for zone in self._config.zones}
        self._records = Records(state)
        self._machines = LocalMachines(self._records, self._config, command, server)
        self._agents = HttpAgents(lambda _, endpoint: open_stream(endpoint))
        self._threads = Threads()
        disks = LocalDisks(self._records, self._config, self._machines)
        self.volumes = LocalVolumes(disks, self._records, self._threads)
        self.faults = LocalFaults(self._machines, self._records, self._zones, self._threads)

    @property
    def info(self) -> BackendInfo:
        """What this backend can do; the first call tries namespaces in a child process, once."""
        namespaces = mounts_at_path()
        return BackendInfo("local", mounts_at_path=namespaces, isolated=namespaces or self._config.trusted)

    @property
    def limits(self) -> TimeLimits:
        """Short ones: there is no network between the server and its machines."""
        return LIMITS

    async def listing(self) -> Listing:
        """Zones and offers now. Offers of failed zones are kept, and marked."""
        failed = await self._threads.run(self._records.failed_zones)
        disk_gb = shutil.disk_usage(self._records.state).total // 2**30
        engine = Path(installed(os.environ.get("PATH"))).name
        zones, offers = [], []
        for zone in self._config.zones:
            down = zone.name in failed
            state = ZoneState.IMPAIRED if down else ZoneState.AVAILABLE
            zones.append(ZoneInfo(zone.zone, state, FAILED if down else "", capacity=zone.capacity))
            availability = Availability.UNAVAILABLE if down else Availability.AVAILABLE
            offers += [
                Offer(zone.zone, replace(each, containers=engine), Market.ON_DEMAND, 0, availability)
                for each in zone.instance_types(disk_gb)
            ]
        return Listing(tuple(zones), tuple(offers), datetime.now(UTC))

    async def launch(self, request: LaunchRequest) -> Machine:
        """Start an agent. A failed zone refuses as a full one does."""
        return await self._threads.run(self._machines.launch, request)

    async def describe(self, machine: str, zone: Zone) -> Machine:
        """READY once its socket accepts; GONE when its agent has ended, until it is terminated."""
        return await self._threads.run(self._machines.describe, machine, zone)

    async def find(self, owner: str) -> tuple[Machine, ...]:
        """Every live machine of this owner."""
        return await self._threads.run(self._machines.find, owner)

    async def terminate(self, machine: str, zone: Zone) -> None:
        """End the machine's jobs and its agent, politely for 3 s and then firmly, and remove its folder."""
        found = await self._threads.run(self._machines.retire, machine, zone)
        if found is None:
            return
        if found.state is not MachineState.GONE:
            await self._shut_down(found)
        await self._threads.run(self._machines.remove, machine)
        await self._agents.drop(machine)
        await self._threads.empty_trash(self._records)

    def agent(self, machine: Machine) -> AgentClient:
        """The client of this machine's agent."""
        return self._agents.of(machine)

    async def close(self) -> None:
        """Close connections and threads. Machines continue."""
        await self._agents.close()
        self._threads.close()

    async def _shut_down(self, machine: Machine) -> None:
        with suppress(BackendError, TimeoutError):
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await self._agents.of(machine).shutdown()
            await self._threads.run(self._machines.wait_gone, machine.id, SHUTDOWN_SECONDS)
