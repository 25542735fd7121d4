"""The application: routes, errors as problems, one log line for each request."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from atoll import __version__
from atoll.backends.base import BackendError
from atoll.engine.engine import Engine
from atoll.engine.refusal import Refused
from atoll.server.answer import problem, refusal
from atoll.server.auth import require_token
from atoll.server.routes import configurations, events, fleets, offers, runs, status, volumes, zones
from atoll.wire.snapshot import LARGEST_BYTES

log = logging.getLogger("atoll.server")
BODY_BYTES = 2 << 20
"""The largest request that is read, but for one that brings a snapshot."""
REPLAY_BYTES = BODY_BYTES + LARGEST_BYTES


def create_app(engine: Engine, address: str) -> FastAPI:
    """The HTTP API over an engine; `address` is what the status shows."""
    app = FastAPI(title="Atoll", version=__version__, docs_url=None, redoc_url=None)
    app.state.engine = engine
    app.state.address = address
    app.state.started_at = datetime.now(UTC)
    app.state.tokens = set()
    app.state.closing = False
    app.include_router(status.public)
    for module in (status, configurations, fleets, volumes, runs, events, zones, offers):
        app.include_router(module.router, dependencies=[Depends(require_token)])
    app.middleware("http")(_observe)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(BackendError, _backend_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    return app


async def _observe(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    ident, began = secrets.token_hex(4), time.perf_counter()
    length = request.headers.get("content-length", "0")
    most = REPLAY_BYTES if request.url.path.endswith("/replay") else BODY_BYTES
    if request.method in ("POST", "PUT") and (not length.isdigit() or int(length) > most):
        return problem("too-large", f"a request may hold {most >> 20} MiB", 413, "split the files")
    if "transfer-encoding" in request.headers:
        return problem("length-required", "a request must tell its length", 411)
    try:
        response = await proceed(request)
    except Exception:
        log.exception("request=%s method=%s path=%s failed", ident, request.method, request.url.path)
        response = problem("internal-error", f"the server failed (request {ident})", 500, "see server.log")
    taken = (time.perf_counter() - began) * 1000
    log.info(
        "request=%s method=%s path=%s status=%d ms=%.1f",
        ident,
        request.method,
        request.url.path,
        response.status_code,
        taken,
    )
    return response


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error)


async def _backend_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BackendError)
    return problem(error.kind.value, error.message, 503, "`atoll server status` shows how the backends are")


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem("invalid-request", f"the request is wrong at {place}: {first['msg']}", 422)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "invalid-request")
    return problem(code, str(error.detail), error.status_code)
