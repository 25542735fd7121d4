"""What waits for what has a row for each state, and no circle."""

from graphlib import TopologicalSorter

import pytest

from atoll.model.states import MACHINES
from atoll.model.waits import PART, WAITS, WOKEN, bounded

STATES = {(kind, str(state)) for kind, machine in MACHINES.items() for state in machine.steps}
LASTING = {(kind, state) for kind, state in STATES if state not in {str(one) for one in MACHINES[kind].final}}


def test_what_waits_for_what_has_no_circle() -> None:
    assert list(TopologicalSorter({node: waiting.needs for node, waiting in WAITS.items()}).static_order())


def test_every_state_that_is_not_final_has_a_row_and_every_row_is_a_state_or_a_part_of_one() -> None:
    assert {node for node, waiting in WAITS.items() if waiting.looks != PART} == LASTING


def test_what_others_wait_for_has_a_row() -> None:
    assert {need for waiting in WAITS.values() for need in waiting.needs} <= WAITS.keys()


def test_every_state_looks_at_its_own_condition_within_five_minutes_or_is_woken_by_one_that_does() -> None:
    assert all(0 < waiting.looks <= 300 for waiting in WAITS.values() if isinstance(waiting.looks, float))
    for waiting in WAITS.values():
        if waiting.looks == WOKEN:
            assert all(isinstance(WAITS[need].looks, float) for need in waiting.needs)


def test_every_row_says_how_it_ends() -> None:
    assert all(waiting.ends for waiting in WAITS.values())


def test_a_wait_is_bounded_by_its_row_and_a_state_without_one_cannot_wait() -> None:
    assert bounded("closure", "emptying", 3600) == 2.0
    assert bounded("closure", "emptying", 0.5) == 0.5
    with pytest.raises(KeyError):
        bounded("run", "done", 1)


def test_nothing_waits_for_the_deletion_of_history() -> None:
    assert not [node for node, waiting in WAITS.items() if ("retention", "old") in waiting.needs]
