"""CPU-seconds of the shortest commands.

Method: the installed `atoll` runs 11 times in a process of its own; user plus system time comes from `wait4`; the
figure is the median. `atoll fleet` asks a live server with a new database in a folder of its own.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

Figure = tuple[str, float, float | None, str]

ATOLL = str(Path(sys.executable).with_name("atoll"))
REPEATS = 11


def figures() -> list[Figure]:
    """(name, measured, target, unit) of each figure."""
    with tempfile.TemporaryDirectory(prefix="atoll-bench-") as folder:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("ATOLL_")}
        environment = plain | {"ATOLL_HOME": folder}
        version = cpu_seconds(["--version"], environment)
        subprocess.run([ATOLL, "server", "start"], env=environment, check=True, stdout=subprocess.DEVNULL)
        try:
            fleet = cpu_seconds(["fleet"], environment)
        finally:
            subprocess.run([ATOLL, "server", "stop"], env=environment, check=True, stdout=subprocess.DEVNULL)
    return [("atoll --version", version, 0.10, "CPU-s"), ("atoll fleet, live server", fleet, 0.25, "CPU-s")]


def cpu_seconds(arguments: list[str], environment: Mapping[str, str]) -> float:
    """The median of user plus system time of one command."""
    return statistics.median(_once(arguments, environment) for _ in range(REPEATS))


def _once(arguments: list[str], environment: Mapping[str, str]) -> float:
    process = subprocess.Popen([ATOLL, *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"atoll {' '.join(arguments)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
