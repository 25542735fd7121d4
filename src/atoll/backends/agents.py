"""The agent's HTTP protocol from the engine's side, over any byte stream to its socket; backends with real machines
share it.

A client keeps its streams open between calls, since the engine calls each machine often. A machine's client is created
at its first use, and dropped with the machine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpcore
import msgspec

from atoll.backends.agent_client import LogChunk
from atoll.backends.base import BackendError, InvalidRequest, Machine, NotFound, Unavailable
from atoll.model.endpoint import Endpoint
from atoll.model.system_error import error_words
from atoll.tunnels.stream import Dial, Reader, Stream, TunnelError, Writer
from atoll.wire.agent import ArchiveState, Health, JobReport, JobStop, JobSubmission
from atoll.wire.streams import SWITCHING, Begun, upgrade

CALL_SECONDS = 10.0
"""How long one call may take beyond the time that it waits at the agent."""

CONNECT_SECONDS = 6.0
MOST_STREAMS = 16
"""How many streams to one machine may be open at once; further calls wait for one."""

T = TypeVar("T")


class HttpAgent:
    """One machine's agent over the streams of `dial`; `name` stands for the machine in messages."""

    def __init__(self, name: str, dial: Dial, *, call_seconds: float = CALL_SECONDS) -> None:
        self._name = name
        self._dial = dial
        self._call_seconds = call_seconds
        self._http = httpcore.AsyncConnectionPool(
            max_connections=MOST_STREAMS, keepalive_expiry=60, network_backend=_Streams(dial)
        )

    async def health(self) -> Health:
        """The agent's own state."""
        return _decode(await self._call("GET", "/healthz"), Health)

    async def jobs(self) -> list[JobReport]:
        """Every job that the agent knows."""
        return _decode(await self._call("GET", "/jobs"), list[JobReport])

    async def submit(self, job: str, submission: JobSubmission) -> JobReport:
        """Start a job; idempotent by its id."""
        return _decode(await self._call("PUT", _path(job), body=submission), JobReport)

    async def archive(self, digest: str) -> ArchiveState:
        """How much of an archive is on the machine."""
        return _decode(await self._call("GET", f"/archives/{digest}"), ArchiveState)

    async def send_archive(self, digest: str, offset: int, data: bytes, end: bool) -> ArchiveState:
        """Add to an archive what follows `offset`; `end` says that nothing follows."""
        answer = await self._call("PUT", f"/archives/{digest}", content=data, offset=offset, end=int(end))
        return _decode(answer, ArchiveState)

    async def state(self, job: str, wait: float = 0) -> JobReport:
        """The job as it is now, or after a change of phase within `wait` seconds."""
        return _decode(await self._call("GET", _path(job), wait=wait), JobReport)

    async def stop(self, job: str, grace: float) -> JobReport:
        """Stop the job, with SIGKILL after `grace` seconds."""
        return _decode(await self._call("POST", _path(job) + "/stop", body=JobStop(grace)), JobReport)

    async def forget(self, job: str) -> None:
        """Remove an exited job and its files."""
        try:
            await self._call("DELETE", _path(job))
        except NotFound:
            return

    async def logs(self, job: str, offset: int = 0, limit: int = 1 << 20, wait: float = 0) -> LogChunk:
        """A piece of the log file from `offset`."""
        answer = await self._call("GET", _path(job) + "/logs", wait=wait, offset=offset, limit=limit)
        end, notice = (answer.headers.get(name, b"").lower() == b"true" for name in (b"atoll-log-end", b"atoll-notice"))
        return LogChunk(answer.content, end, notice)

    async def open_port(self, job: str, port: int) -> Stream:
        """A stream to a port that the job listens on."""
        return await self._upgraded(f"{_path(job)}/ports/{port}")

    async def shutdown(self) -> None:
        """Stop the agent and all its jobs."""
        await self._call("POST", "/shutdown")

    async def close(self) -> None:
        """Close the streams."""
        await self._http.aclose()

    async def _upgraded(self, target: str) -> Stream:
        try:
            async with asyncio.timeout(self._call_seconds):
                stream = await self._dial()
                try:
                    status, rest = await upgrade(*stream, target, {"host": "agent"})
                except BaseException:
                    stream[1].close()
                    raise
        except TunnelError as error:
            raise Unavailable(error.message) from error
        except Exception as error:  # each kind of stream has errors of its own
            raise Unavailable(f"the agent at {self._name} does not answer: {error_words(error)}") from error
        if status == SWITCHING:
            return Begun(rest, stream[0]), stream[1]
        stream[1].close()
        raise _refusal(status, rest)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: bytes | None = None,
        wait: float = 0,
        **query: int,
    ) -> "_Answer":
        params: dict[str, str | float] = dict(query)
        if wait > 0:
            params["wait"] = wait
        target = f"http://agent{path}" + (f"?{urlencode(params)}" if params else "")
        content = content if body is None else msgspec.json.encode(body)
        limits = {"connect": CONNECT_SECONDS, "pool": self._call_seconds}
        limits |= {"read": wait + self._call_seconds, "write": self._call_seconds}
        try:
            answer = await self._http.request(method, target, content=content, extensions={"timeout": limits})
        except TunnelError as error:
            raise Unavailable(error.message) from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            words = error_words(error)
            raise Unavailable(f"the agent at {self._name} does not answer: {words}") from error
        if 200 <= answer.status < 300:
            return _Answer(answer)
        raise _refusal(answer.status, answer.content)


