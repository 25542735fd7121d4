"""One host with its link, its facts and its agent: what a backend of hosts knows of it without a call."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address, ip_network

from atoll.backends.hosts import bootstrap
from atoll.backends.hosts.bootstrap import Facts
from atoll.model.endpoint import Endpoint, SshSocket
from atoll.tunnels.endpoints import open_stream
from atoll.tunnels.host import Host
from atoll.tunnels.link import Link
from atoll.tunnels.pins import Pins
from atoll.tunnels.stream import Stream, TunnelError

MOST_CONNECTING = 16
"""How many connections of one backend are made at the same time."""

LOOK_SECONDS = 3.0
"""How long a plan waits for a host that is looked at again, and how old its facts are at most."""

ENDING_SECONDS = 86400.0
"""How long an agent on a host that is away is remembered as one to be ended."""


async def _nothing(token: str) -> None:
    """What most backends do when an agent has ended."""


class SshHost:
    """One host: its link, what it is, and the machine that shall run there (`token`, None: none).

    `on_ended` runs with the token of each agent that has ended there. `metadata` is the URL of the service from which
    the agent reads the provider's notices. `former` are the tokens of agents that a server before this one started
    there, and that nothing has mentioned since.
    """

    def __init__(
        self,
        host: Host,
        pins: Pins,
        making: asyncio.Semaphore,
        owner: str,
        on_ended: Callable[[str], Awaitable[None]] = _nothing,
        metadata: str = "",
    ) -> None:
        self.host = host
        self.former: set[str] = set()
        self._on_ended = on_ended
        self._metadata = metadata
        self.facts: Facts | None = None
        self._looked = 0.0
        self.token: str | None = None
        self.endpoint: SshSocket | None = None
        self._owner = owner
        self._ending: dict[str, float] = {}
        self._lock = asyncio.Lock()
        self.link = Link(host, pins, making, self._prepare)

    @property
    def problem(self) -> TunnelError | None:
        """Why it cannot be used now; None when it can be."""
        if self.link.error is not None:
            return self.link.error
        if self.facts is not None and self.facts.owner not in ("", self._owner):
            text = bootstrap.belongs(self.host.name, self.facts.owner, self.facts.owned_since)
            return TunnelError(text, permanent=True)
        return None

    @property
    def address(self) -> str:
        """Where other nodes reach it."""
        host = self.host
        if not host.address and host.network and self.facts is not None:
            inside = [
                address
                for address in self.facts.addresses
                if ip_address(address) in ip_network(host.network, strict=False)
            ]
            if inside:
                return inside[0]
        return host.address or host.login.hostname

    def want(self, token: str) -> None:
        """Run the agent of this machine there, at once or when the host is connected; idempotent."""
        self.former.discard(token)
        if self.token != token:
            self.token, self.endpoint = token, None
            self.link.hurry() if not self.link.up else self._restart()

    async def open(self, token: str, endpoint: Endpoint) -> Stream:
        """A stream to the agent of machine `token` at `endpoint`. Raises TunnelError."""
        if self.token != token or not self.link.up or self.endpoint is None:
            raise self.link.error or TunnelError(f"{self.host.name}: the agent is being started")
        return await open_stream(endpoint, lambda _: self.link)

    async def end(self, token: str) -> None:
        """End the agent of machine `token`: now, or when the host is back. Raises TunnelError."""
        self.end_later(token)
        if self.link.up:
            async with self._lock:
                await self._end(self.link)

    def end_later(self, token: str, seconds: float = ENDING_SECONDS) -> None:
        """End the agent of machine `token` when the host is connected next, within `seconds`."""
        if self.token == token:
            self.token, self.endpoint = None, None
        self.former.discard(token)
        self._ending[token] = time.monotonic() + seconds

    @property
    def tokens(self) -> frozenset[str]:
        """The machines whose agents may run there, and are not to be ended."""
        return frozenset(self.former if self.token is None else {*self.former, self.token})

    @property
    def ends(self) -> bool:
        """Whether an agent is to be ended there."""
        return any(until > time.monotonic() for until in self._ending.values())

    @property
    def serves(self) -> bool:
        """Whether an agent runs there or is still to be ended, although nothing may declare the host any more."""
        return bool(self.tokens) or self.ends

    async def attempt(self, seconds: float) -> None:
        """Connect now where it is down; look again where it could not be used; at most `seconds`."""
        await self.link.attempt(seconds)
        if self.link.up and self.problem is not None:
            with suppress(TunnelError):
                async with self._lock:
                    await self._look(self.link)

    async def look_for_engine(self) -> None:
        """Look again at a connected host that had no container engine: one may have been installed since."""
        facts = self.facts
        if not self.link.up or facts is None or facts.instance_type.containers or not self._is_old():
            return
        with suppress(TunnelError, TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS), self._lock:
                if self._is_old():
                    await self._look(self.link)

    def _is_old(self) -> bool:
        return time.monotonic() - self._looked > LOOK_SECONDS

    async def _look(self, link: Link) -> None:
        self.facts = await bootstrap.look(link, self.host.name)
        self._looked = time.monotonic()

    async def refresh(self) -> None:
        """Start the agent again where it does not answer: the host was rebooted, or the agent killed."""
        async with self._lock:
            await self._start(self.link)

    async def close(self) -> None:
        """End the connection. The agent continues."""
        await self.link.close()

    def _restart(self) -> None:
        task = asyncio.create_task(self._try_start())
        self._starting = task  # kept, so that it is not collected

    async def _try_start(self) -> None:
        try:
            await self.refresh()
        except TunnelError as error:
            self.link.refuse(error)

    async def _prepare(self, link: Link) -> None:
        async with self._lock:
            await self._end(link)
            await self._look(link)
            await self._start(link)
            await self._end(link)  # what was to end meanwhile found no link that is up

    async def _end(self, link: Link) -> None:
        for token in tuple(self._ending):
            await bootstrap.stop(link, self._owner, token)
            del self._ending[token]
            await self._on_ended(token)

    async def _start(self, link: Link) -> None:
        token = self.token
        if token is not None:
            socket = await bootstrap.start(link, self._owner, token, self._metadata)
            if self.token == token:
                self.endpoint = SshSocket(self.host.name, socket)
