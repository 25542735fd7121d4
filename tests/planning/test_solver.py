"""The seam to HiGHS gives right answers even where HiGHS' presolve does not."""

import json
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest

from atoll.planning.solver import OPTIONS, OutOfTime, Programme

LOST = Path(__file__).with_name("lost_by_presolve.json")


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


def test_an_infeasible_programme_has_no_answer() -> None:
    programme = Programme()
    one, two = programme.variable(1), programme.variable(1)
    programme.row({one: 1.0, two: 1.0}, 3)
    assert programme.solve([{one: 1.0}]) is None


def test_a_later_objective_does_not_spoil_an_earlier_one() -> None:
    programme = Programme()
    cheap, dear = programme.variable(5), programme.variable(5)
    programme.row({cheap: 1.0, dear: 1.0}, 3, 3)
    answer = programme.solve([{cheap: 1.0, dear: 2.0}, {cheap: 7.0, dear: 1.0}])
    assert answer is not None
    assert (answer.count(cheap), answer.count(dear)) == (3, 0)


def test_what_no_time_was_left_for_is_not_called_infeasible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIONS, "time_limit", 0.0)
    programme = Programme()
    items = [programme.variable(3) for _ in range(20)]
    for factor in (7, 11, 13):
        programme.row({item: float(3 + item * factor % 17) for item in items}, 101, 103)
    with pytest.raises(OutOfTime):
        programme.solve([{item: float(1 + item * 5 % 7) for item in items}])


SOLVES = """
from atoll.planning.solver import Programme
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
