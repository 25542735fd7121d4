"""Checks answers against the fields without which dstack's clients fail."""

from collections.abc import Iterator
from typing import Any

from atoll.fronts.dstack.protocol import REQUIRED


def missing(handler: str, answer: Any) -> list[str]:
    """The required fields of a handler that an answer lacks, or has as null."""
    return [field for field in REQUIRED.get(handler, ()) for value in _values(answer, field) if value is None]


def _values(value: Any, path: str) -> Iterator[Any]:
    """What is at a path: one value for each item of the lists on it, None where it is absent."""
    head, _, rest = path.partition(".")
    name, many = head.removesuffix("[]"), head.endswith("[]")
    inner = value if not name else value.get(name) if isinstance(value, dict) else None
    if not many:
        yield from _values(inner, rest) if rest and inner is not None else [inner]
        return
    for item in inner if isinstance(inner, list) else [None]:
        yield from _values(item, rest) if rest and item is not None else [item]
