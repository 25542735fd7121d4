"""Streams to endpoints of this machine, over real sockets and processes; those over SSH are tested with real hosts."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.model.endpoint import Endpoint, ExecStream, SshSocket, TcpSocket, UnixSocket
from atoll.tunnels.endpoints import open_stream
from atoll.tunnels.stream import TunnelError


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Return one line."""
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()


async def answer(endpoint: Endpoint) -> bytes:
    """What comes back for `hello`."""
    reader, writer = await open_stream(endpoint)
    writer.write(b"hello\n")
    await writer.drain()
    received = await asyncio.wait_for(reader.read(100), 5)
    writer.close()
    return received


@pytest.fixture(autouse=True)
async def no_command_left() -> AsyncIterator[None]:
    """Wait for the end of the test's commands, and for the threads in which asyncio waits for them."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    yield
    async with asyncio.timeout(10):
        while {*children.read_text().split()} - before or any("waitpid" in one.name for one in threading.enumerate()):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0)


async def test_a_unix_socket_gives_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with await asyncio.start_unix_server(echo, path):
        assert await answer(UnixSocket(str(path))) == b"hello\n"


async def test_a_tcp_port_gives_a_stream() -> None:
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        assert await answer(TcpSocket("127.0.0.1", server.sockets[0].getsockname()[1])) == b"hello\n"


async def test_a_command_gives_a_stream_of_its_input_and_output() -> None:
    assert await answer(ExecStream(("cat",))) == b"hello\n"


async def test_a_command_ends_with_its_stream(tmp_path: Path) -> None:
    reader, writer = await open_stream(ExecStream(("sh", "-c", "echo $$; exec sleep 100")))
    pid = int(await reader.read(100))
    writer.close()
    assert await asyncio.wait_for(reader.read(100), 5) == b""
    async with asyncio.timeout(10):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (UnixSocket("/nowhere/agent.sock"), "/nowhere/agent.sock: No such file or directory"),
        (TcpSocket("127.0.0.1", 1), "127.0.0.1 port 1: "),
        (ExecStream(("/nowhere/kubectl", "exec")), "`/nowhere/kubectl` cannot be run: No such file or directory"),
        (SshSocket("rack-1", "/agent.sock"), "rack-1 is not connected: this backend reaches no host by SSH"),
        (ExecStream(("srun",), "login-1"), "login-1 is not connected: this backend reaches no host by SSH"),
    ],
)
async def test_an_endpoint_that_cannot_be_reached_is_named_with_the_cause(endpoint: Endpoint, message: str) -> None:
    with pytest.raises(TunnelError) as error:
        await open_stream(endpoint)
    assert error.value.message.startswith(message)
