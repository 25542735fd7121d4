"""A mixed-integer programme, solved by HiGHS: one objective after the other, each kept while the next is improved.

The seam between planning and the solver: `model` writes rows and columns here, and only this and `branching`, which
searches first, know HiGHS. The work is bounded by a budget that counts steps of the search; HiGHS is deterministic on
one thread, so the same programme has the same answer, however loaded the machine is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atoll.planning.budget import Budget, OutOfBudget
from atoll.planning.solving.branching import Relaxation, Unfinished

if TYPE_CHECKING:
    from highspy import Highs, HighsCallbackEvent, HighsLp, HighsModelStatus, HighsVarType

TIME_LIMIT = 60.0
"""Seconds for a single search of HiGHS, should it take long between two moments at which the budget is looked at."""

WRITING = 5
"""Steps for writing down one term, with all that is done before to know it."""

LOOK, LOOK_AT_TERM = 1_500, 4
"""Steps between two moments at which HiGHS checks whether to go on, and beside these for each term."""

SLACK = 1e-6
"""How much of an earlier objective a later one may give up: less than any difference of prices."""

ROUNDING = 1e-6
"""How far the sum of a row may lie outside its limits, for amounts that are no binary fractions."""

OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "threads": 1,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": SLACK / 10,
    "mip_feasibility_tolerance": 1e-7,
    "time_limit": TIME_LIMIT,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The value of each variable, and how far each objective may be from its best (0: proven; infinite: not known)."""

    values: tuple[int, ...]
    slacks: tuple[float, ...]

    @property
    def proven(self) -> bool:
        """Whether each objective was proven best."""
        return not any(self.slacks)

    def count(self, variable: int) -> int:
        """A variable's value."""
        return self.values[variable]


def kept(best: float) -> float:
    """The most that a later objective may make of an earlier one."""
    return best + SLACK * max(1.0, abs(best) * 1e-3)


