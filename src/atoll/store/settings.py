"""Small facts of the installation: its id, projects, hashed tokens, and the counter that orders placements."""

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.store.tables import projects, settings, tokens


class SettingRepository:
    """Settings, projects and tokens of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, key: str) -> str | None:
        """A setting's value."""
        return (await self._connection.execute(select(settings.c.value).where(settings.c.key == key))).scalar()

    async def set(self, key: str, value: str) -> None:
        """Keep a setting."""
        changed = await self._connection.execute(update(settings).where(settings.c.key == key).values(value=value))
        if not changed.rowcount:
            await self._connection.execute(insert(settings).values(key=key, value=value))

    async def project_exists(self, name: str) -> bool:
        """Whether there is such a project."""
        return (
            await self._connection.execute(select(projects.c.name).where(projects.c.name == name))
        ).first() is not None

    async def add_project(self, name: str) -> None:
        """Keep a new project."""
        await self._connection.execute(insert(projects).values(name=name))

    async def token_known(self, hash: str) -> bool:
        """Whether a token with this hash was issued."""
        return (await self._connection.execute(select(tokens.c.hash).where(tokens.c.hash == hash))).first() is not None

    async def add_token(self, hash: str, name: str, now: datetime) -> None:
        """Keep a token by its hash."""
        await self._connection.execute(insert(tokens).values(hash=hash, name=name, created_at=now))
