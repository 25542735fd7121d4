"""What every repository of records does: select from its table, and make records of the rows."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, String, any_, bindparam, func, select
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


def among(column: ColumnElement[Any], ids: Collection[str], dialect: str) -> ColumnElement[bool]:
    """That a column has one of these ids; a statement that is made once gets others as its parameter `ids`."""
    value = one_value(ids, dialect)
    if dialect == "postgresql":
        return column == any_(bindparam("ids", value, type_=ARRAY(String)))
    each = func.json_each(bindparam("ids", value, type_=String)).table_valued("value")
    return column.in_(select(each.c.value))


def one_value(ids: Collection[str], dialect: str) -> list[str] | str:
    """Ids as one value: databases limit how many they bind."""
    return list(ids) if dialect == "postgresql" else json.dumps(list(ids))
