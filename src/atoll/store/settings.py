"""Small facts of the installation: its id, the print of its key, and the counter that orders placements."""

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.store.tables import settings


class SettingRepository:
    """Settings of one transaction."""

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
