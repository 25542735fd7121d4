"""What the repositories of one transaction work with: a connection that runs prepared and composed statements."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import CursorResult, Executable, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from atoll.store.prepared import Prepared, Row

Values = Mapping[str, Any]
_NONE: Values = {}

PART = 500
"""The number of rows sent to PostgreSQL at once: the event loop is blocked while they are encoded."""


class Direct(Protocol):
    """SQLite's driver, past SQLAlchemy: on the same connection, in the same transaction."""

    async def run(self, sql: str, values: Sequence[Any], many: bool = False) -> sqlite3.Cursor:
        """Run one statement, or with `many` the same one for each of `values`. Raises sqlite3.Error."""
        ...


class Connection:
    """One transaction's connection. Prepared statements go straight to the driver where there is a `direct` one."""

    def __init__(self, connection: AsyncConnection, direct: Direct | None) -> None:
        self._connection = connection
        self._direct = direct

    @property
    def dialect(self) -> Dialect:
        """Which database it is."""
        return self._connection.dialect

    async def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement composed for one use."""
        return await self._connection.execute(statement, values)

    async def sql(self, statement: str) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement given as text; for tests."""
        return await self._connection.execute(text(statement))

    async def rows(self, prepared: Prepared, values: Values = _NONE) -> Sequence[Row]:
        """Run a prepared statement; returns the rows that it selects or changes."""
        if self._direct is None:
            return (await self._connection.execute(prepared.statement, values)).all()
        cursor = await self._run(self._direct, prepared, prepared.text.arguments(values))
        return prepared.text.rows(cursor)

    async def row(self, prepared: Prepared, values: Values = _NONE) -> Row | None:
        """The first of them, if there is one."""
        return next(iter(await self.rows(prepared, values)), None)

    async def change(self, prepared: Prepared, values: Values = _NONE) -> int:
        """Run a prepared statement without rows; returns the number of changed rows."""
        if self._direct is None:
            return (await self._connection.execute(prepared.statement, values)).rowcount
        return (await self._run(self._direct, prepared, prepared.text.arguments(values))).rowcount

    async def change_all(self, prepared: Prepared, rows: Sequence[Values]) -> None:
        """Run it for each of `rows`."""
        if self._direct is None:
            for start in range(0, len(rows), PART):
                await self._connection.execute(prepared.statement, rows[start : start + PART])
        elif len(rows) == 1:
            await self.change(prepared, rows[0])
        else:
            await self._run(self._direct, prepared, [prepared.text.arguments(row) for row in rows], many=True)

    async def _run(
        self, direct: Direct, prepared: Prepared, values: Sequence[Any], *, many: bool = False
    ) -> sqlite3.Cursor:
        try:
            return await direct.run(prepared.text.sql, values, many)
        except sqlite3.Error as error:
            raise DBAPIError.instance(prepared.text.sql, None, error, sqlite3.Error, hide_parameters=True) from error
