"""Streams to what a job listens on: a request for a port becomes a connection to it."""

from __future__ import annotations

import asyncio

from atoll.agent.http import HttpError, Response
from atoll.wire.streams import STREAM, relay

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 86400.0
"""The server ends idle streams sooner; this is for those of a server that is gone."""
LOOPBACK = ("127.0.0.1", "::1")
LARGEST_PORT = 65535


async def to_port(text: str) -> Response:
    """The answer that becomes a connection to this port. Raises HttpError: 409 where nothing listens there."""
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) <= LARGEST_PORT):
        raise HttpError(422, f"a port is a number from 1 to {LARGEST_PORT}")
    far = await _connected(int(text))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await relay((reader, writer), far, IDLE_SECONDS)

    return Response(status=101, headers={"connection": "upgrade", "upgrade": STREAM}, stream=carry)


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for address in LOOPBACK:
        try:
            return await asyncio.wait_for(asyncio.open_connection(address, port), CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError):
            continue
    raise HttpError(409, f"nothing listens on port {port}")
