"""The `retention` of the server's configuration: what it means, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from atoll.engine.parts.retention_config import retention_of
from atoll.model.retention import Retention


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (None, Retention()),
        ({}, Retention()),
        ({"events": "12h"}, Retention(events=timedelta(hours=12))),
        ({"logs": "off", "log_size": "1.5GB"}, Retention(logs=None, log_bytes=3 << 29)),
        ({"runs": False, "resources": 86400}, Retention(runs=None, resources=timedelta(days=1))),
        ({"log_size": "off"}, Retention()),
    ],
)
def test_absent_keys_have_defaults_and_off_keeps_everything(section: Any, expected: Retention) -> None:
    assert retention_of({"retention": section}) == expected


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ([], "`retention` must be a mapping of `events`, `logs`, `runs`, `resources`, `observations`, `log_size`"),
        ("30d", "`retention` must be a mapping"),
        ({"event": "3d"}, "`retention` has no key `event`; did you mean `events`?"),
        ({"events": "soon"}, "`retention.events`: expected a duration such as `90s`, `5m`, `3d`, or `off`, not `soon`"),
        ({"events": None}, "`retention.events`: a duration is missing"),
        ({"runs": "10s"}, "`retention.runs`: `10s` is not between 1 minute and 100 years"),
        ({"logs": "999999999999w"}, "`retention.logs`: `999999999999w` is not between"),
        ({"logs": True}, "`retention.logs`: expected a duration"),
        ({"logs": float("nan")}, "`retention.logs`: expected a finite number"),
        ({"log_size": "1KB"}, "`retention.log_size`: expected a size such as `16GB`"),
        ({"log_size": 0}, "`retention.log_size`: `0` is below 1 MB"),
        ({"log_size": None}, "`retention.log_size`: a size is missing"),
        ({1: 2}, "`retention` has no key `1`"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(section: Any, words: str) -> None:
    with pytest.raises(ValueError, match="retention") as refused:
        retention_of({"retention": section})
    assert words in str(refused.value)
