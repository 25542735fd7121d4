"""The agent's routes: HTTP to `Jobs` and back, with the long polls. `atoll.wire.agent` says what they mean."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atoll.agent.jobs import LOGS_BYTES, JobError, Jobs
from atoll.wire.agent import Health, JobPhase, JobStop, JobSubmission

BODY_BYTES = 1 << 20
WAIT_SECONDS = 60.0
"""The longest that one call waits, whatever it asks for."""

_TICK_SECONDS = 0.02
_SHUTDOWN_SECONDS = 8.0

T = TypeVar("T")


@dataclass(slots=True)
class Agent:
    """What the routes share. `ending` is set when the process is to end: long polls answer then."""

    instance: str
    version: str
    mounts_at_path: bool
    jobs: Jobs
    ending: asyncio.Event = field(default_factory=asyncio.Event)


def create_app(agent: Agent) -> Starlette:
    """The agent's ASGI application."""
    routes = _Routes(agent)
    return Starlette(
        routes=[
            Route("/healthz", routes.health),
            Route("/jobs", routes.all),
            Route("/jobs/{id}", routes.submit, methods=["PUT"]),
            Route("/jobs/{id}", routes.state, methods=["GET"]),
            Route("/jobs/{id}", routes.forget, methods=["DELETE"]),
            Route("/jobs/{id}/stop", routes.stop, methods=["POST"]),
            Route("/jobs/{id}/logs", routes.logs),
            Route("/shutdown", routes.shutdown, methods=["POST"]),
        ],
        exception_handlers={JobError: _on_job_error, HTTPException: _on_http_error, Exception: _on_error},
    )


class _Routes:
    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._jobs = agent.jobs

    async def health(self, _request: Request) -> Response:
        agent = self._agent
        return _json(Health(agent.instance, agent.version, agent.mounts_at_path, self._jobs.running()))

    async def all(self, _request: Request) -> Response:
        return _json(self._jobs.all())

    async def submit(self, request: Request) -> Response:
        submission = await _body(request, JobSubmission)
        return _json(self._jobs.submit(_id(request), submission))

    async def state(self, request: Request) -> Response:
        job, wait = _id(request), _number(request, "wait", 0, WAIT_SECONDS)
        before = state = self._jobs.state(job)

        async def look() -> bool:
            nonlocal state
            state = self._jobs.state(job)
            return state.phase is not before.phase

        if before.phase is not JobPhase.EXITED:
            await self._until(look, wait)
        return _json(state)

    async def stop(self, request: Request) -> Response:
        wish = await _body(request, JobStop)
        return _json(self._jobs.stop(_id(request), wish))

    async def forget(self, request: Request) -> Response:
        self._jobs.forget(_id(request))
        return Response(status_code=204)

    async def logs(self, request: Request) -> Response:
        job, wait = _id(request), _number(request, "wait", 0, WAIT_SECONDS)
        offset = int(_number(request, "offset", 0, 1 << 53))
        limit = int(_number(request, "limit", LOGS_BYTES, LOGS_BYTES))
        data, end = self._jobs.logs(job, offset, limit)

        async def look() -> bool:
            nonlocal data, end
            data, end = self._jobs.logs(job, offset, limit)
            return bool(data) or end

        if not data and not end and limit:
            await self._until(look, wait)
        headers = {"Atoll-Log-End": "true"} if end else {}
        return Response(data, headers=headers, media_type="application/octet-stream")

    async def shutdown(self, _request: Request) -> Response:
        async def look() -> bool:
            return self._jobs.running() == 0

        for state in self._jobs.all():
            if state.phase is not JobPhase.EXITED:
                self._jobs.stop(state.id, JobStop(0))
        if not await look():
            await self._until(look, _SHUTDOWN_SECONDS)
        self._agent.ending.set()
        return _json({"jobs_running": self._jobs.running()})

    async def _until(self, look: Callable[[], Awaitable[bool]], wait: float) -> None:
        """Call `look` repeatedly until it returns True, `wait` seconds have passed, or the agent ends."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while (left := deadline - loop.time()) > 0 and not self._agent.ending.is_set():
            await asyncio.sleep(min(left, _TICK_SECONDS))
            if await look():
                return


async def watch(agent: Agent, seconds: float = 1.0) -> None:
    """Detect jobs whose supervisor died, even without requests; runs until cancelled."""
    while True:
        agent.jobs.all()
        await asyncio.sleep(seconds)


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _number(request: Request, name: str, default: float, most: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise JobError(422, f"`{name}` is a number, 0 or more")
    return min(number, most)


async def _body(request: Request, shape: type[T]) -> T:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > BODY_BYTES:
            raise JobError(413, f"a body has at most {BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(bytes(data), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JobError(422, str(error)) from error


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")


async def _on_job_error(_request: Request, error: Any) -> Response:
    return _json({"message": str(error)}, error.status)


async def _on_http_error(_request: Request, error: Any) -> Response:
    return _json({"message": error.detail}, error.status_code)


async def _on_error(_request: Request, error: Exception) -> Response:
    return _json({"message": f"{type(error).__name__}: {error}"}, 500)
