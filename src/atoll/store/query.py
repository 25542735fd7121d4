"""The queries of every repository: select from its table, and create records from the rows."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, String, any_, bindparam, func, select

from atoll.model.records import Kind
from atoll.store.connection import Connection
from atoll.store.rows import records_of
from atoll.store.tables import TABLES


class Query:
    """The records of a kind that meet conditions with bound parameters, in the order of a column: prepared once."""

    def __init__(self, kind: Kind, *where: ColumnElement[bool], order: str = "id") -> None:
        self._kind = kind
        self._statement = _select(kind, *where, order=order)

    async def all(self, connection: Connection, **values: Any) -> list[Any]:
        """All of them."""
        return records_of(self._kind, await connection.rows(self._statement, values))

    async def first(self, connection: Connection, **values: Any) -> Any | None:
        """The first of them, if there is one."""
        return next(iter(await self.all(connection, **values)), None)


async def fetch(connection: Connection, kind: Kind, *where: ColumnElement[bool], order: str = "id") -> list[Any]:
    """All records of a kind that meet conditions composed for one use."""
    return records_of(kind, await connection.execute(_select(kind, *where, order=order)))


def _select(kind: Kind, *where: ColumnElement[bool], order: str) -> Select[Any]:
    table = TABLES[kind]
    return select(table).where(*where).order_by(*dict.fromkeys((table.c[order], table.c.id)))


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
