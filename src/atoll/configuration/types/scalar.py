"""Numbers of a file that keep how they were written: `1.10` is 1.1 where a number is meant, and `1.10` as text."""

from typing import Any


class WrittenInt(int):
    """An integer and its text in the file."""

    text: str


class WrittenFloat(float):
    """A float and its text in the file."""

    text: str


def written_number(kind: type[WrittenInt] | type[WrittenFloat], text: str) -> WrittenInt | WrittenFloat:
    """The number that `text` spells, with the text. Raises ValueError when it spells none."""
    number = kind(text)
    number.text = text
    return number


def as_text(value: Any) -> Any:
    """The text of a number or a switch as it was written; every other value unchanged."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.text
    return str(value) if isinstance(value, int | float) else value


def plain(value: Any) -> Any:
    """The value with Python's own numbers throughout."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, WrittenInt):
        return int(value)
    return float(value) if isinstance(value, WrittenFloat) else value
