"""The `disruption` of the server's configuration: what it means, and what is refused."""

from typing import Any

import pytest

from atoll.engine.parts.disruption_config import disruption_of


def test_without_the_section_there_is_no_budget() -> None:
    assert disruption_of({}) is None


def test_it_takes_the_keys_of_a_fleet() -> None:
    found = disruption_of({"disruption": {"max_unavailable": "10 %", "per": "10m", "at": "0  2 * * 6 for 4 h"}})
    assert found is not None
    assert (found.max_unavailable, found.per, found.at) == ("10%", 600, "0 2 * * 6 for 4h")
    assert (found.unavailable(25), found.opening) == (2, ("0 2 * * 6", 14400))


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ([], "`disruption` must be a mapping of `max_unavailable`, `per`, `one_zone_at_a_time`, `at`"),
        ({"pre": "10m"}, "`disruption` has no key `pre`; did you mean `per`?"),
        ({"per": "soon"}, "`disruption.per`: expected a duration such as `90s`, `5m`, `3d`, or `off`, not `soon`"),
        ({"per": "off"}, "`disruption.per`: expected a duration from `1s` to `7d`, such as `10m`, not `off`"),
        ({"max_unavailable": True}, "`disruption.max_unavailable`: expected a number of nodes"),
        ({"at": "0 2 * * 6"}, "`disruption.at`: expected a cron expression and a duration"),
    ],
)
def test_a_wrong_section_is_refused_with_its_key(section: Any, words: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the text is held against the words
        disruption_of({"disruption": section})
    assert str(refusal.value).startswith(words)
