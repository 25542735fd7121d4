"""Notices of a provider, read by a real agent from a metadata service with the rules of EC2's version 2."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from atoll.agent.notices import LEAST_NOTICE, Notices
from atoll.wire.agent import Notice, NoticeKind
from tests.agent.conftest import RealAgent

INTERRUPTION = "/latest/meta-data/spot/instance-action"
REBALANCE = "/latest/meta-data/events/recommendations/rebalance"


class Metadata(ThreadingHTTPServer):
    """A metadata service; `documents` by path, and a `token` that a reader needs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.documents: dict[str, dict[str, str]] = {}
        self.token = "first"
        self.reads = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Metadata

    def log_message(self, *_: Any) -> None:
        return

    def do_PUT(self) -> None:
        named = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        self._send(200 if named else 400, self.server.token.encode())

    def do_GET(self) -> None:
        self.server.reads += 1
        if self.headers["X-aws-ec2-metadata-token"] != self.server.token:
            self._send(401, b"")
            return
        found = self.server.documents.get(self.path)
        self._send(404 if found is None else 200, json.dumps(found).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    server = Metadata()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def watched(metadata: Metadata, until: Callable[[Notices], bool]) -> Notices:
    """What is read of the service until something is so."""
    notices = Notices(metadata.address)

    async def watch() -> None:
        task = asyncio.create_task(notices.watch(0.01))
        async with asyncio.timeout(20):
            while not until(notices):
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(watch())
    return notices


def test_a_machine_without_a_notice_has_none_and_is_read_again(metadata: Metadata) -> None:
    assert watched(metadata, lambda _: metadata.reads > 4).latest is None


def test_an_interruption_has_its_time_and_follows_a_recommendation(metadata: Metadata) -> None:
    metadata.documents[REBALANCE] = {"noticeTime": "2026-11-29T10:00:00Z"}
    began = datetime(2026, 11, 29, 10, tzinfo=UTC)
    found = watched(metadata, lambda notices: notices.latest is not None)
    assert found.latest == Notice(NoticeKind.REBALANCE, began)
    metadata.documents[INTERRUPTION] = {"action": "terminate", "time": "2026-11-29T10:02:00Z"}
    found = watched(metadata, lambda notices: notices.latest is not None)
    assert found.latest == Notice(NoticeKind.INTERRUPTION, began + timedelta(minutes=2))


def test_an_expired_token_is_replaced(metadata: Metadata) -> None:
    def expired(notices: Notices) -> bool:
        if metadata.reads > 2 and metadata.token == "first":
            metadata.token = "second"
            metadata.documents[INTERRUPTION] = {"action": "stop", "time": "2026-11-29T10:02:00Z"}
        return notices.latest is not None

    assert watched(metadata, expired).latest is not None


def test_a_notice_without_a_readable_time_counts_as_the_shortest(metadata: Metadata) -> None:
    metadata.documents[INTERRUPTION] = {"action": "terminate", "time": "soon"}
    found = watched(metadata, lambda notices: notices.latest is not None).latest
    assert found is not None
    assert abs(found.at - datetime.now(UTC) - LEAST_NOTICE) < timedelta(minutes=1)


def test_an_agent_reports_a_notice_with_its_health_and_with_each_piece_of_a_log(
    metadata: Metadata, stopped: RealAgent
) -> None:
    metadata.documents[INTERRUPTION] = {"action": "terminate", "time": "2026-11-29T10:02:00Z"}
    command = stopped.command()
    stopped.command = lambda: [*command, "--metadata", metadata.address]  # type: ignore[method-assign]
    agent = stopped.start()
    deadline = time.monotonic() + 20
    while (found := agent.http.get("/healthz").json()["notice"]) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert found == {"kind": "interruption", "at": "2026-11-29T10:02:00+00:00"}
    agent.run("j", "echo hello")
    assert agent.http.get("/jobs/j/logs").headers["atoll-notice"] == "true"


def test_an_agent_without_a_metadata_service_has_no_notice(agent: RealAgent) -> None:
    assert agent.http.get("/healthz").json()["notice"] is None
    agent.run("j", "echo hello")
    assert "atoll-notice" not in agent.http.get("/jobs/j/logs").headers
