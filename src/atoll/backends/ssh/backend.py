"""The face of the ssh backend: machines are declared hosts, and a launch is an agent started on one.

No call waits for a host: links connect and start agents in the background. A host that is away is still there, so
that silence never ends a machine.
"""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from atoll.backends.agent_client import AgentClient
from atoll.backends.agents import HttpAgents
from atoll.backends.base import (
    CapacityUnavailable,
    InvalidRequest,
    LaunchRequest,
    Listing,
    Machine,
    MachineState,
    NotFound,
    Unavailable,
)
from atoll.backends.hosts.host import SshHost
from atoll.backends.ssh.config import SshConfig
from atoll.backends.ssh.hosts import Declared, SshHosts
from atoll.model.endpoint import Endpoint
from atoll.model.failure import FailureKind, MachineError, Scope
from atoll.model.limits import TimeLimits
from atoll.model.offer import Availability, Market, Offer
from atoll.model.zone import BackendInfo, Zone, ZoneInfo, ZoneKind, ZoneState
from atoll.tunnels.host import Host
from atoll.tunnels.stream import Stream, TunnelError

NAME = "ssh"
REGION = "ssh"
END_SECONDS = 20.0
CONSIDER_SECONDS = 12.0
"""How long a plan waits for hosts that it meets for the first time."""
REMEMBERED = 1000
_YEARS_10 = 10 * 365 * 86400.0


def zone_of(host: Host) -> Zone:
    """The zone of a host: the site that its user gave it."""
    return Zone(NAME, REGION, host.zone, kind=ZoneKind.SITE if host.zone else ZoneKind.REGION)


