"""What waits for what has no circle."""

from graphlib import TopologicalSorter

from atoll.model.states import MACHINES
from atoll.model.waits import CONDITIONS

DERIVED = {("run", "replaced"), ("instance", "ending"), ("instance", "outdated"), ("retention", "old")}
"""States that only this table distinguishes."""


def test_what_waits_for_what_has_no_circle() -> None:
    assert list(TopologicalSorter(CONDITIONS).static_order())


def test_every_state_of_the_table_is_one_of_its_machine_and_has_a_row() -> None:
    named = {*CONDITIONS, *(node for nodes in CONDITIONS.values() for node in nodes)}
    assert named == CONDITIONS.keys()
    for kind, state in named - DERIVED:
        assert state in {str(each) for each in MACHINES[kind].steps}


def test_nothing_waits_for_the_deletion_of_history() -> None:
    assert not [node for node, conditions in CONDITIONS.items() if ("retention", "old") in conditions]
