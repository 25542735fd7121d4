"""`python -m bench [NAME ...]`: runs all benchmarks, or those named, and prints one table for each.

Each run's measures are also written to `bench/results/NAME.json`; nothing is written anywhere else. The exit code says
whether the benchmarks ran, not whether their targets are kept: a figure depends on the machine.
"""

import dataclasses
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import bench
from bench.measure import Measure

RESULTS = Path(__file__).with_name("results")
HEADINGS = ("measure", "median", "of", "reach", "")


def main(names: list[str]) -> int:
    """Run the benchmarks of these names, all where none is given; 2 for a name that is none."""
    known = {
        name: module for name in _names() if hasattr(module := importlib.import_module(f"bench.{name}"), "measures")
    }
    if unknown := [name for name in names if name not in known]:
        print(f"no benchmark `{unknown[0]}`; there are {', '.join(known)}", file=sys.stderr)
        return 2
    for name in names or known:
        _run(name, known[name])
    return 0


def _names() -> list[str]:
    return sorted(found.name for found in pkgutil.iter_modules(bench.__path__) if found.name != "__main__")


def _run(name: str, module: ModuleType) -> None:
    measures: Callable[[], Iterable[Measure]] = module.measures
    print(f"\n{name}: {(module.__doc__ or '').strip().splitlines()[0]}", flush=True)
    done: list[Measure] = []
    try:
        done.extend(measures())
    finally:  # what was measured before a failure is worth its time
        _print([HEADINGS, *(_row(one) for one in done)])
    RESULTS.mkdir(exist_ok=True)
    answer = [dataclasses.asdict(one) | {"median": one.median, "reached": one.reached} for one in done]
    (RESULTS / f"{name}.json").write_text(json.dumps(answer, indent=1) + "\n")


def _row(one: Measure) -> tuple[str, ...]:
    bound = "at least" if one.at_least else "at most"
    reach = "" if one.reach is None else f"{bound} {one.reach:g} {one.unit}"
    verdict = {True: "reached", False: "NOT reached", None: ""}[one.reached]
    return one.name, f"{one.median:.4g} {one.unit}", f"{len(one.samples)}", reach, verdict


def _print(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADINGS))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
