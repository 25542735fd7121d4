"""What is wrong with a snapshot file, as diagnostics that name the place in the JSON: `offers[3].price`."""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from atoll.model.diagnostic import Diagnostic
from atoll.model.suggestion import did_you_mean

MOST = 20
"""The most findings that are reported; a program's mistake repeats itself in every row."""

_PLACE = re.compile(r"(?P<what>.*) - at `(key in )?\$(?P<path>[^`]*)`\Z", re.DOTALL)
_KINDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "datetime": "a time",
    "null": "null",
}
_WORDS: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = (
    (re.compile(r"Object missing required field `(.+)`"), lambda m: f"`{m[1]}` is missing"),
    (re.compile(r"Object contains unknown field `(.+)`"), lambda m: f"there is no key `{m[1][:60]}` here"),
    (re.compile(r"Invalid enum value (.+)"), lambda m: f"{_shown(m[1])} is none of the possible values"),
    (re.compile(r"Expected `datetime` with a timezone component"), lambda m: "a time needs its zone: add `Z`"),
    (re.compile(r"Invalid RFC3339 encoded datetime"), lambda m: "expected a time such as `2026-11-25T14:02:00Z`"),
    (re.compile(r"Expected `str` matching regex .*x7f.*"), lambda m: "text may not have control characters"),
    (re.compile(r"Expected `str` matching regex .*"), lambda m: "expected text such as `8.0`"),
    (re.compile(r"Expected `(\w+)` of length (.+)"), lambda m: f"expected {_kind(m[1])} of length {m[2]}"),
    (re.compile(r"Expected `(\w+)` ([<>]=?) (.+)"), lambda m: f"expected {_kind(m[1])} {m[2]} {_trimmed(m[3])}"),
    (re.compile(r"Expected `([^`]+)`, got `(\w+)`"), lambda m: f"expected {_kind(m[1])}, not {_kind(m[2])}"),
    (re.compile(r"Number out of range"), lambda m: "the number is too large"),
)


def _kind(text: str) -> str:
    return " or ".join(_KINDS.get(one, one) for one in text.split(" | "))


def _trimmed(number: str) -> str:
    return number.removesuffix(".0")


def _shown(value: str) -> str:
    return f"`{value.strip(chr(39))[:60]}`"


class BadSnapshot(Exception):  # noqa: N818 - a finding about the user's file
    """The file is no snapshot: why, at most `MOST` times."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("bad snapshot")
        self.diagnostics = tuple(diagnostics[:MOST])


def at(path: str, message: str, help: str | None = None) -> Diagnostic:
    """A finding at one place of the file."""
    return Diagnostic("wrong-snapshot", f"`{path}`: {message}" if path else message, help=help)


def of_shape(error: Exception, known: Collection[str]) -> Diagnostic:
    """The decoder's complaint in our words; `known` are all keys of the form, for the nearest one."""
    text = str(error)
    found = _PLACE.match(text)
    what, path = (found["what"], found["path"].removeprefix(".")) if found else (text, "")
    unknown = re.match(r"Object contains unknown field `(.+)`", what)
    form = "`atoll export schema --snapshot` prints the form"
    help = did_you_mean(unknown[1], known, form) if unknown else form
    for pattern, said in _WORDS:
        match = pattern.fullmatch(what)
        if match:
            return at(path, said(match), help)
    return at(path, what[:1].lower() + what[1:], help)


T = TypeVar("T")


def repeats(path: str, entries: Iterable[T], key: Callable[[T], Hashable], what: str) -> Iterator[Diagnostic]:
    """Entries of a list that have the key of an earlier one."""
    first: dict[Hashable, int] = {}
    for index, entry in enumerate(entries):
        before = first.setdefault(key(entry), index)
        if before != index:
            yield at(f"{path}[{index}]", f"the same {what} as `{path}[{before}]`")
