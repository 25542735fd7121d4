"""Agents as processes of this machine: starting one that outlives us, knowing it again, and ending all that it started.

A pid alone says little, since pids are used again: a process is known by its pid and the time of its start. All that an
agent starts inherits the variable `ATOLL_MACHINE_FOLDER`, so that what it left behind is found after its death.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MARK = "ATOLL_MACHINE_FOLDER"
_PASSED_ON = frozenset(
    {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR", "LD_LIBRARY_PATH"}
    # Where Docker or Podman is; jobs do not get these.
    | {"DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR"}
)
_PASSED_ON_PREFIXES = ("ATOLL_AGENT_", "LC_", "CUDA_", "NVIDIA_")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process, never mistaken for a later one with the same pid. `started` is opaque; compare it for equality."""

    pid: int
    started: str


def start(command: Sequence[str], folder: Path, log: Path) -> int:
    """Start `command` in its own session and in `folder`, with its output in `log`; it outlives us. Returns its pid.

    Of our variables it gets those that concern the machine, since any other may be secret. Raises OSError.
    """
    environment = {name: value for name, value in os.environ.items() if _for_agents(name)}
    environment[MARK] = str(folder)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        os.close(output)
    child.returncode = 0  # It is not waited for: the next look whether it lives reaps it, by its pid.
    return child.pid


def _for_agents(name: str) -> bool:
    return name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)


def identify(pid: int) -> Process | None:
    """The process that has this pid now; None when there is none, or only its exit status is left."""
    started = _started(pid)
    return None if started is None else Process(pid, started)


def alive(process: Process) -> bool:
    """True while this very process runs. Reaps it when it was our child and has ended."""
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return _started(process.pid) == process.started


def agent_of(folder: Path) -> Process | None:
    """The eldest live process that bears this folder's mark: the agent that was started for it."""
    marked = sorted(_marked(folder), key=lambda process: (_age_key(process), process.pid))
    return marked[0] if marked else None


def end_tree(folder: Path, agent: Process | None, seconds: float = 5) -> bool:
    """SIGKILL the agent, all that descends from it and all that bears this folder's mark; True when nothing is left."""
    deadline = time.monotonic() + seconds
    while left := _tree(folder, agent):
        # Stopped first, so that nothing starts new processes while we count them.
        for signal_number in (signal.SIGSTOP, signal.SIGKILL):
            for process in left:
                if _started(process.pid) == process.started:
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(process.pid, signal_number)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
        _reap(left)
    return True


def wait_gone(process: Process, seconds: float) -> bool:
    """Wait until this process has ended; False when it still runs after `seconds`."""
    deadline = time.monotonic() + seconds
    while alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _reap(processes: Sequence[Process]) -> None:
    for process in processes:
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)


def _tree(folder: Path, agent: Process | None) -> list[Process]:
    parents = _parents()
    found = {process.pid: process for process in _marked(folder)}
    if agent is not None and _started(agent.pid) == agent.started:
        found[agent.pid] = agent
    grew = bool(found)
    while grew:
        children = [pid for pid, parent in parents.items() if parent in found and pid not in found]
        known = [process for pid in children if (process := identify(pid)) is not None]
        found.update((process.pid, process) for process in known)
        grew = bool(known)
    found.pop(os.getpid(), None)
    return list(found.values())


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _marked(folder: Path) -> list[Process]:
    wanted = f"{MARK}={folder}"
    found = _marked_proc(wanted) if _has_proc() else _marked_ps(wanted)
    return [process for pid in found if pid != os.getpid() and (process := identify(pid)) is not None]


def _marked_proc(wanted: str) -> list[int]:
    line = os.fsencode(wanted)
    found = []
    for pid in _pids():
        with suppress(OSError):
            if line in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def _marked_ps(wanted: str) -> list[int]:
    return [int(pid) for pid, rest in _ps("axeww", "pid=,command=") if f" {wanted} " in f" {rest} "]


def _parents() -> dict[int, int]:
    if not _has_proc():
        return {int(pid): int(parent) for pid, parent in _ps("ax", "pid=,ppid=")}
    parents = {}
    for pid in _pids():
        fields = _stat(pid)
        if fields is not None:
            parents[pid] = int(fields[1])
    return parents


def _started(pid: int) -> str | None:
    if _has_proc():
        fields = _stat(pid)
        return None if fields is None or fields[0] in ("Z", "X") else f"{_boot()}:{fields[19]}"
    for state, rest in _ps(f"-p{pid}", "state=,lstart="):
        return None if state.startswith("Z") else rest
    return None


def _age_key(process: Process) -> float:
    ticks = process.started.rpartition(":")[2]
    return float(ticks) if _has_proc() else 0.0


def _stat(pid: int) -> list[str] | None:
    """The fields of proc(5)'s `stat` from `state` on; the name before them may hold anything."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


@cache
def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _has_proc() -> bool:
    return sys.platform == "linux"


def _ps(which: str, columns: str) -> list[tuple[str, str]]:
    answer = subprocess.run(["ps", which, "-o", columns], capture_output=True, text=True, timeout=5, check=False)
    split = (line.split(None, 1) for line in answer.stdout.splitlines())
    return [(parts[0], parts[1].strip()) for parts in split if len(parts) == 2]
