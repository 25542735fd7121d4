"""One user cannot stop another: large requests end with their client, and hold up neither others nor a stop."""

import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from atoll.client import ApiError, Client
from atoll.wire.api import SourceFile, Submission
from tests.server.process import ServerProcess

TASK = "---\ntype: task\nname: t{0}\ncommands: [work]\nresources: {{cpu: {1}}}\nvolumes: ['v{0}:/v']\n"
VOLUME = "---\ntype: volume\nname: v{0}\nbackend: fake\nregion: fake-1\nsize: 1GB\n"
LARGE = Submission((SourceFile("large.yml", "".join((VOLUME + TASK).format(n, 1 + n % 7) for n in range(200))[4:]),))
SMALL = Submission((SourceFile("small.yml", "type: task\nname: small\ncommands: [work]\n"),))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "home") as started:
        yield started


def sent(server: ServerProcess, submission: Submission) -> socket.socket:
    """A plan that was requested and whose answer is not read."""
    where = urlsplit(server.address)
    body = json.dumps({"files": [{"name": one.name, "text": one.text} for one in submission.files]}).encode()
    head = f"POST /api/projects/main/plan HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
    connection = socket.create_connection((where.hostname or "", where.port or 0))
    connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def metric(server: ServerProcess, name: str) -> float:
    request = urllib.request.Request(f"{server.address}/metrics", headers={"Authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def until(true: Callable[[], object]) -> None:
    limit = time.monotonic() + 40
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_plan_ends_when_its_client_leaves_and_others_are_answered_meanwhile(server: ServerProcess) -> None:
    client = server.client
    client.create_user("ben", admin=True)
    ben = Client(server.address, client.create_token("here", user="ben").token)
    assert ben.plan(SMALL).plan.complete
    with sent(server, LARGE):
        time.sleep(0.5)
        assert ben.plan(SMALL).plan.complete
    until(lambda: metric(server, 'atoll_computing_seconds_count{outcome="cancelled"}'))
    assert client.plan(SMALL).plan.complete


def test_a_stop_does_not_wait_for_what_is_computed(server: ServerProcess) -> None:
    server.client.plan(SMALL)
    connections = [sent(server, LARGE) for _ in range(4)]
    time.sleep(0.5)
    server.ask_to_stop()
    assert server.end(20) == 0
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("---\n".join(f"type: task\nname: t{n}\ncommands: [x]\n" for n in range(501)), "501 documents"),
        ("type: fleet\nname: f\nnodes: 10001\n", "10,001 nodes"),
    ],
)
def test_more_than_can_be_planned_is_refused_by_its_number(server: ServerProcess, text: str, words: str) -> None:
    with pytest.raises(ApiError) as refused:
        server.client.plan(Submission((SourceFile("many.yml", text),)))
    assert words in str(refused.value.problem)
