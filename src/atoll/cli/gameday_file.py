"""The file of a GameDay: what is done to zones, step by step, and what is expected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import click

from atoll.cli.closing import duration
from atoll.cli.errors import CommandError
from atoll.cli.textfile import read_text
from atoll.model.diagnostic import Diagnostic
from atoll.model.suggestion import nearest

MOST_STEPS = 100
LONGEST_SECONDS = 6 * 3600.0
"""The longest wait of one step."""


class Deed(StrEnum):
    """What a step does."""

    FAIL = "fail"
    """An outage of a zone begins: its machines end."""
    RESTORE = "restore"
    """It ends."""
    CLOSE = "close"
    """A zone is closed for new work."""
    OPEN = "open"
    """It is opened."""
    WAIT = "wait"
    """Time goes by."""
    HEAL = "heal"
    """All fleets and runs are as before, within a time."""


TIMED = (Deed.WAIT, Deed.HEAL)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: of a `zone`, or of a number of `seconds`."""

    deed: Deed
    zone: str = ""
    seconds: float = 0

    def __str__(self) -> str:
        return f"{self.deed} {self.zone or f'{self.seconds:g} s'}"


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be so in the end.

    All is as before at most `heal` seconds after the first zone failed or was closed; `lowest` are the fewest active
    nodes that fleets may have meanwhile; at most `ended_runs` runs end for good. None: whatever.
    """

    heal: float | None = None
    lowest: Mapping[str, int] = field(default_factory=dict)
    ended_runs: int | None = None


@dataclass(frozen=True, slots=True)
class GameDay:
    """A file as a whole."""

    name: str
    steps: tuple[Step, ...]
    expected: Expected = Expected()


def read(path: str) -> GameDay:
    """The GameDay of a file. Raises CommandError for a file that is none: what is wrong, and where."""
    import yaml

    text = read_text(path)
    if isinstance(text, Diagnostic):
        raise CommandError(text.message, text.help or None)
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise CommandError(f"{path}{line}: this is not YAML: {getattr(error, 'problem', None) or error}") from error
    try:
        return _gameday(content)
    except _Wrong as wrong:
        raise CommandError(f"{path}: {wrong}", "see `atoll gameday run --help`") from wrong


class _Wrong(ValueError):  # noqa: N818 - a finding about the user's file
    """What is wrong with the file."""


def _gameday(content: object) -> GameDay:
    keys = _mapping(content, "the file", ("name", "steps", "expect"))
    steps = keys.get("steps")
    if not isinstance(steps, list) or not steps:
        raise _Wrong("`steps` is a list of what is done, such as `- fail: local-b`")
    if len(steps) > MOST_STEPS:
        raise _Wrong(f"there are {len(steps)} steps, and {MOST_STEPS} at most are done")
    found = tuple(_step(step, f"step {number}") for number, step in enumerate(steps, 1))
    if all(step.deed in TIMED for step in found):
        raise _Wrong("no step does anything to a zone: `fail` or `close` one")
    return GameDay(str(keys.get("name") or "gameday"), found, _expected(keys.get("expect") or {}))


def _step(content: object, place: str) -> Step:
    keys = _mapping(content, place, tuple(Deed))
    if len(keys) != 1:
        raise _Wrong(f"{place}: a step is one of {', '.join(Deed)}, such as `fail: local-b`")
    [(name, value)] = keys.items()
    deed = Deed(name)
    if deed in TIMED:
        return Step(deed, seconds=_seconds(value, place))
    if not isinstance(value, str) or not value:
        raise _Wrong(f"{place}: `{deed}` names a zone")
    return Step(deed, value)


def _expected(content: object) -> Expected:
    keys = _mapping(content, "`expect`", ("heal", "lowest", "ended_runs"))
    lowest = keys.get("lowest") or {}
    if not isinstance(lowest, dict) or not all(_is_count(count) for count in lowest.values()):
        raise _Wrong("`lowest` in `expect` has numbers of nodes by fleet, such as `{web: 6}`")
    ended = keys.get("ended_runs")
    if ended is not None and not _is_count(ended):
        raise _Wrong("`ended_runs` in `expect` is a number of runs")
    heal = _seconds(keys["heal"], "`heal` in `expect`") if "heal" in keys else None
    return Expected(heal, {str(name): count for name, count in lowest.items()}, ended)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _mapping(content: object, place: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    """A mapping with known keys alone."""
    if not isinstance(content, dict):
        raise _Wrong(f"{place} has keys: {', '.join(known)}")
    for key in content:
        if key not in known:
            near = nearest(str(key), known)
            raise _Wrong(f"{place}: unknown key `{key}`" + (f", did you mean `{near}`?" if near else ""))
    return content


def _seconds(value: object, place: str) -> float:
    try:
        seconds = duration(str(value))
    except click.UsageError as error:
        raise _Wrong(f"{place}: {error.message}") from error
    if seconds > LONGEST_SECONDS:
        raise _Wrong(f"{place}: {LONGEST_SECONDS / 3600:g} hours at most")
    return seconds
