"""What the repositories of one transaction work with, over either database, and what gives them such connections."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy import CursorResult, Executable, text
from sqlalchemy.engine import Dialect

Row = Sequence[Any]
Values = Mapping[str, Any]
_NONE: Values = {}


class Connection(ABC):
    """One transaction's connection. Statements that run often are made once: SQLAlchemy keeps their compiled text."""

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """Which database it is."""

    @abstractmethod
    async def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement."""

    @abstractmethod
    async def change_all(self, statement: Executable, rows: Sequence[Values]) -> None:
        """Run a statement without rows for each of `rows`."""

    async def sql(self, statement: str) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement given as text; for tests."""
        return await self.execute(text(statement))

    async def rows(self, statement: Executable, values: Values = _NONE) -> Sequence[Row]:
        """Run a statement; returns the rows that it selects or changes."""
        return (await self.execute(statement, values)).all()

    async def row(self, statement: Executable, values: Values = _NONE) -> Row | None:
        """The first of them, if there is one."""
        return next(iter(await self.rows(statement, values)), None)

    async def change(self, statement: Executable, values: Values = _NONE) -> int:
        """Run a statement without rows; returns the number of changed rows."""
        return (await self.execute(statement, values)).rowcount


class Connections(ABC):
    """The connections of one database. Their contexts raise SQLAlchemy's errors, which `Database` translates."""

    shared = False
    """Whether several servers may work on it."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it is, without a password."""

    @abstractmethod
    def read(self) -> AbstractAsyncContextManager[Connection]:
        """A transaction that reads the state of one moment."""

    @abstractmethod
    def look(self) -> AbstractAsyncContextManager[Connection]:
        """Statements outside a transaction: each may see a different state."""

    @abstractmethod
    def write(self) -> AbstractAsyncContextManager[Connection]:
        """A writing transaction, which is on the disk at the end; an exception inside rolls it back."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections."""

    def follow(self, notify: Callable[[], None]) -> None:  # noqa: B027 - a database of one server has no others to hear
        """Call `notify` after the commits of other servers."""

    def announce(self) -> None:  # noqa: B027
        """Tell other servers of a commit."""
