"""Secrets of projects, sealed: the store never sees a value."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from atoll.model.access import Secret
from atoll.store.connection import Connection
from atoll.store.tables import secrets

_LISTING = (
    select(secrets.c.name, secrets.c.updated_at, secrets.c.updated_by)
    .where(secrets.c.project == bindparam("project"))
    .order_by(secrets.c.name)
)


class SecretRepository:
    """Secrets of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def listing(self, project: str) -> Sequence[Secret]:
        """Returns a project's secrets without their values, by name."""
        rows = await self._connection.rows(_LISTING, {"project": project})
        return [Secret(project, name, updated_at, updated_by) for name, updated_at, updated_by in rows]

    async def sealed(self, project: str) -> Mapping[str, str]:
        """Returns the sealed values of a project's secrets, by name."""
        wanted = select(secrets.c.name, secrets.c.sealed).where(secrets.c.project == project)
        return {row.name: row.sealed for row in await self._connection.execute(wanted)}

    async def set(self, secret: Secret, sealed: str) -> None:
        """Stores a sealed value, replacing an existing one."""
        await self.delete(secret.project, secret.name)
        await self._connection.execute(
            insert(secrets).values(
                project=secret.project,
                name=secret.name,
                sealed=sealed,
                updated_at=secret.updated_at,
                updated_by=secret.updated_by,
            )
        )

    async def every(self) -> Sequence[tuple[str, str]]:
        """Returns project and name of every secret of the installation."""
        rows = await self._connection.execute(select(secrets.c.project, secrets.c.name))
        return [(row.project, row.name) for row in rows]

    async def held(self, project: str, name: str) -> str | None:
        """Returns a sealed value and locks it until the transaction ends."""
        wanted = select(secrets.c.sealed).where(secrets.c.project == project, secrets.c.name == name)
        return (await self._connection.execute(wanted.with_for_update())).scalar()

    async def renew(self, project: str, name: str, sealed: str) -> None:
        """Stores the same value, re-sealed."""
        where = (secrets.c.project == project, secrets.c.name == name)
        await self._connection.execute(update(secrets).where(*where).values(sealed=sealed))

    async def delete(self, project: str, name: str) -> bool:
        """Deletes a secret; returns False if it does not exist."""
        gone = delete(secrets).where(secrets.c.project == project, secrets.c.name == name)
        return bool((await self._connection.execute(gone)).rowcount)

    async def delete_all(self, project: str) -> None:
        """Deletes all secrets of a project."""
        await self._connection.execute(delete(secrets).where(secrets.c.project == project))
