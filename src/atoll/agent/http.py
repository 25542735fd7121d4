"""A small HTTP/1.1 server over a Unix socket: requests with a bounded body, answered one after the other on a kept
connection.

It takes what the engine's client and curl send: a length for every body, no chunks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from atoll.model.system_error import disk_words, error_words

BODY_BYTES = 1 << 20
HEAD_BYTES = 32 << 10
HEAD_SECONDS = 10.0
"""How long the rest of a request may take to arrive, once it has begun."""


class HttpError(Exception):
    """The request cannot be met; `status` is its HTTP status, and the text is for the user."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Request:
    """One request. `path` holds the decoded segments, `query` the last value of each parameter.

    `upgrade` is the protocol that the client wants to continue with, empty for none.
    """

    method: str
    path: tuple[str, ...]
    query: dict[str, str]
    body: bytes
    upgrade: str = ""


Carry = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Uses a connection to its end."""


@dataclass
class Response:
    """One answer. After one of status 101 the connection belongs to `stream`, and is closed when that ends."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    stream: Carry | None = None

    @classmethod
    def json(cls, content: object, status: int = 200) -> Response:
        """An answer with this content as JSON."""
        return cls(json.dumps(content, separators=(",", ":")).encode(), status)


Handler = Callable[[Request], Awaitable[Response]]


class Server:
    """Serves `handle` at sockets. Exceptions other than HttpError are answered with status 500."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._connections: set[asyncio.Task[Any]] = set()
        self._idle: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end; for `asyncio.start_unix_server`."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            keep = True
            while keep and not self._closing:
                self._idle.add(task)
                first = await reader.read(1)
                self._idle.discard(task)
                keep = bool(first) and await self._serve_one(first, reader, writer)
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            self._idle.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def close(self, seconds: float) -> None:
        """End idle connections at once, and the others when their answers are sent or `seconds` have passed."""
        self._closing = True
        for task in tuple(self._idle):
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=seconds)
        for task in tuple(self._connections):
            task.cancel()

    async def _serve_one(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer the request that begins with `first`; False when the connection is to be closed."""
        keep = False
        try:
            request, keep = await asyncio.wait_for(_read(reader, first), HEAD_SECONDS)
            response = await self._answer(request)
        except HttpError as error:
            response = Response.json({"message": str(error)}, error.status)
        _write(writer, response, keep)
        await writer.drain()
        if response.stream is not None:
            await response.stream(reader, writer)
            return False
        return keep

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._handle(request)
        except HttpError as error:
            return Response.json({"message": str(error)}, error.status)
        except OSError as error:
            words = disk_words(error)
            message = f"{words} that holds the machine's jobs" if words else error_words(error)
            return Response.json({"message": message}, 507 if words else 500)
        except Exception as error:
            return Response.json({"message": f"{type(error).__name__}: {error}"}, 500)


async def _read(reader: asyncio.StreamReader, first: bytes) -> tuple[Request, bool]:
    """The rest of a request, and whether its connection is kept. Raises HttpError, EOFError."""
    try:
        head = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise HttpError(431, f"a request's head has at most {HEAD_BYTES} bytes") from None
    line, *rest = head.decode("latin-1").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise HttpError(400, "this is not HTTP/1.1")
    headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
        raise HttpError(411, "a body needs a Content-Length")
    if int(length) > BODY_BYTES:
        raise HttpError(413, f"a body has at most {BODY_BYTES} bytes")
    body = await reader.readexactly(int(length))
    target = urlsplit(words[1])
    path = tuple(unquote(segment) for segment in target.path.strip("/").split("/"))
    query = {name: values[-1] for name, values in parse_qs(target.query).items()}
    connection = headers.get("connection", "").lower()
    upgrade = headers.get("upgrade", "").lower() if connection == "upgrade" else ""
    return Request(words[0], path, query, body, upgrade), connection != "close"


def _write(writer: asyncio.StreamWriter, response: Response, keep: bool) -> None:
    reason = HTTPStatus(response.status).phrase
    length = {} if response.stream is not None else {"content-length": str(len(response.body))}
    headers = {**length, **response.headers}
    if response.body:
        headers["content-type"] = response.content_type
    if not keep:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {response.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)
