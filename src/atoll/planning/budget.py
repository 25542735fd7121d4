"""How much work a plan may take: counted in steps and not in time, so that a loaded machine makes the same plan.

A step is about a microsecond of one CPU. The search of one programme gets half of what is left, so that a hard one
leaves enough for others. The last part of a budget is kept for documents that the search leaves open: each is placed
beside the others in a few steps, where that is possible.
"""

from dataclasses import dataclass, field

SECOND = 1_000_000
"""The steps of about one second."""

USERS = 2 * SECOND
"""For a plan that a user waits for."""

ENGINES = 5 * SECOND
"""For a plan of the engine's own."""


KEPT = 1 / 5
"""The part of a budget that the search does not get."""


class OutOfBudget(Exception):  # noqa: N818 - it is news, not a fault
    """The budget ended before any solution was found; whether there is one is open. None costs less than `bound`."""

    def __init__(self, bound: float = 0.0) -> None:
        super().__init__(bound)
        self.bound = bound


@dataclass(slots=True)
class Budget:
    """The steps that may still be made, of which the search leaves those that are `kept` (None: the usual part)."""

    steps: float = USERS
    kept: float | None = None
    _floor: float = field(init=False)

    def __post_init__(self) -> None:
        self._floor = self.steps * KEPT if self.kept is None else self.kept

    def spend(self, steps: float) -> None:
        """Counts steps that were made."""
        self.steps -= steps

    def take(self, steps: float) -> None:
        """Counts steps that are about to be made. Raises OutOfBudget when none are left."""
        if self.is_spent:
            raise OutOfBudget
        self.spend(steps)

    @property
    def left(self) -> float:
        """How many steps the search may still make."""
        return self.steps - self._floor

    @property
    def is_spent(self) -> bool:
        """Whether no more steps may be made."""
        return self.left <= 0

    def part(self) -> "Budget":
        """A budget of half of what is left; what it spends has to be counted here too."""
        return Budget(self.left / 2, kept=0)

    def open_kept(self) -> None:
        """Gives the kept steps to what comes next."""
        self._floor = 0.0
