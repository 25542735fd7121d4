"""Text of others on a terminal: no control reaches it."""

import os
import pty

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.cli import terminal
from atoll.cli.table import Table

HOSTILE = "a\x1b]0;title\x07b\x1b[2Jc\x9b2Jd\u202ee\rf"


def on_terminal(monkeypatch: pytest.MonkeyPatch, name: str, write: str) -> str:
    """What a pseudo-terminal receives when `terminal.<name>` writes this text."""
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        if name == "output":
            terminal.output(stream, write.encode())
        else:
            terminal.out(terminal.paint("own", "red", stream) + write)
        received = os.read(master, 65536).decode()
    os.close(master)
    return received


def test_a_result_keeps_its_own_colour_and_shows_the_controls_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    received = on_terminal(monkeypatch, "out", HOSTILE)
    assert received.startswith("\x1b[31mown\x1b[0ma\\u001b]0;title\\u0007b\\u001b[2J")
    assert received.endswith("c\\u009b2Jd\\u202ee\\u000df\r\n")


def test_a_log_keeps_colours_and_drops_other_sequences_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_terminal(monkeypatch, "output", "\x1b[1;32mgreen\x1b[0m" + HOSTILE) == "\x1b[1;32mgreen\x1b[0mabcde\rf"


def test_a_log_in_a_pipe_is_unchanged(capfd: pytest.CaptureFixture[str]) -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8", newline="") as stream:
        terminal.output(stream, b"x\x1b[2Jy\n")
    assert capfd.readouterr().out == "x\x1b[2Jy\n"


@given(st.text())
def test_a_table_holds_no_control_of_its_cells(cell: str) -> None:
    table = Table(["NAME"])
    table.add(cell)
    assert terminal.escaped(table.render()) == table.render()


@given(st.text(st.sampled_from("\x1b\x9b[]0;mJ\x07\\\u202eab\x90")))
def test_a_log_text_holds_no_escape_but_colours(text: str) -> None:
    shown = terminal.log_text(text)
    assert "\x1b" not in terminal._SGR.sub("", shown)
    assert not set(shown) & set("\x9b\x90\u202e\x07")
