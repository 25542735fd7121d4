"""The shapes of the HTTP API about users and rights; docs/access.md lists the required roles.

GET    /readyz                                     -> Readyz              503 where it cannot work; no token needed
GET    /metrics                                    -> Prometheus' text format
GET    /api/projects                               -> list[ProjectView]   the user's own; for admins all
POST   /api/projects                               <- NewProject -> ProjectView          (409 name-taken)
DELETE /api/projects/P                             -> ProjectView         (409 project-busy)
GET    /api/projects/P/members                     -> list[MemberView]
PUT    /api/projects/P/members/USER                <- MemberRole -> MemberView
DELETE /api/projects/P/members/USER                -> MemberView
GET    /api/projects/P/secrets                     -> list[SecretView]    never with values
PUT    /api/projects/P/secrets/NAME                <- SecretValue -> SecretView
DELETE /api/projects/P/secrets/NAME                -> SecretView
GET    /api/users                                  -> list[UserView]
GET    /api/users/me                               -> UserView            whose token it is
POST   /api/users                                  <- NewUser -> UserView                (409 name-taken)
DELETE /api/users/NAME                             -> UserView            (409 last-admin)
GET    /api/tokens[?all=1]                         -> list[TokenView]     one's own; `all` is for admins
POST   /api/tokens                                 <- NewToken -> IssuedToken
DELETE /api/tokens/PREFIX                          -> TokenView
POST   /web/codes                                  -> WebCode             for `atoll web`
POST   /web/session                                <- NewSession -> SessionView, with a cookie; no token needed
DELETE /web/session                                ends the session of the cookie
GET    /web/me                                     -> SessionView         of the cookie; `user` is empty without one
"""

from dataclasses import dataclass, field
from datetime import datetime

from atoll.model.access import Role


@dataclass(frozen=True, slots=True)
class Readyz:
    """The server's readiness: `ready`, or `not-ready` with the reasons."""

    status: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project, and the caller's role in it: `manager`, `user`, or `admin` for an admin without membership."""

    name: str
    role: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project to create. Its name has lower-case letters, digits and hyphens, and was never used before."""

    name: str


@dataclass(frozen=True, slots=True)
class MemberView:
    """A user in a project."""

    user: str
    role: Role


@dataclass(frozen=True, slots=True)
class MemberRole:
    """A member's new role."""

    role: Role


@dataclass(frozen=True, slots=True)
class UserView:
    """A user; `roles` are those in projects, by project."""

    name: str
    admin: bool
    created_at: datetime
    roles: dict[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to create. An admin may do everything."""

    name: str
    admin: bool = False


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token without its value: `prefix` is its first characters, and its name."""

    prefix: str
    name: str
    user: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to create, for the caller or, by an admin, for `user`. It expires after `seconds`, or never."""

    name: str
    seconds: float | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token: the only response that shows it."""

    token: str
    view: TokenView


@dataclass(frozen=True, slots=True)
class SecretView:
    """A secret without its value."""

    name: str
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A secret's new value: at most 64 KiB."""

    value: str


@dataclass(frozen=True, slots=True)
class NewSession:
    """A single-use code from `atoll web`, or a token, to open a session with."""

    code: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class SessionView:
    """The session's user, the projects with the role in each, and the required `Atoll-Csrf` header for changes."""

    user: str
    admin: bool
    projects: dict[str, str]
    csrf: str


@dataclass(frozen=True, slots=True)
class WebCode:
    """A single-use code, valid for a minute, and the address of the page that takes it."""

    code: str
    address: str
