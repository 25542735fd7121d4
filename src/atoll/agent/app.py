"""The agent's routes: HTTP to `Jobs` and back, with the long polls. `atoll.wire.agent` describes them."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atoll.agent import shapes, streams
from atoll.agent.http import Handler, HttpError, Request, Response
from atoll.agent.jobs import LOGS_BYTES, Jobs
from atoll.wire.agent import Health, JobPhase, JobStop, Notice
from atoll.wire.streams import STREAM

if TYPE_CHECKING:
    from atoll.agent.notices import Notices

WAIT_SECONDS = 60.0
"""The longest that one call waits, whatever its `wait` is."""

_TICK_SECONDS = 0.02
_SHUTDOWN_SECONDS = 8.0


@dataclass
class Agent:
    """What the routes share. `ending` is set when the process is to end: long polls answer then.

    `notices` is None where no provider gives any.
    """

    instance: str
    version: str
    mounts_at_path: bool
    jobs: Jobs
    notices: Notices | None = None
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def notice(self) -> Notice | None:
        """The provider's latest notice for this machine."""
        return None if self.notices is None else self.notices.latest


class Routes:
    """Answers the agent's requests."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._jobs = agent.jobs

    async def __call__(self, request: Request) -> Response:
        """Answer one request. Raises HttpError: 404, 405, and what the route raises."""
        path, method = request.path, request.method
        routes: dict[str, Handler]
        if path == ("healthz",):
            routes = {"GET": self._health}
        elif path == ("jobs",):
            routes = {"GET": self._all}
        elif path == ("shutdown",):
            routes = {"POST": self._shutdown}
        elif len(path) == 2 and path[0] == "archives":
            routes = {"GET": self._archive, "PUT": self._receive}
        elif len(path) == 2 and path[0] == "jobs":
            routes = {"PUT": self._submit, "GET": self._state, "DELETE": self._forget}
        elif len(path) == 3 and path[0] == "jobs" and path[2] in ("stop", "logs"):
            routes = {"POST": self._stop} if path[2] == "stop" else {"GET": self._logs}
        elif len(path) == 4 and path[0] == "jobs" and path[2] == "ports":
            routes = {"GET": self._port}
        else:
            raise HttpError(404, "Not Found")
        if method not in routes:
            raise HttpError(405, "Method Not Allowed")
        return await routes[method](request)

    async def _health(self, _request: Request) -> Response:
        agent = self._agent
        states = self._jobs.all()
        exited = sum(state.phase is JobPhase.EXITED for state in states)
        running = len(states) - exited
        return _json(Health(agent.instance, agent.version, agent.mounts_at_path, running, exited, agent.notice))

    async def _all(self, _request: Request) -> Response:
        return _json(self._jobs.all())

    async def _submit(self, request: Request) -> Response:
        return _json(self._jobs.submit(request.path[1], shapes.submission(request.body)))

    async def _state(self, request: Request) -> Response:
        job, wait = request.path[1], _number(request, "wait", 0, WAIT_SECONDS)
        before = state = self._jobs.state(job)

        def look() -> bool:
            nonlocal state
            state = self._jobs.state(job)
            return state.phase is not before.phase

        if before.phase is not JobPhase.EXITED:
            await self._until(look, wait)
        return _json(state)

    async def _stop(self, request: Request) -> Response:
        return _json(self._jobs.stop(request.path[1], shapes.stop(request.body)))

    async def _forget(self, request: Request) -> Response:
        self._jobs.forget(request.path[1])
        return Response(status=204)

    async def _logs(self, request: Request) -> Response:
        job, wait = request.path[1], _number(request, "wait", 0, WAIT_SECONDS)
        offset = int(_number(request, "offset", 0, 1 << 53))
        limit = int(_number(request, "limit", LOGS_BYTES, LOGS_BYTES))
        data, end = self._jobs.logs(job, offset, limit)

        def look() -> bool:
            nonlocal data, end
            data, end = self._jobs.logs(job, offset, limit)
            return bool(data) or end

        if not data and not end and limit:
            await self._until(look, wait)
        headers = {"atoll-log-end": "true"} if end else {}
        if self._agent.notice is not None:
            headers["atoll-notice"] = "true"
        return Response(data, 200, headers, "application/octet-stream")

    async def _archive(self, request: Request) -> Response:
        return _json(self._jobs.archives.state(request.path[1]))

    async def _receive(self, request: Request) -> Response:
        offset, end = int(_number(request, "offset", 0, 1 << 53)), _number(request, "end", 0, 1) > 0
        # The last part is followed by a look at the whole, which takes a while.
        work = functools.partial(self._jobs.archives.receive, request.path[1], offset, request.body, end)
        return _json(await asyncio.get_running_loop().run_in_executor(None, work))

    async def _port(self, request: Request) -> Response:
        state = self._jobs.state(request.path[1])
        if state.phase is JobPhase.EXITED:
            raise HttpError(410, f"job {state.id} has exited")
        if request.upgrade != STREAM:
            raise HttpError(426, f"a port needs the headers `Connection: upgrade` and `Upgrade: {STREAM}`")
        return await streams.to_port(request.path[3])

    async def _shutdown(self, _request: Request) -> Response:
        def look() -> bool:
            return self._jobs.running() == 0

        for state in self._jobs.all():
            if state.phase is not JobPhase.EXITED:
                self._jobs.stop(state.id, JobStop(0))
        if not look():
            await self._until(look, _SHUTDOWN_SECONDS)
        self._agent.ending.set()
        return Response.json({"jobs_running": self._jobs.running()})

    async def _until(self, look: Callable[[], bool], wait: float) -> None:
        """Call `look` repeatedly until it returns True, `wait` seconds have passed, or the agent ends."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while (left := deadline - loop.time()) > 0 and not self._agent.ending.is_set():
            await asyncio.sleep(min(left, _TICK_SECONDS))
            if look():
                return


async def watch(agent: Agent, seconds: float = 1.0) -> None:
    """Detect jobs whose supervisor died, even without requests; runs until cancelled."""
    while True:
        agent.jobs.all()
        await asyncio.sleep(seconds)


def _number(request: Request, name: str, default: float, most: float) -> float:
    text = request.query.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise HttpError(422, f"`{name}` is a number, 0 or more")
    return min(number, most)


def _json(content: object) -> Response:
    return Response.json(shapes.plain(content))
