"""The HTTP client of agents, against a real socket."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from atoll.backends.agents import HttpAgent
from atoll.backends.base import InvalidRequest, NotFound, Unavailable
from atoll.model.endpoint import UnixSocket
from atoll.tunnels.endpoints import open_stream
from atoll.wire.agent import JobPhase, JobSubmission, Mount

RUNNING = b'{"id":"j","phase":"running","log_bytes":5,"started_at":"2026-11-24T10:00:00Z","new_field":1}'


class Server:
    """Answers every request with `status`, `body` and `headers`, and keeps the requests."""

    def __init__(self) -> None:
        self.status, self.body, self.headers, self.delay = 200, RUNNING, "", 0.0
        self.requests: list[tuple[str, bytes]] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                lengths = [int(line[15:]) for line in lines if line.lower().startswith("content-length:")]
                self.requests.append((lines[0], await reader.readexactly(lengths[0] if lengths else 0)))
                await asyncio.sleep(self.delay)
                answer = f"HTTP/1.1 {self.status} X\r\n{self.headers}content-length: {len(self.body)}\r\n\r\n"
                writer.write(answer.encode() + self.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def run(work: Callable[[HttpAgent, Server], Coroutine[Any, Any, None]], call_seconds: float = 5) -> None:
    """Run with a server on a Unix socket and its client."""

    async def whole() -> None:
        with TemporaryDirectory(dir="/tmp") as folder:
            path, server = Path(folder, "agent.sock"), Server()
            listening = await asyncio.start_unix_server(server.serve, path)
            agent = HttpAgent("i-1", partial(open_stream, UnixSocket(str(path))), call_seconds=call_seconds)
            try:
                await work(agent, server)
            finally:
                await agent.close()
                listening.close()
                await listening.wait_closed()
                await asyncio.sleep(0)

    asyncio.run(whole())


def test_a_submission_crosses_whole_and_the_connection_is_kept() -> None:
    async def work(agent: HttpAgent, server: Server) -> None:
        submission = JobSubmission(("echo ok",), {"A": "b"}, mounts=(Mount("data", "/v/1", "/data"),))
        state = await agent.submit("a/b c", submission)
        assert (state.phase, state.log_bytes) == (JobPhase.RUNNING, 5)
        assert state.started_at is not None
        await agent.stop("a/b c", 2.5)
        (put, body), (post, stop) = server.requests
        assert put == "PUT /jobs/a%2Fb%20c HTTP/1.1"
        assert b'"mounts":[{"volume":"data","source":"/v/1","path":"/data"}]' in body
        assert (post, stop) == ("POST /jobs/a%2Fb%20c/stop HTTP/1.1", b'{"grace":2.5}')
        assert server.connections == 1

    run(work)


def test_a_log_is_read_from_an_offset_until_its_end() -> None:
    async def work(agent: HttpAgent, server: Server) -> None:
        server.body = b"line\n"
        assert not (await agent.logs("j")).end
        server.headers = "Atoll-Log-End: true\r\n"
        chunk = await agent.logs("j", offset=7, limit=100, wait=3)
        assert (chunk.data, chunk.end) == (b"line\n", True)
        assert server.requests[-1][0] == "GET /jobs/j/logs?offset=7&limit=100&wait=3 HTTP/1.1"

    run(work)


def test_an_unknown_job_is_not_found_and_forgetting_it_succeeds() -> None:
    async def work(agent: HttpAgent, server: Server) -> None:
        server.status, server.body = 404, b'{"code":"unknown-job","message":"there is no job j"}'
        with pytest.raises(NotFound, match="there is no job j"):
            await agent.state("j")
        await agent.forget("j")

    run(work)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (409, b'{"message":"still running"}', InvalidRequest),
        (422, b"[]", InvalidRequest),
        (500, b"oops", Unavailable),
        (200, b"<html>", Unavailable),
        (200, b'{"id":"j","phase":"dancing"}', Unavailable),
    ],
)
def test_other_answers_are_typed_errors(status: int, body: bytes, error: type[Exception]) -> None:
    async def work(agent: HttpAgent, server: Server) -> None:
        server.status, server.body = status, body
        with pytest.raises(error):
            await agent.state("j")

    run(work)


def test_an_agent_that_does_not_answer_in_time_is_unavailable() -> None:
    async def work(agent: HttpAgent, server: Server) -> None:
        server.delay = 0.5
        with pytest.raises(Unavailable):
            await agent.health()

    run(work, call_seconds=0.05)


def test_an_agent_that_is_not_there_is_unavailable() -> None:
    async def work() -> None:
        agent = HttpAgent("i-1", partial(open_stream, UnixSocket("/nowhere/agent.sock")))
        with pytest.raises(Unavailable):
            await agent.health()
        await agent.close()

    asyncio.run(work())
