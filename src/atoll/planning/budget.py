"""How much work a plan may take: counted in steps and not in time, so that a loaded machine makes the same plan.

A step is about a microsecond of one CPU. The search of one programme gets half of what is left, so that a hard one
leaves enough for others.
"""

from dataclasses import dataclass

SECOND = 1_000_000
"""The steps of about one second."""

USERS = 2 * SECOND
"""For a plan that a user waits for."""

ENGINES = 5 * SECOND
"""For a plan of the engine's own."""


class OutOfBudget(Exception):  # noqa: N818 - it is news, not a fault
    """The budget ended before any solution was found; whether there is one is open. None costs less than `bound`."""

    def __init__(self, bound: float = 0.0) -> None:
        super().__init__(bound)
        self.bound = bound


@dataclass(slots=True)
class Budget:
    """The steps that may still be made."""

    steps: float = USERS

    def spend(self, steps: float) -> None:
        """Counts steps that were made."""
        self.steps -= steps

    def take(self, steps: float) -> None:
        """Counts steps that are about to be made. Raises OutOfBudget when none are left."""
        if self.is_spent:
            raise OutOfBudget
        self.spend(steps)

    @property
    def is_spent(self) -> bool:
        """Whether no more steps may be made."""
        return self.steps <= 0

    def half(self) -> "Budget":
        """A budget of half of what is left; what it spends has to be counted here too."""
        return Budget(self.steps / 2)
