"""The server's address for browsers. They cannot open a Unix socket, so `atoll web` opens a port on loopback."""

import asyncio
import logging
import socket
from functools import partial
from urllib.parse import urlsplit

import uvicorn

from atoll.engine.parts.refusal import Refused
from atoll.model.error_codes import ErrorCode
from atoll.server.home import Home
from atoll.server.listener import bound

log = logging.getLogger("atoll.server")
LOOPBACK = "127.0.0.1"
BACKLOG = 128


class WebDoor:
    """The address of the web page: the public one, the server's own, or a loopback port that is opened when needed."""

    def __init__(self, home: Home, address: str, public_url: str) -> None:
        self._home = home
        self._address = public_url.rstrip("/") or ("" if address.startswith("unix:") else address)
        self._public = public_url
        self._server: uvicorn.Server | None = None
        self._opening = asyncio.Lock()

    def hosts(self, host: str) -> list[str]:
        """The names by which browsers may reach the server, beside addresses and `localhost`."""
        return [name for name in (host, urlsplit(self._public).hostname or "") if name]

    @property
    def address(self) -> str:
        """The address for browsers; empty until a port is first opened."""
        return self._address

    def serve_with(self, server: uvicorn.Server) -> None:
        """The server that accepts the connections of a port."""
        self._server = server

    async def open(self) -> str:
        """The address for browsers. Raises Refused where no port can be opened."""
        async with self._opening:
            if not self._address:
                await self._listen()
            return self._address

    def reopened(self) -> list[socket.socket]:
        """The socket of the port that the page had before this start, so that open pages come back; none otherwise."""
        port = self._home.web_port
        if port is None or self._address:
            return []
        try:
            listener = _listening(port)
        except OSError as error:
            log.warning("port=%d the web page's port is not open: %s", port, error.strerror)
            return []
        self._address = _url(listener)
        return [listener]

    async def _listen(self) -> None:
        server = self._server
        assert server is not None, "a request opens the door, so that the server runs"
        try:
            listener = _listening(self._home.web_port or 0)
        except OSError:
            try:
                listener = _listening(0)
            except OSError as error:
                message = f"cannot open a port for the web page: {error.strerror}"
                raise Refused(ErrorCode.NO_PORT, message, status=503) from error
        taken = await asyncio.get_running_loop().create_server(partial(protocol, server), sock=listener)
        server.servers.append(taken)  # closed with the others when the server stops
        self._address = _url(listener)
        self._home.keep_web_port(listener.getsockname()[1])
        log.info("address=%s the web page is open", self._address)


def protocol(server: uvicorn.Server) -> asyncio.Protocol:
    """A new connection's protocol."""
    config = server.config
    made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
        config=config, server_state=server.server_state, app_state=server.lifespan.state
    )
    return made


def _listening(port: int) -> socket.socket:
    """A socket that listens on a loopback port; 0 is any free one. Raises OSError."""
    listener = bound(LOOPBACK, port)
    listener.listen(BACKLOG)
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"
