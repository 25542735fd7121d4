"""Whatever the structure of a file or snapshot, reading and planning it ends with a plan or a refusal, in time."""

import pytest

from tests.engine.structures import check


def test_odd_structures_are_planned_or_refused() -> None:
    assert check(range(150)).keys() >= {"planned", "invalid-configuration", "invalid-snapshot"}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_many_odd_structures_are_planned_or_refused() -> None:
    check(range(150, 10_000))
