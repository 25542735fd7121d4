"""What a front needs to know of users; the server provides it."""

from typing import Protocol

from atoll.model.access import Role, User


class Users(Protocol):
    """Knows the users of tokens, and which projects there are."""

    async def identify(self, authorization: str) -> User:
        """The user of an `Authorization` header. Raises Refused (401)."""

    async def identify_hash(self, hash: str) -> User | None:
        """The user of the token with this hash; None when it is unknown, revoked or expired."""

    async def require(self, user: User, project: str, role: Role) -> None:
        """Authorizes a user for a project. Raises Refused (403, 404)."""
