"""At the end of the tests: at how many crossings a server was killed, and how many storms there were."""

from collections import Counter
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Add up what the tests recorded, from all workers."""
    sums: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in getattr(report, "user_properties", ()) if report.when == "call" else ():
            if name in ("killed", "storms"):
                where, number = str(value).split()
                sums[f"{name} {where}"] += int(number)
    for what, total in sorted(sums.items()):
        terminalreporter.write_line(f"{what}: {total}")
