"""Connections with limits: of their number, and of the time in which a request must arrive.

An answer of status 101 makes a connection a stream of bytes: the application's `extensions` have it under `STREAM`.
"""

import asyncio
import resource
from collections.abc import Iterable
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from atoll.wire.streams import SWITCHING

HEAD_SECONDS = 10.0
"""How long a new connection may take until the head of its first request has arrived."""
BODY_SECONDS = 20.0
"""How long the body may take, and longer by what has arrived at `SLOWEST`."""
SLOWEST = 64 << 10
"""Bytes a second of the slowest body."""
CHECK_SECONDS = 1.0
STREAM = "atoll.stream"
READ_AHEAD = 1 << 18
"""Bytes of a stream that are read before they are passed on; twice as many at most."""
MOST = 2000
FOR_CONNECTIONS = 0.4
"""The part of the descriptors of the process that is for connections; files, the database and agents need some too."""
_LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def most_connections() -> int:
    """The number of connections that may be open at the same time."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if soft == resource.RLIM_INFINITY else max(16, min(MOST, int(soft * FOR_CONNECTIONS)))


class BoundedProtocol(H11Protocol):
    """HTTP on one connection, which is closed when a request does not arrive in time.

    Where too many are open, the one that has been silent for longest is closed, or else the new one.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answering = self.app
        self.app = self._answer
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and set its time limit."""
        super().connection_made(transport)
        self._body_since = self._made = self.loop.time()
        self._head_since: float | None = None
        self._received = 0
        self._checking = self.loop.call_later(CHECK_SECONDS, self._check)
        open = [one for one in cast("set[BoundedProtocol]", self.connections) if not one.transport.is_closing()]
        if len(open) > most_connections():
            min((one for one in open if one.silent), key=lambda one: one._made, default=self).transport.close()

    @property
    def silent(self) -> bool:
        """Whether no request has begun on it."""
        cycle: Any = self.cycle
        return cycle is None and not self._received

    def data_received(self, data: bytes) -> None:
        """Pass the data on."""
        self._received += len(data)
        if self._head_since is None:
            self._head_since = self.loop.time()
        before = self.conn.their_state
        super().data_received(data)
        if self.conn.their_state is h11.SEND_BODY and before is not h11.SEND_BODY:
            self._body_since, self._received = self.loop.time(), 0
        if self.conn.their_state is not h11.IDLE or not self.conn.trailing_data[0]:
            self._head_since = None  # the head has arrived, or a whole request

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._checking.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End the connection when its answer is sent; a stream at once."""
        if self._stream is not None:
            self._stream[1].close()
        else:
            super().shutdown()

    def _unsupported_upgrade_warning(self) -> None:
        """Upgrades to others are answered as plain requests, without a line in the log."""

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        async def pass_on(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == SWITCHING:
                self._switch(message["headers"])
            elif self._stream is None:
                await send(message)

        scope["extensions"] = {STREAM: lambda: self._stream}
        await self._answering(scope, receive, pass_on)

    def _switch(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Answer with these headers, and make the connection a stream."""
        cast(Any, self.cycle).disconnected = True  # uvicorn sends nothing more on it
        self._checking.cancel()
        reader = asyncio.StreamReader(limit=READ_AHEAD, loop=self.loop)
        protocol = _StreamProtocol(reader, self)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        self._stream = reader, asyncio.StreamWriter(self.transport, protocol, reader, self.loop)
        lines = [b"HTTP/1.1 101 Switching Protocols", *(b": ".join(header) for header in headers), b"", b""]
        self.transport.write(b"\r\n".join(lines))
        if first := self.conn.trailing_data[0]:
            reader.feed_data(first)
        self.flow.resume_reading()

    def _check(self) -> None:
        if self.transport.is_closing():
            return
        state, cycle = self.conn.their_state, cast(Any, self.cycle)
        now = self.loop.time()
        began = self._head_since if self._head_since is not None or cycle is not None else self._made
        head = state is h11.IDLE and began is not None and now - began > HEAD_SECONDS
        body = state is h11.SEND_BODY and now - self._body_since > BODY_SECONDS + self._received / SLOWEST
        if head or body:
            if cycle is None or not cycle.response_started:
                self.transport.write(_LATE)
            self.transport.close()
            return
        self._checking = self.loop.call_later(CHECK_SECONDS, self._check)


class _StreamProtocol(asyncio.StreamReaderProtocol):
    """The protocol of a connection that is a stream: `http` is what it was before, and still counts it."""

    def __init__(self, reader: asyncio.StreamReader, http: BoundedProtocol) -> None:
        super().__init__(reader)
        self._http = http

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._http.connection_lost(exc)
