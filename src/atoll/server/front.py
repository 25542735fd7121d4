"""The front of the application, around all routes: authentication, limits, one log line and one count for each request.

Plain ASGI: a wrapped response would be copied piece by piece. A token is checked before the body is read.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from atoll.engine.parts.log_context import request_id
from atoll.engine.parts.refusal import Refused
from atoll.fronts.dstack import owns
from atoll.fronts.dstack import refusal as dstack_refusal
from atoll.fronts.web import WebFront
from atoll.model.access import User
from atoll.model.error_codes import ErrorCode
from atoll.model.system_error import disk_trouble
from atoll.server.answer import disk_refusal, problem, refusal
from atoll.server.auth import Gate
from atoll.store.actor import acting
from atoll.wire.api import ARCHIVE_BYTES
from atoll.wire.snapshot import LARGEST_BYTES

log = logging.getLogger("atoll.server")
BODY_BYTES = 2 << 20
"""The largest request that is read, but for one that brings a snapshot or an archive."""
HEAD_BYTES = 32 << 10
"""The longest head of a request."""
REPLAY_BYTES = BODY_BYTES + LARGEST_BYTES
OPEN = frozenset({"/healthz", "/readyz"})
"""The routes that need no token."""
CLIENT_LEFT = 499
"""The status that the log shows where the client left before its answer."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class RequestMetrics:
    """The metrics of requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self.requests = Counter("atoll_http_requests", "Requests", labels, registry=registry)
        self.seconds = Histogram(
            "atoll_http_request_seconds",
            "Duration of requests; long polls include their waiting time",
            ("method", "route"),
            registry=registry,
            buckets=SECONDS,
        )


class Front:
    """Passes requests to the routes."""

    def __init__(self, app: App, gate: Gate, web: WebFront, metrics: RequestMetrics) -> None:
        self._app = app
        self._gate = gate
        self._web = web
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or another ASGI event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(send)
        marks = (request_id.set(exchange.id), acting.set(""))
        try:
            await self._answer(scope, receive, exchange)
        finally:
            self._record(scope, exchange)
            request_id.reset(marks[0])
            acting.reset(marks[1])

    async def _answer(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        headers = Headers(scope=scope)
        most = _most_bytes(scope)
        response = _too_much(scope, headers, most)
        try:
            if response is None and not _is_open(scope):
                user = await self._identify(scope, headers)
                acting.set(user.name)
                exchange.user = user.name
            if response is None:
                await self._app(scope, receive, exchange.send)
        except Refused as error:
            response = dstack_refusal(error) if owns(scope["path"]) else refusal(error)
        except UnicodeEncodeError:
            message = "the request has a character that is no Unicode text (half of a surrogate pair)"
            response = problem(ErrorCode.INVALID_REQUEST, message, 422)
        except ClientDisconnect:
            exchange.status = exchange.status or CLIENT_LEFT
        except Exception as error:
            trouble = disk_trouble(error)
            if trouble is None or exchange.status:
                log.exception("the request failed")
            if exchange.status:
                raise
            if trouble is None:
                message = f"the server failed (request {exchange.id})"
                response = problem(ErrorCode.INTERNAL_ERROR, message, 500, "see server.log")
            else:
                log.error("a file cannot be written: %s", error)
                response = disk_refusal(trouble)
        if response is not None:
            await response(scope, receive, exchange.send)

    async def _identify(self, scope: Scope, headers: Headers) -> User:
        """The user of a request's token or, without one, of its session. Raises Refused."""
        state = scope.setdefault("state", {})
        if "authorization" not in headers:
            found = await self._web.sessions.identify(scope["method"], headers)
            if found is not None:
                state["user"], state["session"] = found
                return found[0]
        state["user"] = user = await self._gate.identify(headers.get("authorization", ""))
        return user

    def _record(self, scope: Scope, exchange: "_Exchange") -> None:
        taken = time.perf_counter() - exchange.began
        method = scope["method"] if scope["method"] in ("GET", "POST", "PUT", "DELETE", "HEAD") else "other"
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(method, route, str(exchange.status)).inc()
        self._metrics.seconds.labels(method, route).observe(taken)
        path = quote(scope["path"][:500])
        user = exchange.user or "-"
        form = "method=%s path=%s status=%d ms=%.1f user=%s"
        log.info(form, method, path, exchange.status, taken * 1000, user)


class _Exchange:
    """One request's answer on its way out, with the request's id."""

    def __init__(self, send: Send) -> None:
        self.id = secrets.token_hex(4)
        self.began = time.perf_counter()
        self.status = 0
        self.user = ""
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"atoll-request", self.id.encode())]
        await self._send(message)


def _is_open(scope: Scope) -> bool:
    return scope["path"] in OPEN or WebFront.is_open(scope["method"], scope["path"])


def _most_bytes(scope: Scope) -> int:
    """The length of the largest body of a route."""
    if scope["path"].endswith("/replay"):
        return REPLAY_BYTES
    return ARCHIVE_BYTES if scope["method"] == "PUT" and "/archives/" in scope["path"] else BODY_BYTES


def _too_much(scope: Scope, headers: Headers, most: int) -> Response | None:
    head = sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope.get("raw_path") or b"")
    if head + len(scope["query_string"]) > HEAD_BYTES:
        return problem(ErrorCode.TOO_LARGE, f"the head of a request may hold {HEAD_BYTES >> 10} KiB", 431)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or len(length) > 18 or int(length) > most:
        return problem(ErrorCode.TOO_LARGE, f"a request may hold {most >> 20} MiB", 413, "split the files")
    if "transfer-encoding" in headers:
        return problem(ErrorCode.LENGTH_REQUIRED, "a request must declare its length", 411)
    return None
