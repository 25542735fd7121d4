"""Disruption budgets: which nodes may go now, when the next ones may, and how long it all takes."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.model.zone import Zone
from atoll.planning.disruption import Budget, Opening, Taken, allowance, forecast, in_words
from atoll.planning.shape import Member

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
"""A Thursday."""
ZONES = [Zone("fake", "r", name) for name in "abc"]
MINUTE = timedelta(minutes=1)


def node(number: int, zone: int = 0, *, busy: bool = False) -> Member:
    return Member(str(number), ZONES[zone], number, busy, outdated=True)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-28 01:59:59", "2026-11-28 02:00:00"),
        ("2026-11-28 02:00:00", "2026-11-28 02:00:00"),
        ("2026-11-28 05:59:59", "2026-11-28 05:59:59"),
        ("2026-11-28 06:00:00", "2026-12-05 02:00:00"),
    ],
)
def test_an_opening_is_open_from_its_time_for_its_span(now: str, opens: str) -> None:
    opening = Opening("0 2 * * 6", timedelta(hours=4))
    assert opening.next(datetime.fromisoformat(now + "+00:00")) == datetime.fromisoformat(opens + "+00:00")


def test_nothing_goes_before_it_opens() -> None:
    budget = Budget("own", opening=Opening("0 2 * * 6", timedelta(hours=4)))
    found = allowance(budget, [node(1)], Taken(), NOW)
    assert (found.ids, found.resumes) == ((), datetime(2026, 11, 28, 2, 0, tzinfo=UTC))
    assert found.held == "at 0 2 * * 6 for 4h (own)"


def test_former_nodes_and_those_that_end_now_count_for_as_long_as_the_period() -> None:
    budget = Budget("own", 3, 10 * MINUTE)
    taken = Taken((NOW - 11 * MINUTE, NOW - 9 * MINUTE), frozenset(ZONES[:1]), 1)
    found = allowance(budget, [node(number) for number in range(4)], taken, NOW)
    assert (found.ids, found.resumes) == (("0",), NOW + MINUTE)


def test_nodes_with_jobs_wait_where_nodes_go_in_turns_alone() -> None:
    nodes = [node(1, busy=True), node(2)]
    assert allowance(Budget("own"), nodes, Taken(), NOW).ids == ("1", "2")
    assert allowance(Budget("own", 5, MINUTE), nodes, Taken(), NOW).ids == ("2",)


@pytest.mark.parametrize(
    ("zones", "ids"), [((), ("1", "2")), ((1,), ("3",)), ((2,), ()), ((0, 1), ())], ids=["none", "b", "c", "both"]
)
def test_one_zone_is_begun_when_no_other_has_nodes_that_are_away(zones: tuple[int, ...], ids: tuple[str, ...]) -> None:
    nodes = [node(1, 0), node(2, 0), node(3, 1)]
    taken = Taken(zones=frozenset(ZONES[zone] for zone in zones))
    assert allowance(Budget("own", one_zone_at_a_time=True), nodes, taken, NOW).ids == ids


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12),
    st.integers(1, 4),
    st.sampled_from([None, MINUTE, 10 * MINUTE]),
    st.booleans(),
    st.integers(0, 3),
)
def test_a_budget_is_never_exceeded_and_all_go_in_the_end(
    nodes: list[tuple[int, bool]], most: int, per: timedelta | None, one: bool, leaving: int
) -> None:
    budget = Budget("own", most, per, one)
    waiting = [node(number, zone) for number, (zone, _) in enumerate(nodes)]
    counts = Counter(each.zone for each in waiting)
    now, ended = NOW, [NOW] * leaving
    least = forecast(budget, counts, now, Taken(tuple(ended)))
    for _ in range(100):
        found = allowance(budget, waiting, Taken(tuple(ended)), now)
        if not budget.binds:
            assert len(found.ids) == len(waiting)
        if one:
            assert len({each.zone for each in waiting if each.id in found.ids}) <= 1
        ended += [now] * len(found.ids)
        if per is not None:
            assert sum(time > now - per for time in ended) <= max(most, leaving)
        waiting = [each for each in waiting if each.id not in found.ids]
        if not waiting:
            break
        now = found.resumes or now
    assert not waiting
    assert now - NOW >= least


@pytest.mark.parametrize(
    ("budget", "time"),
    [
        (Budget("own", 1, 10 * MINUTE), "50m"),
        (Budget("own", 4, 10 * MINUTE), "10m"),
        (Budget("own", 6, 10 * MINUTE), "0s"),
        (Budget("own", opening=Opening("0 2 * * 6", timedelta(hours=4))), "1d 14h"),
        (Budget("own", 1, timedelta(hours=2), opening=Opening("0 2 * * 6", timedelta(hours=4))), "15d 16h"),
    ],
)
def test_a_forecast_says_how_long_six_nodes_take_at_least(budget: Budget, time: str) -> None:
    assert in_words(forecast(budget, {ZONES[0]: 4, ZONES[1]: 2}, NOW)) == time


def test_a_forecast_of_many_nodes_is_quick_and_right() -> None:
    assert in_words(forecast(Budget("own", 1, timedelta(seconds=1)), {ZONES[0]: 100_000}, NOW)) == "1d 4h"
