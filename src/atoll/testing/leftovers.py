"""Ends what a test run leaves behind: servers, agents and jobs are made to outlive their starter.

    watch = watch_over(folder)       # from now on, until this process ends, however it ends

The watcher reads from a pipe that nothing is ever written to: its end is this process's end. Then it kills every
process that has the folder in its words or its variables, is younger than the watcher and has no terminal: a shell or a
pager in that folder is somebody's own.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

QUIET_SECONDS = 10.0
"""How long nothing may have been found until it looks no more: a worker of the tests that notices late that all is over
starts what is missing again."""
PAUSE_SECONDS = 0.2


def watch_over(folder: Path) -> "subprocess.Popen[bytes]":
    """Start a watcher over a folder for this process. In a session of its own: no signal to a group reaches it."""
    command = [sys.executable, "-S", __file__]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    assert watcher.stdin is not None
    # Not as a word or a variable of the watcher, which is not to be among those that it finds.
    watcher.stdin.write(os.fsencode(folder) + b"\n")
    watcher.stdin.flush()
    watcher.returncode = 0  # it outlives this process: it is not waited for here
    return watcher


def inside(folder: str) -> Iterator[int]:
    """The processes without a terminal, younger than this one, that have something in the folder."""
    mark = os.fsencode(folder.rstrip("/") + "/")
    _, mine = _facts(Path("/proc/self"))
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            terminal, began = _facts(entry)
            if terminal == 0 and began >= mine:
                words = (entry / "cmdline").read_bytes()
                if mark in words or mark in (entry / "environ").read_bytes():
                    yield int(entry.name)


def _facts(entry: Path) -> tuple[int, int]:
    """The terminal of a process, 0 for none, and when it began, in ticks since the machine did."""
    fields = (entry / "stat").read_text().rpartition(")")[2].split()
    return int(fields[4]), int(fields[19])


def _main() -> None:
    folder = sys.stdin.readline().rstrip("\n")
    sys.stdin.read()
    quiet_since = time.monotonic()
    while folder and time.monotonic() < quiet_since + QUIET_SECONDS:
        for pid in inside(folder):
            quiet_since = time.monotonic()
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    _main()
