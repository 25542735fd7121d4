"""What a benchmark answers with: a name, the samples of its runs, and the figure to reach."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `samples` has one value for each run, in `unit`; `reach` is the most that the median may be, or with
    `at_least` the least; None where nothing was promised."""

    name: str
    samples: tuple[float, ...]
    unit: str
    reach: float | None = None
    at_least: bool = False

    @property
    def median(self) -> float:
        """The figure itself."""
        return statistics.median(self.samples)

    @property
    def reached(self) -> bool | None:
        """Whether the target is kept; None where there is none."""
        if self.reach is None:
            return None
        return self.median >= self.reach if self.at_least else self.median <= self.reach
