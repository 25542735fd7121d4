"""The shapes of the HTTP API about users and rights; who may call what is told in docs/access.md.

GET    /readyz                                     -> Readyz              503 where it cannot work; no token needed
GET    /metrics                                    -> Prometheus' text format
GET    /api/projects                               -> list[ProjectView]   those that one may see
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
    """Whether the server can work: `ready`, or `not-ready` with the reasons."""

    status: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project, and what the asker is in it: `manager`, `user`, or `admin` who is no member."""

    name: str
    role: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project to be. Its name has small letters, digits and hyphens, and was never given before."""

    name: str


@dataclass(frozen=True, slots=True)
class MemberView:
    """A user in a project."""

    user: str
    role: Role


@dataclass(frozen=True, slots=True)
class MemberRole:
    """What a member shall be."""

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
    """A user to be. An admin may do everything."""

    name: str
    admin: bool = False


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token without itself: `prefix` are its first characters, and name it."""

    prefix: str
    name: str
    user: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be, for the asker or, where an admin asks, for `user`. It ends after `seconds`, or never."""

    name: str
    seconds: float | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token: the only time that it is shown."""

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
    """What a secret shall be: at most 64 KiB."""

    value: str


@dataclass(frozen=True, slots=True)
class NewSession:
    """A single-use code from `atoll web`, or a token, to open a session with."""

    code: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class SessionView:
    """Whose session it is, the projects with the role in each, and what `Atoll-Csrf` must hold for changes."""

    user: str
    admin: bool
    projects: dict[str, str]
    csrf: str


@dataclass(frozen=True, slots=True)
class WebCode:
    """A single-use code, valid for a minute, and the address of the page that takes it."""

    code: str
    address: str
