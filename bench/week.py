"""20,000 runs over 200 fleets in an hour, with retention set to minutes: what stays is level.

Virtual time over the fake backend; the plot is `results/week.svg`. Growth compares the last quarter
with the second, by medians.
"""

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

from atoll.testing.simulation.week import Sample, live
from bench.measure import Measure

RUNS, FLEETS, SECONDS, SAMPLES = 20_000, 200, 3600.0, 40
LEVEL = 1.1
"""The most that anything may grow between the second quarter and the last."""
PLOT = Path(__file__).with_name("results") / "week.svg"
FIGURES: dict[str, Callable[[Sample], float]] = {
    "database, MiB": lambda one: one.database / 2**20,
    "logs, MiB": lambda one: one.logs / 2**20,
    "memory of the process, MiB": lambda one: one.memory / 2**20,
    "list of all runs, ms of CPU": lambda one: one.listing * 1000,
}


def measures() -> Iterator[Measure]:
    """The growth of each figure, and the figure at the end."""
    samples = live(RUNS, FLEETS, SECONDS, SAMPLES)
    quarter = len(samples) // 4
    for name, figure in FIGURES.items():
        values = [figure(one) for one in samples]
        before, after = statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
        yield Measure(name.partition(",")[0] + " at the end", tuple(values[-quarter:]), name.partition(", ")[2])
        yield Measure(name.partition(",")[0] + ", growth", (after / before,), "times", LEVEL)
    _plot(samples)


def _plot(samples: list[Sample]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "atoll", "svg.fonttype": "none"}  # the same figures give the same small file
    from matplotlib import pyplot

    figure, plots = pyplot.subplots(len(FIGURES), sharex=True, figsize=(7, 8))
    for axes, (name, value) in zip(plots, FIGURES.items(), strict=True):
        axes.plot([one.runs for one in samples], [value(one) for one in samples])
        axes.set_ylabel(name.replace(", ", "\n"))
        axes.set_ylim(bottom=0)
    plots[-1].set_xlabel("runs")
    figure.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)
