"""Users, projects and their members."""

from collections.abc import Mapping, Sequence

from atoll.engine.context import Context
from atoll.model.access import Project, Role, Token, User


class AccountQueries:
    """Reads users, projects and members."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def users(self) -> Sequence[User]:
        """All users."""
        async with self._context.database.read() as tx:
            return await tx.access.users()

    async def projects(self) -> Sequence[Project]:
        """All projects."""
        async with self._context.database.read() as tx:
            return await tx.access.projects()

    async def members(self, project: str) -> Mapping[str, Role]:
        """The members of a project with their roles."""
        async with self._context.database.read() as tx:
            return await tx.access.members(project)

    async def bearer(self, hash: str) -> tuple[Token, User] | None:
        """The token with this hash and its user; None where there is none."""
        async with self._context.database.look() as tx:
            return await tx.access.bearer(hash)

    async def project_exists(self, project: str) -> bool:
        """Whether there is such a project."""
        async with self._context.database.look() as tx:
            return await tx.access.project_exists(project)
