"""Walls that imports do not show: routes and fronts open no transactions."""

import ast
from collections.abc import Iterator
from pathlib import Path

import atoll

SOURCE = Path(atoll.__file__).parent
OPENERS = {"read", "write", "look"}


def transactions(text: str) -> Iterator[int]:
    """The lines that open a transaction of a database."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Attribute(attr=opener, value=ast.Attribute(attr="database"))) if opener in OPENERS:
                yield node.lineno


def test_routes_and_fronts_open_no_transaction() -> None:
    files = [*SOURCE.glob("server/**/*.py"), *SOURCE.glob("fronts/**/*.py")]
    assert len(files) > 20
    assert [(str(file), line) for file in files for line in transactions(file.read_text())] == []


def test_a_transaction_in_a_route_is_found() -> None:
    assert list(transactions("async def route():\n  async with engine.database.look() as tx:\n    pass")) == [2]
