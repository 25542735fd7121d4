"""What a user writes reaches the terminal of another without a control, whichever command shows it."""

import os
import pty
import re
import subprocess
from contextlib import suppress

import pytest

from tests.e2e.conftest import ATOLL, Place

HOSTILE = "\\e]0;owned\\a\\e[2J\\x9b31m\\u202ex"
"""In YAML's escapes: a title, an emptied screen, a C1 sequence, and text from right to left."""
RUN = f"""
type: task
name: hostile
shell: "/bin/sh{HOSTILE}"
working_dir: "/tmp/{HOSTILE}"
env: {{LEFT: "{HOSTILE}"}}
commands: ["echo {HOSTILE}"]
"""
LOUD = """
type: task
name: loud
commands: ["printf '\\\\033[32mgreen\\\\033[0m\\\\033]0;owned\\\\007\\\\033[2J\\\\302\\\\233Kend\\\\n'"]
"""
FORBIDDEN = re.compile("[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SGR = re.compile("\x1b\\[[0-9;]*m")


def on_terminal(place: Place, *arguments: str) -> str:
    """All that a terminal receives from a command."""
    master, slave = pty.openpty()
    environment = place.environment | {"TERM": "xterm"}
    process = subprocess.Popen(
        [*ATOLL, *arguments], cwd=place.folder, env=environment, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave
    )
    os.close(slave)
    received = b""
    with suppress(OSError):
        while piece := os.read(master, 65536):
            received += piece
    os.close(master)
    process.wait(30)
    return received.decode()


@pytest.fixture(scope="module")
def place(shared: Place) -> Place:
    """A server with a run, a token and an error, each with controls in all texts that a user may choose."""
    shared("apply", "-f", shared.write("hostile", RUN), "-y")
    shared.ok("apply", "-f", shared.write("loud", LOUD), "-y")
    assert "\\u001b" in shared.ok("run", "get", "hostile", "-v") + shared.ok("run", "get", "hostile", "--json")
    shared("token", "create", "label\x1b[2J\u202e")
    shared.write("broken", f'type: task\nname: "{HOSTILE}"\nnods: 1\n')
    return shared


@pytest.mark.parametrize(
    "command",
    ["ps -a -v", "run get hostile", "run get loud", "event -v", "token list", "plan -f hostile.atoll.yml", "fleet -v",
     "apply -y -f hostile.atoll.yml", "validate broken.atoll.yml", "plan -f broken.atoll.yml",
     "logs loud", "validate --format json broken.atoll.yml", "run get hostile --json", "stop \x1b[2J\u202e"],
)  # fmt: skip
def test_no_control_of_a_user_reaches_a_terminal(place: Place, command: str) -> None:
    received = on_terminal(place, *command.split(" "))
    assert received
    assert not FORBIDDEN.search(SGR.sub("", received))


def test_a_log_on_a_terminal_keeps_its_colours_and_raw_keeps_everything(place: Place) -> None:
    assert on_terminal(place, "logs", "loud") == "\x1b[32mgreen\x1b[0mend\r\n\x1b[0m"
    everything = "\x1b[32mgreen\x1b[0m\x1b]0;owned\x07\x1b[2J\x9bKend\n"
    assert place.ok("logs", "loud") == everything
    assert on_terminal(place, "logs", "loud", "--raw").startswith(everything.rstrip())
