"""The routes of dstack's API, and its form of refusals."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from atoll.backends.base import BackendError
from atoll.engine.engine import Engine
from atoll.engine.parts.refusal import Refused
from atoll.fronts.dstack.backends import Names
from atoll.fronts.dstack.call import Call
from atoll.fronts.dstack.changing import CHANGING
from atoll.fronts.dstack.protocol import METRICS, ROUTES, VERSION, too_new
from atoll.fronts.dstack.reading import READING, Handler
from atoll.fronts.users import Users
from atoll.model.access import Role, User
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.error_codes import ErrorCode

MANAGERS = frozenset({"set_secret", "delete_secrets"})
"""Handlers that only managers of the project may use."""
_CODES = {"not-found": "resource_not_exists", "name-taken": "resource_exists", "unauthorized": "invalid_credentials"}
_DENIED = (401, 403)
_encoder = msgspec.json.Encoder()


class DstackFront:
    """dstack's API over an engine. `aliases` maps dstack's names of backends to those that are configured here."""

    def __init__(self, engine: Engine, users: Users, aliases: Mapping[str, str]) -> None:
        self._engine = engine
        self._users = users
        self._names = Names(aliases)
        self.router = APIRouter(include_in_schema=False)
        handlers = {**READING, **CHANGING}
        for path, name in ROUTES.items():
            self.router.add_api_route(path, self._route(name, handlers[name]), methods=["POST"])
        self.router.add_api_route(METRICS, self._metrics, methods=["GET"])

    def _route(self, name: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def route(request: Request) -> Response:
            try:
                call = await self._call(request, Role.MANAGER if name in MANAGERS else Role.USER)
                return _json(await handler(call))
            except Refused as error:
                return refusal(error)
            except BackendError as error:
                return _refused(error.message, "backend_not_available", 400)

        return route

    async def _call(self, request: Request, role: Role) -> Call:
        version = request.headers.get("x-api-version", "")
        if too_new(version):
            message = f"the client's version {version[:20]} is newer than this server's {VERSION}: use dstack 0.22"
            raise Refused(ErrorCode.VERSION, message)
        user: User = request.state.user
        project = str(request.path_params.get("project", ""))
        body = _read(await request.body())
        named = body.get("project_name") if not project else None
        for each in (project, named if isinstance(named, str) else ""):
            if each:
                await self._users.require(user, each, role)
        token = request.headers.get("authorization", "").partition(" ")[2].strip()
        return Call(self._engine, self._names, user, token, project, body)

    async def _metrics(self, request: Request) -> Response:
        """No metrics: its clients show that as no data."""
        try:
            await self._users.require(request.state.user, str(request.path_params["project"]), Role.USER)
            await self._engine.runs.get(request.path_params["project"], request.path_params["run"])
        except Refused as error:
            return refusal(error)
        return _json({"metrics": []})


def refusal(error: Refused) -> Response:
    """A refusal in dstack's shape. Its command line prints the message as it is: a line for each diagnostic."""
    if error.status in _DENIED:
        return _refused(error.message, "invalid_credentials", 403)
    errors = [diagnostic for diagnostic in error.diagnostics if diagnostic.severity is Severity.ERROR]
    text = "\n".join(map(_line, errors)) if errors else error.message
    help = "" if errors or error.help is None else f"\n{error.help}"
    return _refused(text + help, _CODES.get(error.code, "error"), 400)


def _line(diagnostic: Diagnostic) -> str:
    help = f" ({diagnostic.help})" if diagnostic.help else ""
    return f"{diagnostic.message}{help}"


def _refused(message: str, code: str, status: int) -> Response:
    return _json({"detail": [{"msg": message, "code": code}]}, status)


def _json(value: Any, status: int = 200) -> Response:
    return Response(_encoder.encode(value), status, media_type="application/json")


def _read(body: bytes) -> Mapping[str, Any]:
    """A request's object; empty without a body. Raises Refused."""
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(ErrorCode.INVALID_REQUEST, f"the request is no JSON: {error}", status=422) from None
    if not isinstance(value, dict):
        raise Refused(ErrorCode.INVALID_REQUEST, "the request is no JSON object", status=422)
    return value
