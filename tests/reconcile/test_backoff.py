"""How long failures wait: a row for each kind, doubling, with a part that is drawn and always the same."""

from datetime import timedelta

import pytest

from atoll.model.failure import FailureKind
from atoll.reconcile.backoff import (
    BACKOFFS,
    EARLY,
    EARLY_PAUSES,
    FORGOTTEN_AFTER,
    OURS,
    delay,
    early_failure,
    early_pause,
)
from tests.reconcile.records import NOW, fleet

SECOND = timedelta(seconds=1)


def test_every_kind_of_failure_has_its_row() -> None:
    assert set(BACKOFFS) == set(FailureKind)


@pytest.mark.parametrize("kind", [None, *FailureKind])
def test_waits_grow_to_the_longest_and_not_past_it(kind: FailureKind | None) -> None:
    row = OURS if kind is None else BACKOFFS[kind]
    waits = [delay(kind, attempts, "i1") for attempts in range(30)]
    assert all(row.first / 2 <= wait <= row.longest for wait in waits)
    assert waits[-1] > waits[0]


def test_the_retry_after_is_the_least_delay() -> None:
    assert all(delay(FailureKind.THROTTLED, 0, f"i{n}", least=30) >= 30 for n in range(50))


def test_the_same_history_waits_the_same_and_siblings_do_not() -> None:
    assert delay(FailureKind.UNAVAILABLE, 3, "a") == delay(FailureKind.UNAVAILABLE, 3, "a")
    assert len({delay(FailureKind.UNAVAILABLE, 3, f"i{n}") for n in range(50)}) > 40


def test_waits_double_until_they_are_longest() -> None:
    row = BACKOFFS[FailureKind.THROTTLED]
    for attempts in range(12):
        span = min(row.first * 2**attempts, row.longest)
        waits = [delay(FailureKind.THROTTLED, attempts, f"i{n}") for n in range(50)]
        assert span / 2 <= min(waits) < span * 0.6
        assert span * 0.9 < max(waits) <= span


def test_siblings_with_the_same_retry_after_return_within_a_quarter_of_it() -> None:
    waits = [delay(FailureKind.THROTTLED, 0, f"i{n}", least=1000) for n in range(50)]
    assert 1000 <= min(waits) < 1025
    assert 1225 < max(waits) <= 1250


def test_a_machine_that_never_started_begins_a_row_of_early_failures() -> None:
    assert early_failure(fleet(), NOW - SECOND, None, NOW) == {"early_failures": 1, "failed_early_at": NOW}


def test_the_next_early_failure_counts_on() -> None:
    failed = fleet(early_failures=2, failed_early_at=NOW - 2 * SECOND)
    assert early_failure(failed, NOW - SECOND, NOW - SECOND, NOW)["early_failures"] == 3


def test_machines_that_were_created_before_the_newest_failure_belong_to_its_try() -> None:
    failed = fleet(early_failures=2, failed_early_at=NOW - SECOND)
    assert early_failure(failed, NOW - SECOND, None, NOW) == {}
    assert early_failure(failed, NOW - 2 * SECOND, None, NOW) == {}


def test_an_early_failure_long_after_the_former_one_is_the_first_again() -> None:
    failed = fleet(early_failures=2, failed_early_at=NOW - FORGOTTEN_AFTER)
    assert early_failure(failed, NOW - SECOND, None, NOW)["early_failures"] == 1
    failed = fleet(early_failures=2, failed_early_at=NOW - FORGOTTEN_AFTER + SECOND)
    assert early_failure(failed, NOW - SECOND, None, NOW)["early_failures"] == 3


def test_a_machine_that_worked_long_enough_ends_the_row() -> None:
    failed = fleet(early_failures=2, failed_early_at=NOW - SECOND)
    ended = {"early_failures": 0, "failed_early_at": None}
    assert early_failure(failed, NOW - EARLY, NOW - EARLY, NOW) == ended
    assert early_failure(failed, NOW, NOW - EARLY + SECOND, NOW) != ended
    assert early_failure(fleet(), NOW - EARLY, NOW - EARLY, NOW) == {}


def test_the_first_early_failure_is_retried_at_once_and_each_further_one_after_twice_the_pause() -> None:
    assert early_pause(fleet(), NOW) == 0
    assert early_pause(fleet(early_failures=1, failed_early_at=NOW), NOW) == 0
    for count in range(2, 40):
        pause = min(EARLY_PAUSES.first * 2 ** (count - 2), EARLY_PAUSES.longest)
        assert early_pause(fleet(early_failures=count, failed_early_at=NOW), NOW) == pause


def test_a_pause_becomes_shorter_as_time_passes_and_ends() -> None:
    failed = fleet(early_failures=2, failed_early_at=NOW - 2 * SECOND)
    assert early_pause(failed, NOW) == EARLY_PAUSES.first - 2
    assert early_pause(failed, NOW + timedelta(hours=1)) == 0
