"""Byte streams in place of HTTP: a request asks for an upgrade, and after the answer 101 its connection carries bytes.

The agent serves such requests to the server, and the server to clients. All of them use this, on Python 3.9 and newer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

STREAM = "atoll-stream"
"""The protocol that a connection is upgraded to."""
SWITCHING = 101
HEAD_BYTES = 16 << 10
BODY_BYTES = 64 << 10
CHUNK = 1 << 18
"""Bytes of one piece: as many are held for each direction."""


async def relay(one: tuple[Any, Any], other: tuple[Any, Any], idle: float) -> None:
    """Copy in both directions until both have ended, one breaks, or nothing has come for `idle` seconds.

    Each is a reader and a writer, as asyncio's. The end of one direction is passed on, and the other one continues;
    at the end both are closed.
    """
    loop = asyncio.get_running_loop()
    last = loop.time()

    async def copy(reader: Any, writer: Any) -> None:
        nonlocal last
        while data := await reader.read(CHUNK):
            last = loop.time()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    pending = {asyncio.ensure_future(copy(one[0], other[1])), asyncio.ensure_future(copy(other[0], one[1]))}
    try:
        while pending and (left := last + idle - loop.time()) > 0:
            done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if any(task.exception() is not None for task in done):
                break
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for _, writer in (one, other):
            with suppress(Exception):  # it may be broken already, in the way of its own kind
                writer.close()


class Begun:
    """A reader that begins with bytes that came with the head of the answer."""

    def __init__(self, first: bytes, reader: Any) -> None:
        self._first = first
        self._reader = reader

    async def read(self, n: int = -1) -> bytes:
        """At most `n` bytes; empty at the end."""
        if not self._first:
            data: bytes = await self._reader.read(n)
            return data
        size = len(self._first) if n < 0 else n
        taken, self._first = self._first[:size], self._first[size:]
        return taken

    def at_eof(self) -> bool:
        """Whether nothing follows."""
        return not self._first and bool(self._reader.at_eof())


async def upgrade(reader: Any, writer: Any, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Request an upgrade: the status of the answer, and what came after its head (all of its body, but for 101).

    Raises ValueError where the answer is not HTTP or breaks off, and what the stream's own kind raises.
    """
    fields = {**headers, "connection": "upgrade", "upgrade": STREAM}
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    writer.write("\r\n".join(lines).encode("latin-1"))
    await writer.drain()
    got = b""
    while b"\r\n\r\n" not in got:
        got += await _more(reader, got, HEAD_BYTES)
    head, _, rest = got.partition(b"\r\n\r\n")
    first, *found = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) < 2 or not words[1].isdecimal():
        raise ValueError(f"the answer is `{first[:80]}`")
    length = next((line.partition(":")[2] for line in found if line.lower().startswith("content-length:")), "0")
    while int(words[1]) != SWITCHING and len(rest) < int(length):
        rest += await _more(reader, rest, BODY_BYTES)
    return int(words[1]), rest


async def _more(reader: Any, got: bytes, most: int) -> bytes:
    more: bytes = await reader.read(CHUNK) if len(got) < most else b""
    if not more:
        raise ValueError("the answer breaks off")
    return more
