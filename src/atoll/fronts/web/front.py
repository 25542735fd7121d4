"""The routes of the page: its files, sessions, and the map with its stream."""

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import Headers

from atoll.engine.engine import Engine
from atoll.engine.parts.refusal import Refused
from atoll.engine.queries.map import map_change, map_hour, zone_map
from atoll.engine.requests.accounts import token_hash
from atoll.engine.requests.sessions import end_session, issue_code, open_session, redeem_code
from atoll.fronts.users import Users
from atoll.fronts.web.assets import PREFIX, Asset, load
from atoll.fronts.web.feed import Feeds
from atoll.fronts.web.sessions import Sessions, set_cookie
from atoll.model.access import Role, Session, User
from atoll.model.error_codes import ErrorCode
from atoll.wire.access import NewSession, SessionView, WebCode

PAGES = ("/", "/web/login")
SESSION = "/web/session"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_SAFE = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_encoder = msgspec.json.Encoder()

Listen = Callable[[], Awaitable[str]]
Project = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
Number = Annotated[int | None, Query(ge=0, le=2**31 - 1)]


class WebFront:
    """The page over an engine. `listen` returns the address at which a browser reaches this server."""

    def __init__(
        self, engine: Engine, users: Users, listen: Callable[[], Awaitable[str]], hosts: Collection[str]
    ) -> None:
        self._engine = engine
        self._users = users
        self._listen = listen
        self._assets = load()
        self._feeds = Feeds(engine)
        self.sessions = Sessions(engine.context, users, hosts)
        self.router = APIRouter(include_in_schema=False)
        for page in PAGES:
            self.router.add_api_route(page, self._page, methods=["GET"])
        self.router.add_api_route(PREFIX + "{name:path}", self._file, methods=["GET"])
        self.router.add_api_route("/web/codes", self._code, methods=["POST"])
        self.router.add_api_route(SESSION, self._open, methods=["POST"])
        self.router.add_api_route(SESSION, self._end, methods=["DELETE"])
        self.router.add_api_route("/web/me", self._me, methods=["GET"])
        self.project_router = APIRouter(prefix="/api/projects/{project}", include_in_schema=False)
        self.project_router.add_api_route("/map", self._map, methods=["GET"])
        self.project_router.add_api_route("/map/hour", self._hour, methods=["GET"])
        self.project_router.add_api_route("/stream", self._stream, methods=["GET"])

    @staticmethod
    def is_open(method: str, path: str) -> bool:
        """What is answered without a user: the page and its files, which hold nothing, and the finding of a session."""
        return path in (*PAGES, "/web/me") or path.startswith(PREFIX) or (path == SESSION and method == "POST")

    async def _page(self, request: Request) -> Response:
        self.sessions.check_host(request.headers)
        return _asset(self._assets.page, request.headers, "no-cache")

    async def _file(self, name: str, request: Request) -> Response:
        asset = self._assets.files.get(name)
        if asset is None:
            raise Refused(ErrorCode.NOT_FOUND, "there is no such file: load the page again", status=404)
        return _asset(asset, request.headers, "public, max-age=31536000, immutable")

    async def _code(self, request: Request) -> Response:
        address = await self._listen()
        session: Session | None = getattr(request.state, "session", None)
        bearer = request.headers.get("authorization", "").partition(" ")[2].strip()
        token = session.token_hash if session is not None else token_hash(bearer)
        return _json(WebCode(await issue_code(self._engine.context, token), address), 201)

    async def _open(self, request: Request) -> Response:
        self.sessions.check_host(request.headers)
        self.sessions.check_origin(request.headers)
        opening = _read(await request.body())
        if opening.code:
            token = await redeem_code(self._engine.context, opening.code)
        else:
            await self._users.identify(f"Bearer {opening.token}")
            token = token_hash(opening.token.strip())
        user = await self._users.identify_hash(token)
        if user is None:
            raise Refused(ErrorCode.UNAUTHORIZED, "the token of this code was revoked or has expired", status=401)
        value, session = await open_session(self._engine.context, token)
        response = _json(await self._view(user, session), 201)
        response.headers["set-cookie"] = set_cookie(value, request.headers, _secure(request.headers))
        return response

    async def _end(self, request: Request) -> Response:
        session: Session | None = getattr(request.state, "session", None)
        if session is not None:
            await end_session(self._engine.context, session)
            self.sessions.forget()
        response = Response(status_code=204)
        response.headers["set-cookie"] = set_cookie("", request.headers, _secure(request.headers))
        return response

    async def _me(self, request: Request) -> Response:
        found = await self.sessions.identify("GET", request.headers)
        return _json(SessionView("", False, {}, "") if found is None else await self._view(*found))

    async def _view(self, user: User, session: Session | None) -> SessionView:
        projects = {name: str(role) for name, role in user.roles.items()}
        if user.admin:
            projects = {project.name: "admin" for project in await self._engine.accounts.projects()} | projects
        return SessionView(user.name, user.admin, projects, session.csrf if session else "")

    async def _map(self, project: Project, request: Request, after: Number = None) -> Response:
        tag = f'"{await self._engine.events.newest()}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        if after is None:
            return _json(await zone_map(self._engine.context, project), headers={"etag": tag})
        change = await map_change(self._engine.context, project, after)
        if change is None:
            raise Refused(ErrorCode.TOO_FAR_BEHIND, "too many events since then: load the map again", status=410)
        return _json(change)

    async def _hour(self, project: Project) -> Response:
        return _json(await map_hour(self._engine.context, project))

    async def _stream(self, project: Project, request: Request, after: Number = 0) -> Response:
        last = request.headers.get("last-event-id", "")
        since = int(last) if last.isascii() and last.isdigit() and len(last) < 11 else after or 0
        return StreamingResponse(
            self._feeds.follow(project, since, partial(self._may_follow, project, request)),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no", **_SAFE},
        )

    async def _may_follow(self, project: str, request: Request) -> bool:
        """Whether the session or token of an open stream is still valid, and its user still in the project."""
        try:
            found = await self.sessions.identify("GET", request.headers)
            bearer = request.headers.get("authorization", "")
            user = await self._users.identify(bearer) if found is None else found[0]
            await self._users.require(user, project, Role.USER)
        except Refused:
            return False
        return True


def _asset(asset: Asset, headers: Headers, cache: str) -> Response:
    compressed = "gzip" in headers.get("accept-encoding", "")
    extra = {"content-encoding": "gzip"} if compressed else {}
    body = asset.compressed if compressed else asset.body
    return Response(
        body, media_type=asset.type, headers={"cache-control": cache, "vary": "accept-encoding", **_SAFE, **extra}
    )


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        _encoder.encode(content),
        status,
        media_type="application/json",
        headers={"cache-control": "no-store", **_SAFE, **(headers or {})},
    )


def _read(body: bytes) -> NewSession:
    try:
        opening = msgspec.json.decode(body[:8192], type=NewSession)
    except msgspec.MsgspecError as error:
        raise Refused(ErrorCode.INVALID_REQUEST, "the request needs a `code` or a `token`", status=422) from error
    if not opening.code and not opening.token:
        raise Refused(ErrorCode.INVALID_REQUEST, "the request needs a `code` or a `token`", status=422)
    return opening


def _secure(headers: Headers) -> bool:
    """Whether the browser came over TLS, which a proxy in front of the server ends."""
    return headers.get("x-forwarded-proto", "") == "https"
