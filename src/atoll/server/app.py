"""The application: routes with their required roles, and errors as problems."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

from atoll import __version__
from atoll.backends.base import BackendError
from atoll.engine.engine import Engine
from atoll.engine.parts.refusal import Refused
from atoll.fronts.dstack import DstackFront
from atoll.fronts.web import WebFront
from atoll.model.error_codes import ErrorCode
from atoll.model.system_error import DiskTrouble
from atoll.server.answer import disk_refusal, problem, refusal
from atoll.server.auth import Gate, require_user
from atoll.server.disks import Disks
from atoll.server.front import OPEN, Front, RequestMetrics
from atoll.server.routes import (
    archives,
    closures,
    configurations,
    events,
    fleets,
    offers,
    projects,
    rehearsals,
    runs,
    secrets,
    status,
    streams,
    users,
    volumes,
    whatif,
    zones,
)
from atoll.server.streams import Streams
from atoll.store.errors import Conflict, StoreDisk, StoreUnavailable
from atoll.wire.api import Problem

log = logging.getLogger("atoll.server")
Listen = Callable[[], Awaitable[str]]
_CODES = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED, 413: ErrorCode.TOO_LARGE}
_REFUSALS = {
    "4XX": "Refused: `code` is stable, `message` says why",
    "5XX": "The server cannot answer now",
}


def create_app(
    engine: Engine,
    address: str,
    listen: Listen | None = None,
    hosts: Collection[str] = (),
    dstack: Mapping[str, str] | None = None,
) -> FastAPI:
    """The HTTP API and the page over an engine.

    `address` is what the status shows; `listen` returns the address for browsers, where that is another one; `hosts`
    are the names, beside addresses and `localhost`, by which browsers may reach the server. With `dstack`, which
    maps dstack's names of backends to those that are configured here, dstack's clients are served too.
    """
    app = FastAPI(title="Atoll", version=__version__, docs_url=None, redoc_url=None)
    app.state.engine = engine
    app.state.address = address
    app.state.started_at = datetime.now(UTC)
    app.state.gate = Gate(engine)
    app.state.disks = None if engine.home is None else Disks(engine.home)
    app.state.closing = False
    app.state.streams = Streams()
    app.state.web_address = lambda: "" if address.startswith("unix:") else address
    for router in (status.router, projects.router, users.router):
        app.include_router(router)
    for module in (
        configurations,
        archives,
        fleets,
        volumes,
        runs,
        streams,
        events,
        zones,
        closures,
        whatif,
        rehearsals,
        offers,
        secrets,
    ):
        _for_members(app, module.router)
    web = WebFront(engine, app.state.gate, listen or partial(_at, address), hosts)
    app.include_router(web.router)
    _for_members(app, web.project_router)
    if dstack is not None:
        app.include_router(DstackFront(engine, app.state.gate, dstack).router)
    app.add_middleware(Front, gate=app.state.gate, web=web, metrics=RequestMetrics(engine.context.metrics.registry))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(BackendError, _backend_error)
    app.add_exception_handler(Conflict, _raced)
    app.add_exception_handler(StoreDisk, _store_disk)
    app.add_exception_handler(StoreUnavailable, _store_unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    _describe(app)
    return app


def prepare(app: FastAPI) -> None:
    """Build the routes, for 0.4 s in a thread: FastAPI does it at their first request, which holds up all others."""
    scope = {"type": "http", "method": "GET", "path": "/-", "headers": []}
    for route in app.routes:
        route.matches(scope)


async def _store_disk(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreDisk)
    log.error("%s", error)
    disks: Disks | None = request.app.state.disks
    if disks is None or error.trouble is not DiskTrouble.FAILING:
        return disk_refusal(error.trouble)
    return disk_refusal(await disks.cause())


async def _at(address: str) -> str:
    return address


def _for_members(app: FastAPI, router: APIRouter) -> None:
    """Routes about the records of a project, for its members only."""
    app.include_router(router, dependencies=[Depends(require_user)])


def _describe(app: FastAPI) -> None:
    """Complete FastAPI's description of the API: tokens, and refusals in Atoll's shape."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            # Not as `responses` of the routes: FastAPI makes a validator of `Problem` for each of them.
            schemas = schema["components"]["schemas"]
            problem_schema = TypeAdapter(Problem).json_schema(
                ref_template="#/components/schemas/{model}", mode="serialization"
            )
            schemas |= problem_schema.pop("$defs", {}) | {"Problem": problem_schema}
            refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            refusals = {code: {"description": words, "content": refused} for code, words in _REFUSALS.items()}
            schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for path, methods in schema["paths"].items():
                for operation in methods.values():
                    operation["responses"].pop("422", None)
                    operation["responses"] |= refusals
                    operation["security"] = [] if path in OPEN else [{"token": []}]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error)


async def _backend_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BackendError)
    return problem(error.kind.value, error.message, 503, "`atoll server status` shows how the backends are")


async def _raced(_request: Request, _error: Exception) -> Response:
    # Two servers of one database wrote the same row; within one server, writers wait for each other.
    return problem(ErrorCode.RACED, "the resource was modified concurrently", 409, "run the command again")


async def _store_unavailable(_request: Request, error: Exception) -> Response:
    log.error("the database is unavailable: %s", error)
    return problem(
        ErrorCode.DATABASE_UNAVAILABLE, "the server's database does not answer", 503, "run the command again later"
    )


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["loc"][0] == "path":
        return problem(ErrorCode.NOT_FOUND, "there is nothing of this name", 404, "look for it with `list`")
    place = ".".join(str(part) for part in first["loc"])
    return problem(ErrorCode.INVALID_REQUEST, f"the request is wrong at {place}: {first['msg']}", 422)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, ErrorCode.INVALID_REQUEST)
    response = problem(code, str(error.detail), error.status_code)
    response.headers.update(error.headers or {})
    return response
