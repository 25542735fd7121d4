"""CPU-seconds of the shortest commands.

Method: the installed `atoll` runs 11 times in a process of its own; user plus system time comes from `wait4`; the
median counts. `atoll fleet` calls a live server with a new database in a folder of its own.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.measure import Measure

ATOLL = str(Path(sys.executable).with_name("atoll"))
REPEATS = 11


def measures() -> Iterator[Measure]:
    """A command without a server, and one that calls a live server."""
    with tempfile.TemporaryDirectory(prefix="atoll-bench-") as folder:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("ATOLL_")}
        environment = plain | {"ATOLL_HOME": folder}
        yield Measure("atoll --version", cpu_seconds(["--version"], environment), "CPU-s", 0.10)
        subprocess.run([ATOLL, "server", "start"], env=environment, check=True, stdout=subprocess.DEVNULL)
        try:
            yield Measure("atoll fleet, live server", cpu_seconds(["fleet"], environment), "CPU-s", 0.25)
        finally:
            subprocess.run([ATOLL, "server", "stop"], env=environment, check=True, stdout=subprocess.DEVNULL)


def cpu_seconds(arguments: list[str], environment: Mapping[str, str]) -> tuple[float, ...]:
    """User plus system time of one command, for each run."""
    return tuple(_once(arguments, environment) for _ in range(REPEATS))


def _once(arguments: list[str], environment: Mapping[str, str]) -> float:
    process = subprocess.Popen([ATOLL, *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"atoll {' '.join(arguments)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
