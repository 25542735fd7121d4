"""Requests of browsers: a cookie in place of a token, and what keeps other pages from using it.

A browser sends its cookie with every request to the server, whichever page made it. So a request with a cookie must
come to a host that is this server's (against DNS rebinding), and one that changes something must come from this
server's own page (`Origin`) and hold the session's CSRF value, which no other page can read.
"""

import hmac
import ipaddress
import time
from collections.abc import Collection
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.sessions import IDLE_SECONDS, find_session
from atoll.model.access import Session, User
from atoll.model.error_codes import ErrorCode

COOKIE = "atoll-session"
CSRF = "atoll-csrf"
FRESH_SECONDS = 2.0
"""How long a session is believed without a look into the database, as tokens are."""
_MOST = 1_000
"""Sessions that are remembered at most."""


class Identifies(Protocol):
    """Knows the users of tokens."""

    async def identify_hash(self, hash: str) -> User | None:
        """The user of the token with this hash; None when it is unknown, revoked or expired."""


@dataclass(frozen=True, slots=True)
class _Seen:
    session: Session
    until: float


class Sessions:
    """Finds the session and the user of a request."""

    def __init__(self, context: Context, users: Identifies, hosts: Collection[str]) -> None:
        self._context = context
        self._users = users
        self._hosts = frozenset(host.lower() for host in hosts)
        self._seen: dict[str, _Seen] = {}

    def check_host(self, headers: Headers) -> None:
        """Raises Refused (421) for a `Host` that is no address of this server."""
        host = host_of(headers.get("host", ""))
        if host != "localhost" and host not in self._hosts and not _is_address(host):
            raise Refused(
                ErrorCode.WRONG_HOST,
                "this server is not known by that host name",
                help="use the address that `atoll web --print` shows, or start the server with `--public-url`",
                status=421,
            )

    def check_origin(self, headers: Headers) -> None:
        """Raises Refused (403) for a change that does not come from this server's own page."""
        origin = headers.get("origin", "")
        if not origin or urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise Refused(ErrorCode.WRONG_ORIGIN, "the request does not come from this server's page", status=403)

    async def identify(self, method: str, headers: Headers) -> tuple[User, Session] | None:
        """The user and session of a request's cookie; None without a valid one.

        Raises Refused: 421 for a wrong host, 403 for a change from another page or without the CSRF value.
        """
        value = cookie_of(headers)
        if not value:
            return None
        self.check_host(headers)
        session = await self._session(value)
        user = None if session is None else await self._users.identify_hash(session.token_hash)
        if session is None or user is None:
            return None
        if method not in ("GET", "HEAD"):
            self.check_origin(headers)
            if not hmac.compare_digest(headers.get(CSRF, "").encode(), session.csrf.encode()):
                raise Refused(ErrorCode.WRONG_CSRF, "the page is out of date: load it again", status=403)
        return user, session

    def forget(self) -> None:
        """Look sessions up again, as when one was ended."""
        self._seen.clear()

    async def _session(self, value: str) -> Session | None:
        seen = self._seen.get(value)
        if seen is not None and seen.until > time.monotonic():
            return seen.session
        self._seen.pop(value, None)
        session = await find_session(self._context, value)
        if session is not None:
            if len(self._seen) >= _MOST:
                self._seen.clear()
            self._seen[value] = _Seen(session, time.monotonic() + FRESH_SECONDS)
        return session


def set_cookie(value: str, headers: Headers, secure: bool) -> str:
    """The header that gives a browser its session; one name for each port, since cookies do not distinguish ports."""
    attributes = f"Path=/; HttpOnly; SameSite=Strict; Max-Age={int(IDLE_SECONDS) if value else 0}"
    return f"{_name(headers)}={value}; {attributes}" + ("; Secure" if secure else "")


def cookie_of(headers: Headers) -> str:
    """The session's value in a request, empty without one."""
    try:
        jar = SimpleCookie(headers.get("cookie", "")[:8192])
    except CookieError:
        return ""
    found = jar.get(_name(headers))
    return "" if found is None else found.value


def host_of(header: str) -> str:
    """The host of a `Host` header, without its port, in lower case."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def _name(headers: Headers) -> str:
    try:
        port = urlsplit(f"//{headers.get('host', '')}").port
    except ValueError:
        port = None
    return f"{COOKIE}-{port}" if port else COOKIE


def _is_address(host: str) -> bool:
    """An IP address cannot be rebound to another one."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
