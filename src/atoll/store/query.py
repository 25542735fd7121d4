"""What every repository of records does: select from its table, and make records of the rows."""

from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.model.records import Kind
from atoll.store.rows import records_of
from atoll.store.tables import TABLES


async def fetch(connection: AsyncConnection, kind: Kind, *where: ColumnElement[bool], order: str = "id") -> list[Any]:
    """All records of a kind that fulfil the conditions, in the order of a column."""
    return records_of(kind, await connection.execute(query(kind, *where, order=order)))


def query(kind: Kind, *where: ColumnElement[bool], order: str = "id") -> Select[Any]:
    """The statement for that: what is asked often is made once, with bound parameters."""
    table = TABLES[kind]
    return select(table).where(*where).order_by(table.c[order], table.c.id)
