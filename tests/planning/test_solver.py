"""The seam to HiGHS gives right answers, by our own search and by HiGHS', even where HiGHS' presolve does not."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.planning.budget import SECOND, Budget, OutOfBudget
from atoll.planning.solving import branching
from atoll.planning.solving.solver import Answer, Programme

LOST = Path(__file__).with_name("lost_by_presolve.json")


@pytest.fixture(params=[branching.NODES, 0], ids=["by-branching", "by-the-solver's-search"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branching, "NODES", request.param)


both_ways = pytest.mark.usefixtures("_both_ways")


@both_ways
def test_a_programme_that_presolve_calls_infeasible_is_solved() -> None:
    data = json.loads(LOST.read_text())
    programme = Programme()
    for upper in data["upper"]:
        programme.variable(upper)
    for terms, lower, upper in data["rows"]:
        programme.row(dict(terms), -inf if lower is None else lower, inf if upper is None else upper)
    answer = programme.solve([dict(enumerate(data["price"]))])
    assert answer is not None
    assert answer.proven
    assert sum(price * answer.count(i) for i, price in enumerate(data["price"])) == 0.1839


@both_ways
def test_an_infeasible_programme_has_no_answer() -> None:
    programme = Programme()
    one, two = programme.variable(1), programme.variable(1)
    programme.row({one: 1.0, two: 1.0}, 3)
    assert programme.solve([{one: 1.0}]) is None


@both_ways
def test_a_later_objective_does_not_spoil_an_earlier_one() -> None:
    programme = Programme()
    cheap, dear = programme.variable(5), programme.variable(5)
    programme.row({cheap: 1.0, dear: 1.0}, 3, 3)
    answer = programme.solve([{cheap: 1.0, dear: 2.0}, {cheap: 7.0, dear: 1.0}])
    assert answer is not None
    assert (answer.count(cheap), answer.count(dear)) == (3, 0)


@both_ways
def test_what_no_budget_was_left_for_is_not_called_infeasible() -> None:
    programme = Programme()
    items = [programme.variable(3) for _ in range(20)]
    for factor in (7, 11, 13):
        programme.row({item: float(3 + item * factor % 17) for item in items}, 101, 103)
    with pytest.raises(OutOfBudget):
        programme.solve([{item: float(1 + item * 5 % 7) for item in items}], Budget(0))


def test_a_search_without_end_stops_at_the_same_step_each_time() -> None:
    left = []
    for _ in range(2):
        programme, budget = Programme(), Budget(SECOND / 5, kept=0)
        items = [programme.variable(1) for _ in range(60)]
        for row in range(20):  # a split in two of twenty lists of weights at once: nobody finds that soon
            weights = {item: float(1 + (item * 37 + row * 53 + item * row * 29) % 97) for item in items}
            programme.row(weights, sum(weights.values()) // 2, sum(weights.values()) // 2 + 1)
        with pytest.raises(OutOfBudget):
            programme.solve([{item: float(1 + item * 5 % 7) for item in items}], budget)
        left.append(budget.steps)
    assert left[0] == left[1]
    assert 0 < left[0] <= SECOND / 10


small = st.integers(-3, 3)
programmes = st.integers(1, 6).flatmap(
    lambda columns: st.tuples(
        st.lists(st.integers(0, 4), min_size=columns, max_size=columns),
        st.lists(
            st.tuples(
                st.lists(small, min_size=columns, max_size=columns), st.integers(-4, 6), st.none() | st.integers(0, 5)
            ),
            max_size=5,
        ),
        st.lists(st.lists(small, min_size=columns, max_size=columns), min_size=1, max_size=3),
    )
)


def _costs(answer: Answer | None, objectives: Sequence[Mapping[int, float]]) -> list[float] | None:
    if answer is None:
        return None
    return [sum(cost * answer.count(i) for i, cost in objective.items()) for objective in objectives]


@given(programmes)
@settings(max_examples=300, deadline=None)
def test_our_own_search_and_the_solvers_find_the_same_best(
    drawn: tuple[list[int], list[tuple[list[int], int, int | None]], list[list[int]]],
) -> None:
    uppers, rows, costs = drawn
    objectives = [{i: float(cost) for i, cost in enumerate(row)} for row in costs]
    programme = Programme()
    for upper in uppers:
        programme.variable(upper)
    for factors, lower, width in rows:
        terms = {i: float(factor) for i, factor in enumerate(factors) if factor}
        programme.row(terms, lower, inf if width is None else lower + width)
    ours = programme.solve(objectives)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(branching, "NODES", 0)
        assert _costs(programme.solve(objectives), objectives) == _costs(ours, objectives)


SOLVES = """
from atoll.planning.solving.solver import Programme
programme = Programme()
one, two = programme.variable(4), programme.variable(4)
programme.row({one: 1.0, two: 2.0}, 3, 5)
answer = programme.solve([{one: 1.0, two: 3.0}, {two: 1.0}])
assert answer is not None and answer.proven
"""


def test_a_process_that_solves_prints_nothing_of_the_solvers() -> None:
    # Only a process of its own shows it: the solver writes past Python's own standard output.
    done = subprocess.run([sys.executable, "-c", SOLVES], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("", "")
