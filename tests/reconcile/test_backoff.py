"""How long failures wait: a row for each kind, doubling, with a part that is drawn and always the same."""

import pytest

from atoll.model.failure import FailureKind
from atoll.reconcile.backoff import BACKOFFS, OURS, delay


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
