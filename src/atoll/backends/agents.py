"""The agent's HTTP protocol from the engine's side, over a Unix socket or TCP; backends with real machines share it.

A client keeps its connection open between calls: the engine calls each machine often. Clients are created when they are
first asked for, and dropped when their machine is.
"""

from typing import TypeVar, cast
from urllib.parse import quote

import httpx
import msgspec

from atoll.backends.base import BackendError, InvalidRequest, LogChunk, Machine, NotFound, Unavailable
from atoll.wire.agent import Health, JobState, JobStop, JobSubmission

CALL_SECONDS = 10.0
"""How long one call may take over what it was asked to wait."""

CONNECT_SECONDS = 3.0

T = TypeVar("T")


class HttpAgent:
    """One machine's agent at `url`: `unix:/path/agent.sock`, `http://host:port` or `https://…`."""

    def __init__(self, url: str, *, call_seconds: float = CALL_SECONDS) -> None:
        self.url = url
        self._call_seconds = call_seconds
        self._http: httpx.AsyncClient | None = None

    async def health(self) -> Health:
        """The agent's own state."""
        return _decode(await self._call("GET", "/healthz"), Health)

    async def jobs(self) -> list[JobState]:
        """Every job that the agent knows."""
        return _decode(await self._call("GET", "/jobs"), list[JobState])

    async def submit(self, job: str, submission: JobSubmission) -> JobState:
        """Start a job; idempotent by its id."""
        return _decode(await self._call("PUT", _path(job), body=submission), JobState)

    async def state(self, job: str, wait: float = 0) -> JobState:
        """The job as it is now, or after a change of phase within `wait` seconds."""
        return _decode(await self._call("GET", _path(job), wait=wait), JobState)

    async def stop(self, job: str, grace: float) -> JobState:
        """Stop the job, with SIGKILL after `grace` seconds."""
        return _decode(await self._call("POST", _path(job) + "/stop", body=JobStop(grace)), JobState)

    async def forget(self, job: str) -> None:
        """Remove an exited job and its files."""
        try:
            await self._call("DELETE", _path(job))
        except NotFound:
            return

    async def logs(self, job: str, offset: int = 0, limit: int = 1 << 20, wait: float = 0) -> LogChunk:
        """A piece of the log file from `offset`."""
        answer = await self._call("GET", _path(job) + "/logs", wait=wait, offset=offset, limit=limit)
        return LogChunk(answer.content, answer.headers.get("atoll-log-end", "").lower() == "true")

    async def shutdown(self) -> None:
        """Stop the agent and all its jobs."""
        await self._call("POST", "/shutdown")

    async def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _call(
        self, method: str, path: str, *, body: object = None, wait: float = 0, **query: int
    ) -> httpx.Response:
        params: dict[str, str | float] = dict(query)
        if wait > 0:
            params["wait"] = wait
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"content-type": "application/json"}
        timeout = httpx.Timeout(wait + self._call_seconds, connect=CONNECT_SECONDS)
        try:
            answer = await self._client().request(
                method, path, params=params, content=content, headers=headers, timeout=timeout
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unavailable(
                f"the agent at {self.url} does not answer: {str(error) or type(error).__name__}"
            ) from error
        if answer.is_success:
            return answer
        raise _refusal(answer)

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            uds = self.url.removeprefix("unix:") if self.url.startswith("unix:") else None
            # Loading the certificates of the world takes 20 ms and is of no use without TLS.
            transport = httpx.AsyncHTTPTransport(uds=uds, verify=self.url.startswith("https:"))
            base = "http://agent" if uds else self.url
            self._http = httpx.AsyncClient(transport=transport, base_url=base, trust_env=False)
        return self._http


class HttpAgents:
    """The clients of one backend's machines, by address."""

    def __init__(self) -> None:
        self._agents: dict[str, HttpAgent] = {}

    def of(self, machine: Machine) -> HttpAgent:
        """The client for this machine. Raises Unavailable when it has no address (yet)."""
        if machine.agent_url is None:
            raise Unavailable(f"{machine.id} has no agent yet")
        agent = self._agents.get(machine.agent_url)
        if agent is None:
            agent = self._agents[machine.agent_url] = HttpAgent(machine.agent_url)
        return agent

    async def drop(self, url: str) -> None:
        """Close the client of this address: its machine is gone."""
        agent = self._agents.pop(url, None)
        if agent is not None:
            await agent.close()

    async def close(self) -> None:
        """Close all."""
        while self._agents:
            await self._agents.popitem()[1].close()


def _path(job: str) -> str:
    return f"/jobs/{quote(job, safe='')}"


def _decode(answer: httpx.Response, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except msgspec.DecodeError as error:
        raise Unavailable(f"the agent's answer cannot be read: {error}") from error


def _refusal(answer: httpx.Response) -> BackendError:
    try:
        told = cast(object, answer.json())
        message = str(told.get("message", "")) if isinstance(told, dict) else str(told)
    except ValueError:
        message = answer.text[:200]
    text = message or f"the agent answered {answer.status_code}"
    if answer.status_code == 404:
        return NotFound(text)
    return InvalidRequest(text) if answer.status_code < 500 else Unavailable(text)