class _Answer:
    """What the methods need of a response."""

    def __init__(self, answer: httpcore.Response) -> None:
        self.content: bytes = answer.content
        self.headers = {name.lower(): value for name, value in answer.headers}


class _Streams(httpcore.AsyncNetworkBackend):
    """The network as httpcore sees it: every connection is a stream of `dial`."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return _Network(await self._dial())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no stream within {timeout:.0f} s") from error

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Network(httpcore.AsyncNetworkStream):
    """One stream as httpcore reads and writes it."""

    def __init__(self, stream: Stream) -> None:
        self._reader: Reader = stream[0]
        self._writer: Writer = stream[1]

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(f"nothing within {timeout:.0f} s") from error
        except Exception as error:
            raise httpcore.ReadError(error_words(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout(f"not sent within {timeout:.0f} s") from error
        except Exception as error:
            raise httpcore.WriteError(error_words(error)) from error

    async def aclose(self) -> None:
        self._writer.close()

    def get_extra_info(self, info: str) -> Any:
        # An idle stream from which something can be read has been closed by the other side.
        return self._reader.at_eof() if info == "is_readable" else None


class HttpAgents:
    """The clients of one backend's machines, by machine. `open` opens a new stream to a machine's endpoint."""

    def __init__(self, open: Callable[[Machine, Endpoint], Awaitable[Stream]]) -> None:
        self._open = open
        self._agents: dict[str, HttpAgent] = {}
        self._endpoints: dict[str, Endpoint] = {}

    def of(self, machine: Machine) -> HttpAgent:
        """The client for this machine; its next stream goes to the machine's endpoint as it is now.

        Raises Unavailable while the machine has none.
        """
        if machine.endpoint is None:
            raise Unavailable(f"{machine.id} has no agent yet")
        self._endpoints[machine.id] = machine.endpoint
        agent = self._agents.get(machine.id)
        if agent is None:

            async def dial() -> Stream:
                return await self._open(machine, self._endpoints[machine.id])

            agent = self._agents[machine.id] = HttpAgent(machine.id, dial)
        return agent

    async def drop(self, machine: str) -> None:
        """Close the client of this machine, which is gone."""
        self._endpoints.pop(machine, None)
        agent = self._agents.pop(machine, None)
        if agent is not None:
            await agent.close()

    async def close(self) -> None:
        """Close all."""
        while self._agents:
            await self._agents.popitem()[1].close()


def _path(job: str) -> str:
    return f"/jobs/{quote(job, safe='')}"


def _decode(answer: _Answer, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except msgspec.DecodeError as error:
        raise Unavailable(f"the agent's answer cannot be read: {error}") from error


def _refusal(status: int, body: bytes) -> BackendError:
    try:
        content: object = msgspec.json.decode(body)
        message = str(content.get("message", "")) if isinstance(content, dict) else str(content)
    except msgspec.DecodeError:
        message = body.decode(errors="replace")[:200]
    text = message or f"the agent answered {status}"
    if status == 404:
        return NotFound(text)
    return InvalidRequest(text) if status < 500 else Unavailable(text)
