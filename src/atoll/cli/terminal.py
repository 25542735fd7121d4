"""Terminal output: text, colour where wanted, and whole lines from several threads."""

import os
import sys
import threading
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}
_STATES = {
    "green": ("active", "idle", "busy", "running", "available", "attached", "done", "ready", "in-use"),
    "yellow": ("pending", "submitted", "provisioning", "creating", "launching", "starting", "stopping", "terminating",
               "deleting", "detaching", "attaching", "impaired", "drained", "waiting", "unavailable", "updating"),
    "red": ("failed", "lost", "error", "aborted"),
}  # fmt: skip
_COLOUR_OF = {state: colour for colour, states in _STATES.items() for state in states}
_lock = threading.Lock()


def coloured(stream: TextIO) -> bool:
    """Whether colour is wanted: on a terminal, unless NO_COLOR is set."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def interactive() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def paint(text: str, colour: str, stream: TextIO) -> str:
    """The text in this colour (or `bold`, `dim`), plain where colour is not wanted."""
    return f"\033[{_CODES[colour]}m{text}\033[0m" if colour and coloured(stream) else text


def state_colour(state: str) -> str:
    """The colour of a status, empty for none."""
    return _COLOUR_OF.get(state.strip(), "")


def out(text: str) -> None:
    """One result to standard output, at once."""
    _write(sys.stdout, text + "\n")


def note(text: str) -> None:
    """Progress or an error to standard error, at once: results on standard output stay clean."""
    _write(sys.stderr, text + "\n")


def raw(stream: TextIO, text: str) -> None:
    """Text that brings its own line ends."""
    _write(stream, text)


def _write(stream: TextIO, text: str) -> None:
    with _lock:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
