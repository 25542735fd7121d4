"""The processes of a job: found by descent and by the mark they inherit, and ended to the last one.

A supervisor adopts what its job leaves behind (prctl(2), PR_SET_CHILD_SUBREAPER), so that descent finds all. Once the
supervisor itself is gone, descent says nothing; then the variable `ATOLL_JOB` in a process's environment does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MARK = "ATOLL_JOB"
"""The variable that names the folder of the job to which a process belongs."""

_SUBREAPER = 36
_PARENT_DEATH_SIGNAL = 1
_PROC = Path("/proc")


def adopt() -> None:
    """Become the parent of all orphans among our descendants. Without effect outside Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0)


def end_with_parent() -> None:
    """Get SIGKILL when our parent ends (prctl(2), PR_SET_PDEATHSIG). Without effect outside Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)


def reap() -> dict[int, int]:
    """Collect our children that have ended: pid to exit code, 128 + N where signal N ended it."""
    ended = {}
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0] != 0:
            code = os.waitstatus_to_exitcode(found[1])
            ended[found[0]] = code if code >= 0 else 128 - code
    return ended


def descendants(roots: set[int]) -> list[int]:
    """All live processes below these, each before its own children.

    In this order they are signalled: a shell whose child ends by a signal that it has not got itself takes that for a
    failure, and ends without its trap.
    """
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: dict[int, None] = {}
    left = list(roots)
    while left:
        new = [pid for pid in children.get(left.pop(), ()) if pid not in found]
        found.update(dict.fromkeys(new))
        left += new
    return list(found)


def marked(folder: Path) -> set[int]:
    """All live processes that bear the mark of the job in this folder, and what is below them."""
    line = os.fsencode(f"{MARK}={folder}")
    found = set()
    for pid, _ in _parents():
        with suppress(OSError):
            if line in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                found.add(pid)
    return found.union(descendants(found))


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal each of these that is still there, in their order."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_marked(folder: Path, seconds: float) -> bool:
    """SIGKILL all of a job whose supervisor is gone; False when something is left after `seconds`."""
    deadline = time.monotonic() + seconds
    while left := marked(folder):
        # Stopped first, so that none starts new ones while they are counted.
        send(left, signal.SIGSTOP)
        send(left | marked(folder), signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _parents() -> list[tuple[int, int]]:
    """Each live process and its parent; zombies are dead. Fields as in proc(5), `/proc/pid/stat`."""
    found = []
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_bytes()
        except OSError:
            continue
        state, parent = stat.rpartition(b")")[2].split()[:2]
        if state not in (b"Z", b"X"):
            found.append((int(entry.name), int(parent)))
    return found
