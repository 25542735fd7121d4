"""Streams to endpoints of real hosts, over one kept SSH connection."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

from atoll.model.endpoint import Endpoint, ExecStream, SshSocket
from atoll.tunnels.endpoints import open_stream
from atoll.tunnels.host import Host, Login
from atoll.tunnels.link import Link
from atoll.tunnels.pins import Pins
from tests.hosts.conftest import Lab

SOCKET = "/root/echo 'here'.sock"
ECHO = f"""
import os, socket
listener = socket.socket(socket.AF_UNIX)
listener.bind({json.dumps(SOCKET)})
listener.listen()
print("ready", flush=True)
stream = listener.accept()[0]
stream.sendall(stream.recv(100))
"""


async def test_sockets_and_commands_of_a_host_give_streams(lab: Lab, tmp_path: Path) -> None:
    async def up(link: Link) -> None:
        del link

    login = Login(lab.address(1), "root", identity_file=str(lab.identity))
    link = Link(Host(login), Pins(tmp_path / "known_hosts"), asyncio.Semaphore(1), up)
    try:
        await link.attempt(10)

        async def exchange(endpoint: Endpoint) -> bytes:
            reader, writer = await open_stream(endpoint, lambda name: {login.name: link}[name])
            with suppress(BrokenPipeError):  # a command that reads nothing may have ended
                writer.write(b"hello\n")
                await writer.drain()
            received = await asyncio.wait_for(reader.read(100), 5)
            writer.close()
            return received

        assert await exchange(ExecStream(("cat",), login.name)) == b"hello\n"
        assert await exchange(ExecStream(("printf", "%s", "a b; $HOME 'c'"), login.name)) == b"a b; $HOME 'c'"
        reader, writer = await open_stream(ExecStream(("python3", "-c", ECHO), login.name), lambda _: link)
        assert await asyncio.wait_for(reader.read(100), 5) == b"ready\n"
        assert await exchange(SshSocket(login.name, SOCKET)) == b"hello\n"
        writer.close()
    finally:
        lab.on(1, 1, f'rm -f "{SOCKET}"')
        await link.close()
