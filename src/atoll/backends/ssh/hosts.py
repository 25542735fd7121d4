"""The declared hosts with their links, facts and agents: what the ssh backend knows without asking."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path

from atoll.backends.hosts.host import ENDING_SECONDS, MOST_CONNECTING, SshHost
from atoll.backends.ssh.agents import KeptAgents
from atoll.tunnels.host import Host
from atoll.tunnels.pins import Pins
from atoll.tunnels.stream import TunnelError

log = logging.getLogger("atoll.backends.ssh")
CANDIDATE_SECONDS = 600.0
"""How long a host that a plan names is kept connected without a fleet that declares it."""

Declared = Callable[[], Awaitable[Collection[Host]]]
"""The hosts that fleets declare now."""


class SshHosts:
    """The hosts by name. Those that fleets declare, that a plan considers or that have an agent have a link."""

    def __init__(self, folder: Path) -> None:
        self.owner = ""
        self.declared: Declared | None = None
        self.agents = KeptAgents(folder / "agents.json")
        self._pins = Pins(folder / "known_hosts")
        self._loaded = False
        self._making = asyncio.Semaphore(MOST_CONNECTING)
        self._hosts: dict[str, SshHost] = {}
        self._wanted: dict[str, Host] = {}
        self._candidates: dict[str, tuple[Host, float]] = {}
        self._lock = asyncio.Lock()

    async def all(self) -> Mapping[str, SshHost]:
        """The hosts as they are declared now, each with its link, and former ones until their agents have ended."""
        async with self._lock:
            wanted = {host.name: host for host in (await self.declared() if self.declared else ())}
            now = time.monotonic()
            self._candidates = {name: each for name, each in self._candidates.items() if each[1] > now}
            wanted = {name: host for name, (host, _) in self._candidates.items()} | wanted
            if not self._loaded:
                self._loaded = True
                await self._load(wanted)
            for name, known in tuple(self._hosts.items()):
                host = wanted.get(name)
                if host == known.host or (known.serves and (host is None or not host.takes_over(known.host))):
                    continue
                token = known.token
                del self._hosts[name]
                await known.close()
                if host is not None and token is not None:
                    self._add(host).want(token)
            for name in wanted.keys() - self._hosts.keys():
                self._add(wanted[name])
            self._wanted = wanted
            return dict(self._hosts)

    async def _load(self, wanted: Mapping[str, Host]) -> None:
        """Take up the hosts with agents that a server before this one started: by their log-ins of then, where these
        are not the present ones."""
        for token, kept in self.agents.all().items():
            left = ENDING_SECONDS - (0 if kept.ending_since is None else time.time() - kept.ending_since)
            if left <= 0:
                log.warning("host=%s did not answer for a day: an agent of ours may still run there", kept.host.name)
                await self.agents.drop(token)
                continue
            declared = wanted.get(kept.host.name)
            same = declared is not None and declared.takes_over(kept.host)
            known = self._hosts.get(kept.host.name) or self._add(declared if declared and same else kept.host)
            if not known.host.takes_over(kept.host):
                continue  # of two former log-ins to one host, the other one's turn is after the next start
            if kept.ending_since is None:
                known.former.add(token)
            else:
                known.end_later(token, left)

    async def offered(self) -> Mapping[str, SshHost]:
        """Those of the hosts that are declared now or considered by a plan."""
        return {name: host for name, host in (await self.all()).items() if name in self._wanted}

    def moves(self, name: str, zone: str) -> bool:
        """Whether a host is declared in this zone and still has an agent from when it was declared otherwise."""
        wanted, known = self._wanted.get(name), self._hosts.get(name)
        return wanted is not None and known is not None and wanted.zone == zone and not wanted.takes_over(known.host)

    async def consider(self, hosts: Collection[Host], seconds: float) -> dict[str, TunnelError]:
        """Connect to hosts that no fleet declares yet: why some cannot be used, by name, after at most `seconds`."""
        until = time.monotonic() + CANDIDATE_SECONDS
        self._candidates |= {host.name: (host, until) for host in hosts}
        known = await self.all()
        mine = [known[host.name] for host in hosts]
        await asyncio.gather(*(each.attempt(seconds) for each in mine))
        problems = {}
        for each in mine:
            if each.facts is None or each.problem is not None:
                late = TunnelError(f"{each.host.name} does not answer within {seconds:.0f} s")
                problems[each.host.name] = each.problem or late
        return problems

    async def close(self) -> None:
        """End all connections. Agents continue."""
        hosts, self._hosts = list(self._hosts.values()), {}
        await asyncio.gather(*(host.close() for host in hosts))

    def _add(self, host: Host) -> SshHost:
        added = self._hosts[host.name] = SshHost(host, self._pins, self._making, self.owner, self.agents.drop)
        return added
