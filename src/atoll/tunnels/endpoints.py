"""Endpoints to byte streams."""

import asyncio
import shlex
from asyncio.subprocess import DEVNULL, PIPE, SubprocessStreamProtocol
from collections.abc import Awaitable, Callable
from typing import assert_never

from atoll.model.endpoint import Endpoint, ExecStream, SshSocket, TcpSocket, UnixSocket
from atoll.tunnels.link import Link
from atoll.tunnels.stream import Stream, TunnelError

DIAL_SECONDS = 5.0
"""How long opening a stream may take. A command counts as open once it runs."""

LIMIT = 1 << 16
"""How many bytes of a command's output are read ahead."""

LinkOf = Callable[[str], Link]
"""The kept connection to a host by its name. Raises TunnelError where there is none."""


async def open_stream(endpoint: Endpoint, link_of: LinkOf | None = None) -> Stream:
    """A new stream to `endpoint`; `link_of` finds the connections to hosts. Raises TunnelError."""
    match endpoint:
        case UnixSocket(path):
            return await _connected(path, asyncio.open_unix_connection(path))
        case TcpSocket(host, port):
            return await _connected(f"{host} port {port}", asyncio.open_connection(host, port))
        case SshSocket(host, path):
            return await _link(link_of, host).open(path)
        case ExecStream(command, ""):
            return await _run(command)
        case ExecStream(command, host):
            return await _link(link_of, host).start(shlex.join(command))
        case _:
            assert_never(endpoint)


def _link(link_of: LinkOf | None, host: str) -> Link:
    if link_of is None:
        raise TunnelError(f"{host} is not connected: this backend reaches no host by SSH")
    return link_of(host)


async def _connected(name: str, connecting: Awaitable[Stream]) -> Stream:
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            return await connecting
    except TimeoutError as error:
        raise TunnelError(f"{name}: no answer within {DIAL_SECONDS:.0f} s") from error
    except OSError as error:
        raise TunnelError(f"{name}: {error.strerror or error}") from error


async def _run(command: tuple[str, ...]) -> Stream:
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(LIMIT, loop), *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
        )
    except OSError as error:
        raise TunnelError(f"`{command[0]}` cannot be run: {error.strerror or error}") from error
    assert protocol.stdin is not None
    assert protocol.stdout is not None
    return protocol.stdout, _Input(transport, protocol.stdin)


class _Input:
    """The input of a command, which is killed when its stream is closed."""

    def __init__(self, transport: asyncio.SubprocessTransport, stdin: asyncio.StreamWriter) -> None:
        self._transport = transport
        self._stdin = stdin

    def write(self, data: bytes) -> None:
        self._stdin.write(data)

    async def drain(self) -> None:
        await self._stdin.drain()

    def can_write_eof(self) -> bool:
        return self._stdin.can_write_eof()

    def write_eof(self) -> None:
        self._stdin.write_eof()

    def close(self) -> None:
        self._transport.close()
