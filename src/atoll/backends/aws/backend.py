"""The face of the aws backend: EC2 instances reached over SSH, in zones whose offers are read in the background."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from atoll.backends.agent_client import AgentClient
from atoll.backends.agents import HttpAgents
from atoll.backends.aws.check import AwsChecks
from atoll.backends.aws.clients import Clients, library
from atoll.backends.aws.config import AwsConfig
from atoll.backends.aws.hosts import InstanceHosts
from atoll.backends.aws.machines import Machines
from atoll.backends.aws.market import RegionMarket
from atoll.backends.aws.probing import Probing
from atoll.backends.aws.snapshots import AwsSnapshots
from atoll.backends.aws.types import AwsType
from atoll.backends.aws.volumes import AwsVolumes
from atoll.backends.base import (
    BackendError,
    InvalidRequest,
    LaunchRequest,
    Listing,
    Machine,
    MachineState,
    NotFound,
    Unavailable,
)
from atoll.backends.hosts.host import SshHost
from atoll.backends.hosts.keys import Keys
from atoll.model.catalog import Catalog
from atoll.model.endpoint import Endpoint
from atoll.model.failure import Scope
from atoll.model.limits import TimeLimits
from atoll.model.zone import BackendInfo, Zone
from atoll.tunnels.stream import Stream, TunnelError

NAME = "aws"
KEY_FILE, PARTS_FOLDER = "id_ed25519", "parts"
FIRST_SECONDS, LATE_SECONDS = 14.0, 4.0
"""How long the first listing waits for a region, and then for the others; what comes later is in the next one."""
FIND_SECONDS = 10.0
"""How long a search over all regions waits for one of them."""
SILENT_SECONDS = 60.0
"""For how long a region that did not answer a search is left out of the following ones."""
NOTICE_SECONDS = 30.0
"""A quarter of the two minutes that EC2 gives notice."""
LEAST_PAUSE = 1.0
MOST_READING = 2
"""How many regions are read at the same time, each of which takes memory."""
CONNECT_SECONDS = 5.0
"""How long a disk waits for the connection to its machine."""

log = logging.getLogger("atoll.aws")

T = TypeVar("T")


class AwsBackend:
    """EC2 instances as machines, and EBS volumes as disks."""

    faults = None

    def __init__(self, state: Path, config: AwsConfig | None = None) -> None:
        """`state` is a folder for its keys. Raises ValueError where boto3 or asyncssh is not installed."""
        library()
        self.config = config or AwsConfig()
        self._clients = Clients(self.config)
        keys = Keys(self.config.ssh_key_file or state / KEY_FILE)
        self._machines = Machines(self._clients, keys)
        self._probing = Probing(lambda request: self._machines.launch(request, self._region(request.zone)))
        self._hosts = InstanceHosts(self.config, keys, state)
        self._agents = HttpAgents(self._open)
        parts = state / PARTS_FOLDER
        self._regions = {region: RegionMarket(self._clients, region, parts) for region in self.config.regions}
        self._refreshing: dict[str, asyncio.Task[None]] = {}
        self._reading = asyncio.Semaphore(MOST_READING)
        self._silent: dict[str, float] = {}
        self._catalog: Catalog | None = None
        self._versions: tuple[tuple[int, ...], ...] = ()
        self.checks = AwsChecks(self._clients)
        self.snapshots = AwsSnapshots(self._clients, self._everywhere)
        self.volumes = AwsVolumes(self._clients, self.snapshots, self._host_of, self._type_of, self._everywhere)

    @property
    def info(self) -> BackendInfo:
        """What this backend can do."""
        return BackendInfo(NAME)

    @property
    def limits(self) -> TimeLimits:
        """Instances take minutes; a silent one is kept for as long as the configuration says."""
        return TimeLimits(
            start_seconds=600,
            silent_seconds=self.config.silent_seconds,
            sweep_seconds=30,
            listing_seconds=60,
            notice_seconds=NOTICE_SECONDS,
        )

    async def listing(self) -> Listing:
        """Zones and offers as they were read last; the first call waits for AWS, but for no late region."""
        if not self._refreshing:
            for name, region in self._regions.items():
                self._refreshing[name] = asyncio.create_task(self._keep_fresh(region))
            await self._first_answers()
        zones = tuple(info for region in self._regions.values() for info in region.zone_infos)
        if not zones:
            raise self._error()
        now, versions = datetime.now(UTC), tuple(region.versions for region in self._regions.values())
        if self._catalog is None or versions != self._versions:
            self._catalog, self._versions = await asyncio.to_thread(self._gathered, now), versions
        stale = tuple(part for region in self._regions.values() for part in region.stale)
        return Listing(zones, self._catalog, now, stale=stale)

    async def launch(self, request: LaunchRequest) -> Machine:
        """Start one instance in the zone; the same token again returns the same instance."""
        self._region(request.zone)
        return await self._probing.launch(request)

    async def describe(self, machine: str, zone: Zone) -> Machine:
        """READY once its agent runs; CREATING, with the reason, until then."""
        self._region(zone)
        if not machine:
            raise NotFound("an empty id names no instance")
        found, owner = await self._machines.describe(machine, zone.region)
        return await self._hosts.see(found, owner)

    async def find(self, owner: str) -> tuple[Machine, ...]:
        """The machines of an owner in all regions that answer."""
        found = await self._everywhere(lambda region: self._machines.find(region, owner))
        return tuple(machine for machines in found for machine in machines)

    async def terminate(self, machine: str, zone: Zone) -> None:
        """Terminate an instance; succeeds when it is gone."""
        self._region(zone)
        await self._agents.drop(machine)
        await self._machines.terminate(machine, zone.region)
        await self._hosts.drop(machine)

    def agent(self, machine: Machine) -> AgentClient:
        """The client of this machine's agent, over the host's kept connection."""
        return self._agents.of(machine)

    async def close(self) -> None:
        """Close connections and stop reading offers. Machines continue."""
        tasks = list(self._refreshing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._agents.close()
        await self._hosts.close()
        self._machines.close()
        self._clients.close()

    def _gathered(self, now: datetime) -> Catalog:
        offers = (offer for region in self._regions.values() for offer in region.offers())
        return Catalog.from_offers(offers, now)

    async def _first_answers(self) -> None:
        """Wait until one region was read, and for the others a little longer."""
        waiting = [asyncio.create_task(region.first.wait()) for region in self._regions.values()]
        await asyncio.wait(waiting, timeout=FIRST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(waiting, timeout=LATE_SECONDS)
        for task in waiting:
            task.cancel()

    async def _keep_fresh(self, region: RegionMarket) -> None:
        while True:
            async with self._reading:
                await region.refresh()
            await asyncio.sleep(max(LEAST_PAUSE, region.next_due - time.monotonic()))

    async def _open(self, machine: Machine, endpoint: Endpoint) -> Stream:
        """A stream to the machine's agent, which is started again where it does not run."""
        host = self._hosts.get(machine.id)
        if host is None:  # the server was started again: the instance says whose it is and where
            try:
                await self.describe(machine.id, machine.zone)
            except BackendError as error:
                raise TunnelError(error.message) from error
            host = self._hosts.get(machine.id)
        if host is None:
            raise TunnelError(f"{machine.id} does not run")
        try:
            return await host.open(machine.id, endpoint)
        except TunnelError:
            if host.link.up and host.endpoint is not None:
                await host.refresh()  # the machine answers and its agent does not: it was killed
                return await host.open(machine.id, host.endpoint)
            raise

    async def _host_of(self, machine: str, zone: Zone) -> SshHost | None:
        """The connected host of an instance; None where it ends. Raises NotFound; Unavailable without a connection."""
        host = self._hosts.get(machine)
        if host is None or not host.link.up:
            found = await self.describe(machine, zone)
            if found.state in (MachineState.DELETING, MachineState.GONE):
                return None
            host = self._hosts.get(machine)
            if host is not None:
                await host.attempt(CONNECT_SECONDS)
        if host is None or not host.link.up:
            text = host.problem.message if host is not None and host.problem is not None else f"{machine} starts"
            raise Unavailable(text, Scope(NAME, zone.region, zone.name, machine))
        return host

    async def _type_of(self, name: str, zone: Zone) -> AwsType:
        return await self._region(zone).type_of(name)

    async def _everywhere(self, search: Callable[[str], Awaitable[T]]) -> list[T]:
        """What `search` finds in each region that answers in time. Raises BackendError where none does."""

        async def bounded(region: str) -> T:
            try:
                async with asyncio.timeout(FIND_SECONDS):
                    return await search(region)
            except TimeoutError:
                self._silent[region] = time.monotonic() + SILENT_SECONDS
                text = f"no answer from {region} within {FIND_SECONDS:.0f} s"
                raise Unavailable(text, Scope(NAME, region)) from None

        now = time.monotonic()
        regions = [region for region in self._regions if self._silent.get(region, 0) <= now] or list(self._regions)
        answers = await asyncio.gather(*(bounded(region) for region in regions), return_exceptions=True)
        found: list[T] = []
        errors: list[BaseException] = []
        for answer in answers:
            if isinstance(answer, BaseException):
                errors.append(answer)
            else:
                found.append(answer)
        for error in errors:
            if not isinstance(error, BackendError) or not found:
                raise error
            log.warning("a region is left out of a search: %s", error.message)
        return found

    def _region(self, zone: Zone) -> RegionMarket:
        region = self._regions.get(zone.region)
        if region is None:
            raise InvalidRequest(f"the aws backend is not configured for region {zone.region}")
        return region

    def _error(self) -> BackendError:
        errors = [region.error for region in self._regions.values() if region.error is not None]
        return errors[0] if errors else Unavailable(f"AWS has not answered within {FIRST_SECONDS:.0f} s")
