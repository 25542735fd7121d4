"""Streams to the ports of jobs, on a real agent; and the copying between two streams."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from atoll.backends.agents import HttpAgent
from atoll.backends.base import InvalidRequest, NotFound
from atoll.model.endpoint import UnixSocket
from atoll.tunnels.endpoints import open_stream
from atoll.wire.streams import STREAM, relay, upgrade
from tests.agent.conftest import RealAgent


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet, return what comes until its end, and how much it was."""
    writer.write(b"hello;")
    count = 0
    while data := await reader.read(1 << 16):
        count += len(data)
        writer.write(data)
        await writer.drain()
    writer.write(b";%d" % count)
    writer.close()


def through(agent: RealAgent, work: Callable[[HttpAgent, int], Awaitable[None]]) -> None:
    """Run with the agent's client and the port of something that listens beside a job."""

    async def whole() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        client = HttpAgent("i-1", lambda: open_stream(UnixSocket(str(agent.socket))))
        try:
            await asyncio.wait_for(work(client, server.sockets[0].getsockname()[1]), 30)
        finally:
            await client.close()
            server.close()

    asyncio.run(whole())


def test_a_port_is_reached_with_all_bytes_and_both_ends(agent: RealAgent) -> None:
    agent.put("j", "sleep 60")
    sent = bytes(range(256)) * 4000

    async def work(client: HttpAgent, port: int) -> None:
        async def once() -> None:
            reader, writer = await client.open_port("j", port)

            async def send() -> None:
                writer.write(sent)
                await writer.drain()
                writer.write_eof()

            sending = asyncio.create_task(send())
            got = b""
            while data := await reader.read(1 << 16):
                got += data
            await sending
            writer.close()
            assert got == b"hello;" + sent + b";%d" % len(sent)

        await asyncio.gather(*(once() for _ in range(3)))
        assert (await client.health()).jobs_running == 1

    through(agent, work)


def test_a_port_is_refused_with_the_reason(agent: RealAgent) -> None:
    agent.put("j", "sleep 60")
    agent.run("over", "true")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]

    async def work(client: HttpAgent, port: int) -> None:
        with pytest.raises(InvalidRequest, match=f"nothing listens on port {closed}"):
            await client.open_port("j", closed)
        with pytest.raises(InvalidRequest, match="job over has exited"):
            await client.open_port("over", port)
        with pytest.raises(InvalidRequest, match="from 1 to 65535"):
            await client.open_port("j", 70000)
        with pytest.raises(NotFound):
            await client.open_port("none", port)

    through(agent, work)
    plain = agent.http.get("/jobs/j/ports/80")
    assert plain.status_code == 426
    assert STREAM in plain.json()["message"]


class Writer:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.data, self.ended, self.closed = b"", False, False

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        if self.data.endswith(b"break"):
            raise ConnectionResetError

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True


def _reader(*pieces: bytes, ended: bool = True) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    for piece in pieces:
        reader.feed_data(piece)
    if ended:
        reader.feed_eof()
    return reader


def test_streams_are_closed_when_both_directions_end_one_breaks_or_nothing_moves() -> None:
    async def run(one: asyncio.StreamReader, other: asyncio.StreamReader, idle: float) -> list[Writer]:
        writers = [Writer(), Writer()]
        await asyncio.wait_for(relay((one, writers[0]), (other, writers[1]), idle), 20)
        assert all(writer.closed for writer in writers)
        return writers

    async def whole() -> None:
        near, far = await run(_reader(b"question"), _reader(b"answer"), 60)
        assert (near.data, far.data, near.ended, far.ended) == (b"answer", b"question", True, True)
        await run(_reader(b"break"), _reader(ended=False), 60)
        near, far = await run(_reader(b"half", ended=False), _reader(ended=False), 0.05)
        assert (far.data, far.ended) == (b"half", False)

    asyncio.run(whole())


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 101", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 500 x\r\ncontent-length: 9\r\n\r\nhalf"]
)
def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    async def whole() -> Any:
        return await upgrade(_reader(answer), Writer(), "/x", {})

    with pytest.raises(ValueError, match="answer"):
        asyncio.run(whole())
