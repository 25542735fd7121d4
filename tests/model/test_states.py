"""The state machines: every step goes through their tables, and the page of diagrams is made from them."""

from pathlib import Path

import pytest

from atoll.model.diagrams import page
from atoll.model.states import MACHINES, IllegalStep, StateMachine

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda machine: machine.kind)
def test_every_step_that_is_not_in_the_table_is_refused(machine: StateMachine) -> None:
    for current in machine.steps:
        for following in machine.steps:
            if following in machine.steps[current]:
                machine.step(current, following)
                continue
            with pytest.raises(IllegalStep, match=f"{machine.kind}: {current} -> {following}"):
                machine.step(current, following)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda machine: machine.kind)
def test_every_state_is_reached_and_leads_to_an_end(machine: StateMachine) -> None:
    reached = {next(iter(machine.steps))}
    while fresh := {to for state in reached for to in machine.steps[state]} - reached:
        reached |= fresh
    assert reached == set(machine.steps)
    ending = set(machine.final)
    while fresh := {state for state, to in machine.steps.items() if ending & set(to)} - ending:
        ending |= fresh
    assert ending == set(machine.steps)


def test_the_page_of_diagrams_is_current() -> None:
    assert (DOCS / "states.md").read_text() == page(), "run `python -m atoll.model.diagrams > docs/states.md`"
