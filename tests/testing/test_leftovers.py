"""What a process leaves behind ends with it, though it is killed and had started it in a session of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from atoll.client import autostart

STARTS = """
import subprocess, sys, time
from pathlib import Path
from atoll.testing.leftovers import watch_over
folder = Path(sys.argv[1])
older = subprocess.Popen(["tail", "-f", f"{folder}/file"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
time.sleep(0.05)
watch = watch_over(folder)
options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "start_new_session": True}
by_variable = subprocess.Popen(["sleep", "600"], env={"PATH": "/usr/bin:/bin", "HOME": f"{folder}/home"}, **options)
by_word = subprocess.Popen(["tail", "-f", f"{folder}/file"], **options)
elsewhere = subprocess.Popen(["sleep", "600"], env={"PATH": "/usr/bin:/bin", "HOME": f"{folder}-2/home"}, **options)
print(watch.pid, by_variable.pid, by_word.pid, elsewhere.pid, older.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_process_started_ends_with_it_and_nothing_else_does(tmp_path: Path, number: int) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "file").touch()
    script = tmp_path / "starts.py"
    script.write_text(STARTS)
    starter = subprocess.Popen([sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    watch, by_variable, by_word, elsewhere, older = map(int, starter.stdout.readline().split())
    try:
        assert all(autostart.alive(pid) for pid in (watch, by_variable, by_word, elsewhere, older))
        starter.send_signal(number)
        starter.wait()
        limit = time.monotonic() + 30
        while any(autostart.alive(pid) for pid in (watch, by_variable, by_word)):  # the watcher looks for a while
            assert time.monotonic() < limit
            time.sleep(0.02)
        assert autostart.alive(elsewhere)
        assert autostart.alive(older)
    finally:
        for pid in (elsewhere, older):
            os.kill(pid, signal.SIGKILL)
        starter.stdout.close()
