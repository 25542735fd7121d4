"""Statements that are compiled once and run often: with bound parameters, and for SQLite with their final text.

Compiling a statement takes longer than running it. SQLAlchemy's lookup of text, conversion of values and wrapping of
rows also takes longer than SQLite itself: each statement determines what it needs of these at its first use.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import ClauseElement, Executable
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect

Row = Sequence[Any]
_SQLITE: Dialect = sqlite.dialect()


class Prepared:
    """A statement whose values are bound parameters; `columns` are those that an INSERT or UPDATE sets by such."""

    def __init__(self, statement: Executable, columns: Sequence[str] | None = None) -> None:
        self.statement = statement
        self._columns = columns

    @cached_property
    def text(self) -> "Text":
        """The statement as SQLite's driver takes it."""
        return Text(self.statement, self._columns)


class Text:
    """A statement's text for SQLite, the order of its values, and how values get into it and out of its columns."""

    def __init__(self, statement: Any, columns: Sequence[str] | None) -> None:
        assert isinstance(statement, ClauseElement)
        compiled: Any = statement.compile(dialect=_SQLITE, column_keys=columns)
        required = {name: None for name, bound in compiled.binds.items() if bound.required}
        whole = compiled.construct_expanded_state(required)
        self.sql: str = whole.statement
        self._values = tuple(
            (name, whole.parameters[name], _into(compiled.binds.get(name))) for name in whole.positiontup or ()
        )
        outs = [column.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None) for column in _result(statement)]
        self._outs = tuple((at, out) for at, out in enumerate(outs) if out is not None)

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in their order, as the driver takes them."""
        return [
            values.get(name, fixed) if into is None else into(values.get(name, fixed))
            for name, fixed, into in self._values
        ]

    def rows(self, raw: Iterable[tuple[Any, ...]]) -> list[Row]:
        """Rows of the driver with the values that their columns mean."""
        if not self._outs:
            return list(raw)
        found: list[Row] = []
        for row in raw:
            values = list(row)
            for at, out in self._outs:
                if values[at] is not None:
                    values[at] = out(values[at])
            found.append(values)
        return found


def _into(bound: Any) -> Callable[[Any], Any] | None:
    """What makes the driver's value of a parameter's; parts of a list have none of their own."""
    return None if bound is None else bound.type.dialect_impl(_SQLITE).bind_processor(_SQLITE)


def _result(statement: Any) -> Iterable[Any]:
    return statement.exported_columns if statement.is_select or statement.is_dml else ()
