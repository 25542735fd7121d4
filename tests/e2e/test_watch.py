"""Lists that are printed again whenever something changes."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator

from tests.e2e.conftest import Place

TASK = "type: task\nname: watched\ncommands: ['sleep 1']\n"


def until_shown(lines: Iterator[str], *words: str) -> None:
    """Read until one line has all these words."""
    assert any(all(word in line for word in words) for line in lines), words


def test_a_pipe_gets_the_list_again_after_each_change(shared: Place) -> None:
    with shared.begin("ps", "-a", "-w") as watching:
        assert watching.stdout is not None
        until_shown(watching.stdout, "NAME", "STATUS")
        shared.ok("apply", shared.write("watched", TASK), "-y", "-d")
        until_shown(watching.stdout, "watched", "running")
        until_shown(watching.stdout, "watched", "done")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 130
        assert watching.stderr is None or "Traceback" not in watching.stderr.read()


def test_a_terminal_shows_the_list_in_place(shared: Place) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "atoll.cli", "zone", "-w"]
    environment = {
        "PATH": os.environ["PATH"],
        "ATOLL_HOME": str(shared.home),
        "TERM": "xterm",
        "HOME": str(shared.home),
    }
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as watching:
        os.close(theirs)
        shown = b""
        while b"local-c" not in shown:
            shown += os.read(ours, 4096)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 130
    os.close(ours)
    assert shown.startswith(b"\x1b[2J\x1b[H")
