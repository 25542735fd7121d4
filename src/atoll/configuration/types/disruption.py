"""Disruption budgets: how many nodes the server may take away at once, how often, from where and when."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from cronsim import CronSim, CronSimError
from pydantic import PlainValidator
from pydantic import WithJsonSchema as Schema
from pydantic_core import PydanticCustomError

from atoll.configuration.types.base import (
    DURATION_SCHEMA,
    MOST_NODES,
    Duration,
    Flag,
    Model,
    duration,
    wrong_type,
    wrong_value,
)

_PERCENT = re.compile(r"([0-9]{1,3}) ?%\Z")
_HOURS = re.compile(r"(.+?) for ([0-9]{1,6} ?[smhd])\Z")
LONGEST_SECONDS = 7 * 86400.0
"""The longest `per`, and the longest time that `at` leaves open."""


def _amount(value: Any) -> int | str:
    """A number of nodes, or a part of them such as `10%`."""
    expected = "a number of nodes, 0 or more, or a part of them such as `10%`"
    if isinstance(value, str) and (match := _PERCENT.match(value.strip())) and int(match[1]) <= 100:
        return f"{int(match[1])}%"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise wrong_type(expected)
    if isinstance(value, str) or not 0 <= value <= MOST_NODES:
        raise wrong_value(expected)
    return value


def _span(value: Any) -> float:
    seconds = duration(value)
    if seconds is None or not 1 <= seconds <= LONGEST_SECONDS:
        raise wrong_value("a duration from `1s` to `7d`, such as `10m`")
    return seconds


def _opening(value: Any) -> str:
    """`CRON for DURATION` with single spaces."""
    expected = "a cron expression and a duration, such as `0 2 * * 6 for 4h` (Saturdays from 2 to 6 o'clock UTC)"
    if not isinstance(value, str):
        raise wrong_type(expected)
    match = _HOURS.match(" ".join(value.split())[:200])
    if match is None or len(match[1].split()) != 5:
        raise wrong_value(expected)
    try:
        next(CronSim(match[1], datetime(2000, 1, 1, tzinfo=UTC)))
        seconds = duration(match[2])
    except StopIteration:
        raise wrong_value(f"a cron expression with a date that exists, not `{match[1]}`") from None
    except (CronSimError, PydanticCustomError) as error:
        raise wrong_value(f"{expected}; {error}") from None
    if seconds is None or not 1 <= seconds <= LONGEST_SECONDS:
        raise wrong_value("a duration from `1s` to `7d` behind `for`")
    return f"{match[1]} for {match[2].replace(' ', '')}"


Amount = Annotated[
    int | str,
    PlainValidator(_amount),
    Schema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MOST_NODES},
                {"type": "string", "pattern": "^[0-9]{1,3} ?%$"},
            ]
        }
    ),
]
Span = Annotated[Duration, PlainValidator(_span), Schema(DURATION_SCHEMA)]
Opening = Annotated[str, PlainValidator(_opening), Schema({"type": "string", "pattern": "^.+ for [0-9]+ ?[smhd]$"})]


class Disruption(Model):
    """What the server may take away by itself; without a key there is no limit of that kind."""

    max_unavailable: Amount | None = None
    per: Span | None = None
    one_zone_at_a_time: Flag = False
    at: Opening | None = None

    def unavailable(self, nodes: int) -> int | None:
        """How many of `nodes` may be away at once, parts rounded down; None: no limit of its own."""
        most = self.max_unavailable
        return nodes * int(most[:-1]) // 100 if isinstance(most, str) else most

    @property
    def in_turns(self) -> bool:
        """Whether nodes have to wait for their turn, rather than for their successors alone."""
        return self.per is not None or self.one_zone_at_a_time or self.at is not None

    @property
    def opening(self) -> tuple[str, float] | None:
        """The cron expression of `at`, and for how many seconds it is open each time."""
        if self.at is None:
            return None
        cron, _, span = self.at.rpartition(" for ")
        return cron, duration(span) or 0.0