class SshBackend:
    """Hosts as machines. `use` must be called before the first other call."""

    volumes = None
    faults = None
    checks = None
    snapshots = None

    def __init__(self, state: Path, config: SshConfig | None = None) -> None:
        self.config = config or SshConfig()
        self._hosts = SshHosts(state)
        self._agents = HttpAgents(self._open)
        self._ended: dict[str, None] = {}

    def use(self, declared: Declared, owner: str) -> None:
        """Take the declared hosts from `declared`; `owner` is this installation's id, the mark on each host."""
        self._hosts.declared, self._hosts.owner = declared, owner

    @property
    def info(self) -> BackendInfo:
        """What this backend can do."""
        return BackendInfo(NAME, volumes=False, owned=True)

    @property
    def limits(self) -> TimeLimits:
        """A silent host is never ended; its jobs count as lost after the configured time."""
        return TimeLimits(
            start_seconds=120,
            silent_seconds=_YEARS_10,
            sweep_seconds=5,
            listing_seconds=5,
            job_silence_seconds=self.config.job_silence_seconds,
        )

    def zone_of(self, host: Host) -> Zone:
        """The zone where a host is declared to be."""
        return zone_of(host)

    async def consider(self, hosts: Collection[Host]) -> Mapping[str, str]:
        """Look at hosts that a plan names: why some cannot be used, by name, after at most 12 s."""
        problems = await self._hosts.consider(hosts, CONSIDER_SECONDS)
        return {name: problem.message for name, problem in problems.items()}

    async def look_for_engines(self) -> None:
        """Look again, within 3 s, at the hosts that had no container engine."""
        await asyncio.gather(*(host.look_for_engine() for host in (await self._hosts.offered()).values()))

    async def listing(self) -> Listing:
        """The declared hosts whose facts are known, and their zones; a zone without a host that answers is impaired."""
        hosts = await self._hosts.offered()
        zones: dict[Zone, list[SshHost]] = {}
        offers = []
        for _, host in sorted(hosts.items()):
            zone = zone_of(host.host)
            zones.setdefault(zone, []).append(host)
            if host.facts is not None:
                usable = host.link.up and host.problem is None
                availability = Availability.AVAILABLE if usable else Availability.UNAVAILABLE
                offers.append(Offer(zone, host.facts.instance_type, Market.ON_DEMAND, 0, availability, 1))
        infos = tuple(_zone_info(zone, members) for zone, members in sorted(zones.items()))
        return Listing(infos, tuple(offers), datetime.now(UTC))

    async def launch(self, request: LaunchRequest) -> Machine:
        """Start an agent on the host whose name is the instance type, in the background."""
        hosts = await self._hosts.offered()
        host, token = hosts.get(request.instance_type), request.tags.token
        if host is not None and self._hosts.moves(host.host.name, request.zone.name):
            scope = Scope(NAME, REGION, request.zone.name, request.instance_type, request.market)
            raise CapacityUnavailable(f"the former agent on {request.instance_type} has not ended yet", scope)
        if host is None or zone_of(host.host) != request.zone:
            raise InvalidRequest(f"no fleet declares the host {request.instance_type} in zone {request.zone}")
        if token not in self._ended:
            await self._hosts.agents.keep(token, host.host)
            host.want(token)
        return self._view(f"{token}@{host.host.name}", host, request.zone)

    async def describe(self, machine: str, zone: Zone) -> Machine:
        """READY once the agent runs, and while its host is away; GONE once it was terminated."""
        token, _, name = machine.partition("@")
        host = (await self._hosts.all()).get(name)
        if token in self._ended:
            return Machine(machine, token, zone, name, Market.ON_DEMAND, MachineState.GONE)
        if host is None:
            raise NotFound(f"no fleet declares the host {name}")
        await self._hosts.agents.keep(token, host.host)
        host.want(token)
        return self._view(machine, host, zone)

    async def find(self, owner: str) -> tuple[Machine, ...]:
        """The machines on hosts that answer."""
        hosts = await self._hosts.all()
        return tuple(
            self._view(f"{token}@{name}", host, zone_of(host.host))
            for name, host in sorted(hosts.items())
            for token in sorted(host.tokens)
            if host.link.up
        )

    async def terminate(self, machine: str, zone: Zone) -> None:
        """End the agent and its jobs. On a host that is away, the next agent of this installation ends them."""
        token, _, name = machine.partition("@")
        host = (await self._hosts.all()).get(name)
        self._ended[token] = None
        while len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        await self._agents.drop(machine)
        if host is None:
            return
        await self._hosts.agents.ending(token)
        try:
            async with asyncio.timeout(END_SECONDS):
                await host.end(token)
        except TunnelError as error:
            if host.link.up:
                raise Unavailable(error.message, Scope(NAME, REGION, zone.name, name)) from error
        except TimeoutError:
            return

    async def unended(self) -> tuple[str, ...]:
        """The hosts that do not answer and have an agent that ends when they do."""
        hosts = await self._hosts.all()
        return tuple(name for name, host in sorted(hosts.items()) if host.ends and not host.link.up)

    def agent(self, machine: Machine) -> AgentClient:
        """The client of this machine's agent, over the host's kept connection."""
        return self._agents.of(machine)

    async def close(self) -> None:
        """Close connections. Machines continue."""
        await self._agents.close()
        await self._hosts.close()

    async def _open(self, machine: Machine, endpoint: Endpoint) -> Stream:
        """A stream to the machine's agent, which is started where it does not run."""
        token, _, name = machine.id.partition("@")
        host = (await self._hosts.all()).get(name)
        if host is None:
            raise TunnelError(f"no fleet declares the host {name}")
        if token in self._ended:
            raise TunnelError(f"{machine.id} was terminated")
        host.want(token)
        try:
            return await host.open(token, endpoint)
        except TunnelError:
            if host.link.up and host.endpoint is not None:
                # The host answers and its agent does not: it was killed, or the host was rebooted in between.
                with suppress(TunnelError):
                    await host.refresh()
                    return await host.open(token, host.endpoint)
            raise

    def _view(self, machine: str, host: SshHost, zone: Zone) -> Machine:
        token, _, name = machine.partition("@")
        problem = host.problem
        started = host.token == token and (host.endpoint is not None or host.link.down_since is not None)
        error = None
        if problem is not None and problem.permanent and host.endpoint is None:
            scope = Scope(NAME, REGION, zone.name, name)
            error = MachineError(FailureKind.INVALID_REQUEST, problem.message, scope)
        return Machine(
            machine,
            token,
            zone,
            name,
            Market.ON_DEMAND,
            MachineState.READY if started else MachineState.CREATING,
            host.endpoint if host.token == token else None,
            reason=problem.message if problem is not None else "",
            address=host.address,
            error=error,
        )


def _zone_info(zone: Zone, hosts: Collection[SshHost]) -> ZoneInfo:
    if any(host.link.up for host in hosts) or not all(host.link.error for host in hosts):
        return ZoneInfo(zone)
    since = max(host.link.down_since for host in hosts if host.link.down_since is not None)
    silent = "its host has not answered" if len(hosts) == 1 else f"none of its {len(hosts)} hosts has answered"
    return ZoneInfo(zone, ZoneState.IMPAIRED, f"{silent} since {since:%H:%M:%S} UTC")
