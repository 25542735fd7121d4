"""What the server costs, and how long a task takes to its first log line.

Method. Each server is a process of its own on a new data folder under the temporary folder, found as every command
finds it. *To healthy* is user plus system time of the process and the children that it waited for (proc(5), `stat`),
read when `/healthz` first answers. *Idle* is one minute of a server without requests, after five seconds to settle: its
share of one CPU over that minute, then its memory as its proportional set (PSS, `smaps_rollup`) and its resident set;
once with nothing applied, and once with a fleet of three idle instances, whose agents are processes of their own and do
not count. *To the first log line* is wall time from the start of `atoll apply -f FILE -y` to the task's first line on
its standard output: with three idle instances, and from nothing (no server, no fleet, no database). *Dependencies* are
the distributions that `atoll` needs as installed here, without extras and without what only builds it.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from atoll.client import Client, location
from bench.cli import ATOLL
from bench.measure import Measure
from bench.process import Server, cpu_seconds, memory, plain_environment

REPEATS = 5
SETTLE_SECONDS, IDLE_SECONDS = 5, 60
FLEET = "type: fleet\nname: demo\nnodes: 3\nplacement: spread\nbackends: [local]\n"
TASK = "type: task\nname: {name}\ncommands: [echo first]\n"


def measures() -> Iterator[Measure]:
    """All figures of the server, and of a task's way to its first line."""
    yield Measure("server to healthy, new database", tuple(_to_healthy() for _ in range(REPEATS)), "CPU-s", 2.0)
    yield from _idle()
    with _place() as place:
        place.apply(FLEET)
        times = tuple(place.first_line(f"quick-{number}") for number in range(REPEATS))
        yield Measure("apply to first log line, instances idle", times, "s", 1.0)
    yield Measure("apply to first log line, from nothing", tuple(_from_nothing() for _ in range(REPEATS)), "s", 6.0)
    yield Measure("runtime dependencies, no clouds", (_dependencies(),), "packages", 40)


class _Place:
    """A data folder, and the commands on it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self._folder = folder
        self._environment = plain_environment() | {"ATOLL_HOME": str(self.home)}

    def atoll(self, *arguments: str) -> None:
        """Run one command, quietly."""
        subprocess.run([ATOLL, *arguments], env=self._environment, check=True, capture_output=True)

    def apply(self, text: str) -> None:
        """Apply a file and follow it to its end."""
        self.atoll("apply", "-f", self._write(text), "-y")

    def first_line(self, name: str) -> float:
        """Seconds from the start of `atoll apply` to the task's first line."""
        command = [ATOLL, "apply", "-f", self._write(TASK.format(name=name)), "-y"]
        begin = time.monotonic()
        with subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            taken = next(time.monotonic() - begin for line in process.stdout if line == "first\n")
            process.stdout.read()
        if process.returncode:
            raise RuntimeError(f"`atoll apply` ended with {process.returncode}")
        return taken

    def end(self) -> None:
        """Delete what there is, and stop the server."""
        known = location.local(self.home)
        if known is None:
            return
        for fleet in Client(known.address, known.token).fleets():
            self.atoll("delete", "fleet", fleet.name, "-y")
        self.atoll("server", "stop")

    def _write(self, text: str) -> str:
        path = self._folder / "bench.atoll.yml"
        path.write_text(text)
        return str(path)


@contextmanager
def _place() -> Iterator[_Place]:
    folder = Path(tempfile.mkdtemp(prefix="atoll-bench-"))
    place = _Place(folder)
    try:
        yield place
    finally:
        place.end()
        shutil.rmtree(folder, ignore_errors=True)


def _to_healthy() -> float:
    with _place() as place:
        server = Server(place.home)
        try:
            server.wait_healthy()
            return cpu_seconds(server.pid)
        finally:
            server.stop()


def _idle() -> Iterator[Measure]:
    with _place() as empty, _place() as busy:
        empty.atoll("server", "start")
        busy.apply(FLEET)
        servers = {"idle server": _pid(empty), "idle server with 3 instances": _pid(busy)}
        time.sleep(SETTLE_SECONDS)
        before = {name: cpu_seconds(pid) for name, pid in servers.items()}
        time.sleep(IDLE_SECONDS)
        for name, pid in servers.items():
            share = (cpu_seconds(pid) - before[name]) / IDLE_SECONDS * 100
            yield Measure(f"{name}, CPU", (share,), "%", 1.0)
            yield Measure(f"{name}, PSS", (memory(pid),), "MiB", 120)
            yield Measure(f"{name}, RSS", (memory(pid, "status", "VmRSS"),), "MiB", 120)


def _from_nothing() -> float:
    with _place() as place:
        return place.first_line("first")


def _pid(place: _Place) -> int:
    known = location.local(place.home)
    assert known is not None
    assert known.pid is not None
    return known.pid


def _dependencies() -> float:
    return sum("[" not in name for name in _needed("atoll")) - 1.0


def _needed(name: str, extra: str = "", seen: frozenset[str] = frozenset()) -> frozenset[str]:
    """All that a distribution, or this extra of it, needs here: normal names, its own among them."""
    normal = re.sub(r"[-_.]+", "-", name).lower() + (f"[{extra}]" if extra else "")
    if normal in seen:
        return seen
    seen |= {normal}
    for text in distribution(name).requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": extra}):
            for each in ("", *needed.extras):
                seen = _needed(needed.name, each, seen)
    return seen