@dataclass(slots=True)
class Programme:
    """Rows and columns as they are written down; all variables are integers of at least 0."""

    upper: list[float] = field(default_factory=list)
    rows: list[tuple[Mapping[int, float], float, float]] = field(default_factory=list)

    def variable(self, upper: float) -> int:
        """A new integer variable from 0 to `upper`."""
        self.upper.append(upper)
        return len(self.upper) - 1

    def row(self, terms: Mapping[int, float], lower: float = -inf, upper: float = inf) -> None:
        """The sum of the terms lies from `lower` to `upper`."""
        self.rows.append((terms, lower, upper))

    def solve(self, objectives: Sequence[Mapping[int, float]], budget: Budget | None = None) -> Answer | None:
        """The least of the first objective, then of the next among those; None when nothing fits at all.

        Takes at most half of the budget, without one of a user's. Raises OutOfBudget.
        """
        budget = budget or Budget()
        part = budget.part()
        given = part.steps
        try:
            return self._solve(objectives, part)
        finally:
            budget.spend(given - part.steps)

    def _solve(self, objectives: Sequence[Mapping[int, float]], budget: Budget) -> Answer | None:
        if any(not terms and not lower <= 0 <= upper for terms, lower, upper in self.rows):
            return None
        terms = sum(len(terms) for terms, _, _ in self.rows)
        budget.spend(WRITING * terms)
        highs = _silent_solver()()
        for option, value in OPTIONS.items():
            highs.setOptionValue(option, value)
        highs.passModel(self._lp())
        decisive = self._decisive()
        relaxation = Relaxation(highs, np.zeros(len(self.upper)), np.array(self.upper), decisive, budget, terms)
        values, slacks = None, list[float]()
        for objective in objectives:
            costs = np.array([objective.get(i, 0.0) for i in range(len(self.upper))])
            relaxation.aim(costs)
            found, bound = self._best(relaxation)
            if found is None:
                if values is None and bound is not None:
                    raise OutOfBudget(bound)
                if values is None:
                    return None
                found = values
            values = found
            used = np.flatnonzero(costs).astype(np.int32)
            best = float(sum(costs[i] * values[i] for i in used))
            slacks.append(0.0 if bound is None else max(0.0, best - bound))
            most = kept(best)
            highs.addRow(-inf, most, len(used), used, costs[used])
            relaxation.keep(most)
        return None if values is None else Answer(values, tuple(slacks))

    def _best(self, relaxation: Relaxation) -> tuple[tuple[int, ...] | None, float | None]:
        """The best for the present objective, and a bound on the cost of any where it is not proven to be the best."""
        relaxation.highs.setOptionValue("presolve", "off")
        try:
            least = relaxation.least()
        except Unfinished:
            found, bound = self._searched(relaxation)
            if found is None and bound is not None and relaxation.best is not None:
                known = tuple(int(value) for value in relaxation.best)
                found = known if self._satisfied(known) else None
            return found, bound
        if least is None:
            return None, None
        values = tuple(int(value) for value in least)
        return (values, None) if self._satisfied(values) else self._searched(relaxation)

    def _searched(self, relaxation: Relaxation) -> tuple[tuple[int, ...] | None, float | None]:
        """The same by HiGHS' own search, for what takes long.

        HiGHS' presolve is known to lose solutions now and then and to call a programme infeasible that is not; without
        it the answer is right and takes longer. So its solutions are checked, and its refusals are solved twice.
        """
        import highspy

        highs, budget, bound = relaxation.highs, relaxation.budget, relaxation.bound
        look = LOOK + LOOK_AT_TERM * relaxation.terms

        def go_on(event: "HighsCallbackEvent") -> None:
            budget.spend(look)
            if event.data_in is not None:
                event.data_in.user_interrupt = budget.is_spent

        _allow(highspy.HighsVarType.kInteger, highs)
        highs.setOptionValue("simplex_iteration_limit", highspy.kHighsIInf)
        highs.cbMipInterrupt.subscribe(go_on)
        in_time = False
        try:
            for presolve in ("choose", "off"):
                if budget.is_spent:
                    return None, bound
                highs.setOptionValue("presolve", presolve)
                budget.spend(look)
                highs.run()
                in_time = highs.getModelStatus() not in _cut_short()
                info, feasible = highs.getInfo(), highspy.SolutionStatus.kSolutionStatusFeasible
                bound = max(bound, info.mip_dual_bound) if not in_time else bound
                if info.primal_solution_status == feasible:
                    values = tuple(round(value) for value in highs.getSolution().col_value)
                    if self._satisfied(values):
                        return values, None if in_time else bound
        finally:
            highs.cbMipInterrupt.unsubscribe(go_on)
            _allow(highspy.HighsVarType.kContinuous, highs)
        return None, None if in_time else bound

    def _decisive(self) -> NDArray[np.bool_]:
        """Variables that open or close others: those with a factor beyond one."""
        decisive = np.zeros(len(self.upper), dtype=bool)
        decisive[[variable for terms, _, _ in self.rows for variable, factor in terms.items() if abs(factor) > 1]] = (
            True
        )
        return decisive

    def _satisfied(self, values: Sequence[int]) -> bool:
        """True when these values keep every row."""
        for terms, lower, upper in self.rows:
            total = sum(values[variable] * factor for variable, factor in terms.items())
            if not lower - ROUNDING <= total <= upper + ROUNDING:
                return False
        return True

    def _lp(self) -> "HighsLp":
        import highspy

        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.upper), len(self.rows)
        lp.col_cost_ = np.zeros(len(self.upper))
        lp.col_lower_ = np.zeros(len(self.upper))
        lp.col_upper_ = np.array(self.upper, dtype=np.float64)
        lp.row_lower_ = np.array([lower for _, lower, _ in self.rows], dtype=np.float64)
        lp.row_upper_ = np.array([upper for _, _, upper in self.rows], dtype=np.float64)
        matrix = lp.a_matrix_
        matrix.format_ = highspy.MatrixFormat.kRowwise
        matrix.start_ = np.cumsum([0, *(len(terms) for terms, _, _ in self.rows)]).astype(np.int32)
        matrix.index_ = np.array([i for terms, _, _ in self.rows for i in terms], dtype=np.int32)
        matrix.value_ = np.array([v for terms, _, _ in self.rows for v in terms.values()], dtype=np.float64)
        return lp


def _allow(kind: "HighsVarType", highs: "Highs") -> None:
    """Makes all columns integers, or continuous."""
    columns = np.arange(highs.getNumCol(), dtype=np.int32)
    highs.changeColsIntegrality(len(columns), columns, np.full(len(columns), int(kind), dtype=np.uint8))


@cache
def _cut_short() -> frozenset["HighsModelStatus"]:
    """The states of a search that did not come to its end."""
    from highspy import HighsModelStatus

    return frozenset({HighsModelStatus.kInterrupt, HighsModelStatus.kTimeLimit})


@cache
def _silent_solver() -> "type[Highs]":
    """A solver that prints nothing, not even its banner.

    Making one enables callbacks, which prints a banner on the process's standard output before any option can be set
    from outside.
    """
    import highspy

    class Silent(highspy.Highs):
        def enableCallbacks(self) -> None:  # noqa: N802 - highspy's name
            self.setOptionValue("output_flag", False)
            super().enableCallbacks()  # type: ignore[no-untyped-call]

    return Silent
