"""Settings of the installation: its id, the fingerprint of its key, and the counter that orders placements."""

from typing import Any

from sqlalchemy import bindparam, select, update

from atoll.store.connection import Connection
from atoll.store.tables import settings
from atoll.store.upsert import insert_into

_GET = select(settings.c.value).where(settings.c.key == bindparam("name"))
_SWAP = update(settings).where(settings.c.key == bindparam("name"), settings.c.value == bindparam("seen"))


class SettingRepository:
    """Settings of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, key: str) -> str | None:
        """A setting's value."""
        row = await self._connection.row(_GET, {"name": key})
        return None if row is None else row[0]

    async def set(self, key: str, value: str) -> None:
        """Keep a setting."""
        await self._connection.execute(self._insert(key, value, {"value": value}))

    async def first(self, key: str, value: str) -> str:
        """Store a setting unless it exists; returns the stored one."""
        await self._connection.execute(self._insert(key, value, None))
        return await self.get(key) or value

    async def swap(self, key: str, seen: str | None, value: str) -> bool:
        """Store a setting if it still has the expected value; otherwise change nothing and return False."""
        if seen is None:
            return bool((await self._connection.execute(self._insert(key, value, None))).rowcount)
        return bool(await self._connection.change(_SWAP, {"name": key, "seen": seen, "value": value}))

    def _insert(self, key: str, value: str, otherwise: dict[str, str] | None) -> Any:
        statement = insert_into(settings, self._connection.dialect.name).values(key=key, value=value)
        if otherwise is None:
            return statement.on_conflict_do_nothing(index_elements=["key"])
        return statement.on_conflict_do_update(index_elements=["key"], set_=otherwise)
