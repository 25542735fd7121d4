"""Clients that are silent, slow or send too much: each connection ends in time, and others are answered meanwhile."""

import http.client
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.server.process import ServerProcess

FEW_DESCRIPTORS = 128


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "home") as started:
        yield started


def connected(server: ServerProcess, sent: bytes = b"") -> socket.socket:
    where = urlsplit(server.address)
    connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=60)
    connection.sendall(sent)
    return connection


def healthy(server: ServerProcess) -> bool:
    with urllib.request.urlopen(f"{server.address}/healthz", timeout=20) as answer:
        return bool(answer.status == 200)


def head(server: ServerProcess, more: str = "") -> bytes:
    return (
        f"POST /api/projects/main/plan HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n{more}".encode()
    )


def test_a_silent_connection_and_half_a_request_end_with_an_answer(server: ServerProcess) -> None:
    half = [b"", head(server), head(server, "Content-Length: 100\r\nContent-Type: application/json\r\n\r\n{")]
    connections = [connected(server, sent) for sent in half]
    answers = [connection.makefile("rb").read() for connection in connections]
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 408"] * 3
    assert healthy(server)
    for connection in connections:
        connection.close()


def test_more_silent_connections_than_descriptors_leave_place_for_others(server: ServerProcess) -> None:
    pid = int((server.home / "server.lock").read_text())
    subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={FEW_DESCRIPTORS}"], check=True)
    with ExitStack() as stack:
        for _ in range(2 * FEW_DESCRIPTORS):
            stack.enter_context(connected(server))
        assert healthy(server)
    assert server.log.count("Too many open files") < 5


def test_a_head_that_is_too_long_is_refused(server: ServerProcess) -> None:
    with connected(server, head(server, f"X-Long: {'x' * 40_000}\r\nContent-Length: 0\r\n\r\n")) as connection:
        answer = connection.makefile("rb").readline()
    assert b" 431 " in answer or b" 400 " in answer


def test_half_a_surrogate_pair_is_refused_and_is_no_failure(server: ServerProcess) -> None:
    body = b'{"name": "\\ud800"}'
    more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head(server, more).replace(b"projects/main/plan", b"users") + body
    with connected(server, request) as connection:
        assert b" 422 " in connection.makefile("rb").readline()


def test_a_connection_in_use_stays_open(server: ServerProcess) -> None:
    where = urlsplit(server.address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    connection.connect()
    opened = connection.sock
    for _ in range(26):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        assert connection.sock is opened
        time.sleep(0.5)
    connection.close()
