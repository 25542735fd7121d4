"""Access rights: users, their roles in projects, and tokens. No value in this module holds a token itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """A member's rights in a project: a manager has those of a user, and manages members and secrets."""

    MANAGER = "manager"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Project:
    """The resources of one team. A deleted project's name cannot be reused: its history stays under it."""

    name: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A person or a program. An admin may do everything; `roles` are those in projects, by project."""

    name: str
    admin: bool
    created_at: datetime
    roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: `prefix` are its first characters, `hash` is of all of it."""

    hash: str
    prefix: str
    name: str
    user: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Returns whether it is still valid."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session as it is kept: by its hash, with that of the token it stands for and its CSRF value."""

    hash: str
    token_hash: str
    csrf: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret without its value."""

    project: str
    name: str
    updated_at: datetime
    updated_by: str
