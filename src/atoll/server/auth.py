"""Authentication and authorization: bearer tokens, of which the database holds only hashes, and roles in projects.

Look-ups are cached for a few seconds; a change on this server clears the cache at once, one on another server of
the same database takes effect within `FRESH_SECONDS`.
"""

import time
from dataclasses import dataclass

from fastapi import Request

from atoll.engine.engine import Engine
from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.requests.accounts import token_hash
from atoll.model.access import Role, Token, User
from atoll.model.error_codes import ErrorCode

FRESH_SECONDS = 2.0
"""Seconds that a token, a role or a project is cached."""


@dataclass(frozen=True, slots=True)
class _Seen:
    user: User
    token: Token
    until: float


class Gate:
    """Authenticates and authorizes requests."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[str, _Seen] = {}
        self._projects: dict[str, float] = {}

    def forget(self) -> None:
        """Clears the cache, after a change of users, roles, tokens or projects."""
        self._seen.clear()
        self._projects.clear()

    async def identify(self, authorization: str) -> User:
        """Returns the token's user. Raises Refused (401) for a token that was never issued, is revoked, or has expired.

        The token itself is never compared: its hash is looked up, which does not reveal how near a guess was.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token:
            user = await self.identify_hash(token_hash(token.strip()))
            if user is not None:
                return user
        raise Refused(
            ErrorCode.UNAUTHORIZED,
            "the token is missing or wrong, was revoked, or has ended",
            help="`atoll login`, or set ATOLL_TOKEN; the first token is the file `token` in the server's data folder",
            status=401,
        )

    async def identify_hash(self, hash: str) -> User | None:
        """Returns the user of the token with this hash; None when it is unknown, revoked or expired."""
        seen = self._seen.get(hash)
        if seen is None or seen.until < time.monotonic():
            seen = await self._look(hash)
        return seen.user if seen is not None and seen.token.valid(self._engine.context.now()) else None

    async def require(self, user: User, project: str, role: Role) -> None:
        """Authorizes a user for a project. Raises Refused: 404 if the project is hidden from the user, else 403."""
        own = user.roles.get(project)
        if user.admin:
            if await self._exists(project):
                return
            own = None
        if own is None:
            raise not_found("project", project)
        if role is Role.MANAGER and own is not Role.MANAGER:
            raise forbidden(f"only managers of the project `{project}` may do this")

    async def _look(self, hash: str) -> _Seen | None:
        self._seen.pop(hash, None)
        bearer = await self._engine.accounts.bearer(hash)
        if bearer is None:
            return None
        token, user = bearer
        self._seen[hash] = _Seen(user, token, time.monotonic() + FRESH_SECONDS)
        return self._seen[hash]

    async def _exists(self, project: str) -> bool:
        if self._projects.get(project, 0) >= time.monotonic():
            return True
        found = await self._engine.accounts.project_exists(project)
        if found:
            self._projects[project] = time.monotonic() + FRESH_SECONDS
        return found


def forbidden(message: str) -> Refused:
    """Refuses an authenticated user (403)."""
    return Refused(
        ErrorCode.FORBIDDEN, message, help="`atoll login` shows the current user; ask an admin for the role", status=403
    )


def asker(request: Request) -> User:
    """Returns the user of the request's token."""
    user: User = request.state.user
    return user


async def require_user(request: Request) -> None:
    """For members of the path's project. Raises Refused."""
    await request.app.state.gate.require(asker(request), request.path_params["project"], Role.USER)


async def require_manager(request: Request) -> None:
    """For managers of the path's project. Raises Refused."""
    await request.app.state.gate.require(asker(request), request.path_params["project"], Role.MANAGER)


async def require_admin(request: Request) -> None:
    """For admins. Raises Refused."""
    if not asker(request).admin:
        raise forbidden("only admins may do this")
