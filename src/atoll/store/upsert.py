"""Inserts of rows that may exist: both databases have `ON CONFLICT`, and SQLAlchemy has it for each dialect apart."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(table: Table, dialect: str) -> Any:
    """An insert with `on_conflict_do_nothing` and `on_conflict_do_update`, for the dialect of this name."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
