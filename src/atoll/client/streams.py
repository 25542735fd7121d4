"""Streams to jobs through the server, for clients that use asyncio."""

import asyncio
import ssl
from typing import Any
from urllib.parse import urlsplit

from atoll.client.transport import UNIX, BadAddress, Unreachable
from atoll.model.system_error import error_words
from atoll.wire.streams import SWITCHING, Begun, upgrade

OPEN_SECONDS = 70.0
"""How long opening may take: the server waits a minute for the machine."""

Stream = tuple[Any, Any]
"""A reader and a writer, as asyncio's."""


class Declined(Exception):  # noqa: N818 - an answer
    """The server answers with another status than 101."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.body = body


async def open_stream(address: str, path: str, token: str) -> Stream:
    """A stream by the route at `path`. Raises BadAddress, Unreachable, Declined."""
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            reader, writer, host, prefix = await _connected(address)
            try:
                headers = {"host": host, "authorization": f"Bearer {token}", "accept": "application/json"}
                status, rest = await upgrade(reader, writer, prefix + path, headers)
                if status != SWITCHING:
                    raise Declined(status, rest)
            except BaseException:
                writer.close()
                raise
    except TimeoutError as error:
        raise Unreachable(f"no answer for {OPEN_SECONDS:g} s", sent=True, silent=True) from error
    except OSError as error:
        raise Unreachable(error_words(error), sent=True) from error
    except ValueError as error:
        raise Unreachable(str(error), sent=True) from error
    return Begun(rest, reader), writer


async def _connected(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str, str]:
    """A connection, the host's name for the request, and the prefix of all paths."""
    if address.startswith(UNIX):
        return *await asyncio.open_unix_connection(address.removeprefix(UNIX)), "localhost", ""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise BadAddress(address)
    secure = parts.scheme == "https"
    context = ssl.create_default_context() if secure else None
    port = parts.port or (443 if secure else 80)
    return *await asyncio.open_connection(parts.hostname, port, ssl=context), parts.netloc, parts.path.rstrip("/")
