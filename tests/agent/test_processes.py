"""How the processes of a job are found and signalled."""

import signal
import subprocess
import time
from pathlib import Path

from atoll.agent import processes

DEPTH = 12
NESTED = 'if [ "$1" -gt 0 ]; then sh "$0" $(($1 - 1)) & wait; else exec sleep 60; fi\n'


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


def test_whoever_has_children_is_found_before_them(tmp_path: Path) -> None:
    """So it is signalled before them: a shell that sees its child end first, by the same signal, skips its trap."""
    script = tmp_path / "nested"
    script.write_text(NESTED)
    top = subprocess.Popen(["sh", script, str(DEPTH)])
    try:
        while len(found := processes.descendants({top.pid})) < DEPTH:
            time.sleep(0.01)
        places = {pid: place for place, pid in enumerate(found)}
        below = [pid for pid in found if parent_of(pid) != top.pid]
        assert len(below) == DEPTH - 1
        assert all(places[parent_of(pid)] < places[pid] for pid in below)
    finally:
        processes.send([top.pid, *processes.descendants({top.pid})], signal.SIGKILL)
        top.wait()
