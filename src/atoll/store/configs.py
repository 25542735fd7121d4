"""Configurations of records, without the records, to re-seal the sealed values in them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update

from atoll.model.records import Kind
from atoll.store.connection import Connection
from atoll.store.tables import TABLES

KINDS = (Kind.FLEET, Kind.VOLUME, Kind.RUN)
"""The kinds of records that have a configuration."""


class ConfigRepository:
    """Configurations of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def after(self, kind: Kind, id: str, limit: int) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """The next `limit` configurations with their records' ids, in the order of these; all records are there."""
        table = TABLES[kind]
        wanted = select(table.c.id, table.c.config).where(table.c.id > id).order_by(table.c.id).limit(limit)
        return [(row.id, row.config) for row in await self._connection.execute(wanted)]

    async def held(self, kind: Kind, id: str) -> Mapping[str, Any] | None:
        """A configuration, locked until the transaction ends."""
        table = TABLES[kind]
        wanted = select(table.c.config).where(table.c.id == id).with_for_update()
        found: Mapping[str, Any] | None = (await self._connection.execute(wanted)).scalar()
        return found

    async def set(self, kind: Kind, id: str, config: Mapping[str, Any]) -> None:
        """Replace a configuration with an equivalent one."""
        table = TABLES[kind]
        await self._connection.execute(update(table).where(table.c.id == id).values(config=dict(config)))
