"""Branch and bound on the linear relaxation of a programme, for programmes that are nearly integral as they are.

Placing nodes is close to a transport problem: relaxed, most programmes have an integral solution, and in the others a
few choices are open. Simplex steps from the last basis settle those in the time that a solver for mixed-integer
programmes takes to look at one. Where the search grows beyond `NODES` it is given up, and such a solver takes over.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atoll.planning.budget import Budget

if TYPE_CHECKING:
    from highspy import Highs

NODES = 50
"""The most relaxations that are solved for one objective: of a hundred programmes, one needs more."""

RUN, ITERATION, TERMS_A_STEP = 200, 4, 500
"""The steps of one relaxation, and of each iteration of simplex in it beside one for this many terms."""

WHOLE = 1e-6
"""How far from an integer a value still counts as one."""

NEGLIGIBLE = 1e-7
"""A difference of costs that is not worth a search: as small as HiGHS' own gap."""

Values = NDArray[np.float64]
Bounds = dict[int, tuple[float, float]]


class Unfinished(Exception):  # noqa: N818 - it is news, not a fault
    """The search came to no end: too many nodes, or a relaxation that the budget does not allow."""


@dataclass(slots=True)
class Relaxation:
    """A programme in `highs` whose columns may be fractions, from `lower` to `upper`.

    Where a column in `decisive` is a fraction, it is branched on before others.
    """

    highs: "Highs"
    lower: Values
    upper: Values
    decisive: NDArray[np.bool_]
    budget: Budget
    terms: int
    """How many factors the rows have: by these a step of simplex is counted."""
    best: Values | None = None
    """The best integral solution that the last search found, if it came to no end."""
    _bounds: Bounds = field(default_factory=dict)
    _root: tuple[float, Values, Values] | None = None

    def aim(self, costs: Values) -> None:
        """Sets the objective."""
        self.highs.changeColsCost(len(costs), np.arange(len(costs), dtype=np.int32), costs)
        self._root, self.best = None, None

    @property
    def bound(self) -> float:
        """What every solution costs at least."""
        return -inf if self._root is None else self._root[0]

    def least(self) -> Values | None:
        """The integral solution that costs least, or None when there is none at all.

        The node with the lowest bound is next, so nothing is opened that the best solution does not make needful.
        Raises Unfinished.
        """
        best, lowest = None, inf
        open_nodes: list[tuple[float, int, Bounds]] = [(-inf, 0, {})]
        try:
            for number in range(NODES):
                if not open_nodes or open_nodes[0][0] >= lowest - NEGLIGIBLE:
                    return best
                _, _, bounds = heappop(open_nodes)
                relaxed = self._relaxed(bounds)
                if relaxed is None or relaxed[0] >= lowest - NEGLIGIBLE:
                    continue
                cost, values = relaxed
                column = self._open(values)
                if column is None:
                    best, lowest = np.round(values), cost
                    continue
                low, high = bounds.get(column, (self.lower[column], self.upper[column]))
                below = float(np.floor(values[column]))
                # Of equal bounds the newest goes first: it is the nearest to a solution.
                heappush(open_nodes, (cost, -2 * number, {**bounds, column: (low, below)}))
                heappush(open_nodes, (cost, -2 * number - 1, {**bounds, column: (below + 1, high)}))
        finally:
            self.best = best
            self._set({})
        raise Unfinished

    def keep(self, cost: float) -> None:
        """Narrows the columns to what solutions that cost no more than this can have, by the root's reduced costs."""
        if self._root is None:
            return
        least, values, reduced = self._root
        steps = np.floor((cost - least + WHOLE) / np.maximum(np.abs(reduced), WHOLE) + WHOLE)
        # A column's reduced cost is what each step away from the bound where it stands adds at least.
        rises = (reduced > WHOLE) & (values <= self.lower + WHOLE)
        falls = (reduced < -WHOLE) & (values >= self.upper - WHOLE)
        self.upper = np.where(rises, np.minimum(self.upper, self.lower + steps), self.upper)
        self.lower = np.where(falls, np.maximum(self.lower, self.upper - steps), self.lower)
        columns = np.arange(len(self.upper), dtype=np.int32)
        self.highs.changeColsBounds(len(columns), columns, self.lower, self.upper)

    def _open(self, values: Values) -> int | None:
        """The column to branch on: of those that are fractions, the one nearest to a half."""
        apart = np.abs(values - np.round(values))
        worst = int(np.argmax(apart + (self.decisive & (apart > WHOLE))))
        return worst if apart[worst] > WHOLE else None

    def _relaxed(self, bounds: Bounds) -> tuple[float, Values] | None:
        """The least cost within these bounds, and the values that have it; None when there are none."""
        import highspy

        if self.budget.is_spent:
            raise Unfinished
        self._set(bounds)
        iteration = ITERATION + self.terms / TERMS_A_STEP
        self.highs.setOptionValue("simplex_iteration_limit", int(self.budget.left / iteration) + 1)
        self.highs.run()
        self.budget.spend(RUN + self.terms / 20 + iteration * self.highs.getInfo().simplex_iteration_count)
        status = self.highs.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise Unfinished
        cost, solution = self.highs.getInfo().objective_function_value, self.highs.getSolution()
        values = np.array(solution.col_value)
        if not bounds:
            self._root = (cost, values, np.array(solution.col_dual))
        return cost, values

    def _set(self, bounds: Bounds) -> None:
        for column in self._bounds.keys() | bounds.keys():
            wanted = bounds.get(column, (self.lower[column], self.upper[column]))
            if self._bounds.get(column) != wanted:
                self.highs.changeColBounds(column, *wanted)
        self._bounds = bounds
