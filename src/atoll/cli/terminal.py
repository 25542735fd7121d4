"""Terminal output: text, colour where wanted, and whole lines from several threads.

All text that others wrote passes through `escaped`, `masked` or `log_text` before it reaches a terminal.
"""

import os
import re
import sys
import threading
from typing import TextIO

_CODES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34",
    "bold red": "1;31", "bold yellow": "1;33",
}  # fmt: skip
RESET = "\x1b[0m"
_STATES = {
    "green": ("active", "idle", "busy", "running", "available", "attached", "done"),
    "yellow": ("pending", "submitted", "provisioning", "creating", "launching", "starting", "stopping", "terminating",
               "deleting", "detaching", "attaching", "impaired", "drained", "unavailable"),
    "red": ("failed",),
}  # fmt: skip
_COLOUR_OF = {state: colour for colour, states in _STATES.items() for state in states}
_lock = threading.Lock()
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = rf"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_BIDI}"
_CONTROL = re.compile(f"[{_UNSAFE}]")
_OWN_COLOUR = re.compile(rf"(\x1b\[(?:0|{'|'.join(_CODES.values())})m)")
_SGR = re.compile(r"(\x1b\[[0-9;:]*m)")
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"
)


def coloured(stream: TextIO) -> bool:
    """Whether colour is wanted: on a terminal, unless NO_COLOR is set."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def interactive() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def width(stream: TextIO) -> int | None:
    """The number of columns of a terminal; COLUMNS takes precedence. None where the output is no terminal."""
    if not stream.isatty():
        return None
    import shutil

    return shutil.get_terminal_size((80, 24)).columns


def paint(text: str, colour: str, stream: TextIO) -> str:
    """The text in this colour (or `bold`, `dim`), plain where colour is not wanted."""
    return painted(text, colour) if colour and coloured(stream) else text


def painted(text: str, colour: str) -> str:
    """The text in this colour (or `bold`, `dim`)."""
    return f"\x1b[{_CODES[colour]}m{text}{RESET}"


def state_colour(state: str) -> str:
    """The colour of a status, empty for none."""
    return _COLOUR_OF.get(state.strip(), "")


def escaped(text: str) -> str:
    """The text with controls (C0, C1, bidirectional) as `\\uXXXX`, valid in JSON too. Newlines and tabs stay."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def masked(text: str) -> str:
    """The text with each control as `�`, which takes one column, line ends as spaces."""
    return _CONTROL.sub("\ufffd", text.replace("\r", "").replace("\n", " "))


def log_text(text: str) -> str:
    """A job's output for a terminal: colours (SGR), tabs and line ends stay; other controls are dropped."""
    parts = _SGR.split(text)
    for at in range(0, len(parts), 2):
        parts[at] = _CONTROL.sub(lambda found: "\r" if found[0] == "\r" else "", _SEQUENCE.sub("", parts[at]))
    return "".join(parts)


def out(text: str) -> None:
    """One result to standard output, at once."""
    _write(sys.stdout, _shown(text, sys.stdout) + "\n")


def note(text: str) -> None:
    """Progress or an error to standard error, at once: results on standard output stay clean."""
    _write(sys.stderr, _shown(text, sys.stderr) + "\n")


def output(stream: TextIO, data: bytes, *, raw: bool = False) -> None:
    """A job's output with its own line ends: unchanged in a pipe or file or if `raw`, else by `log_text`."""
    if not raw and stream.isatty():
        _write(stream, log_text(data.decode(errors="replace")))
        return
    with _lock:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()


def _shown(text: str, stream: TextIO) -> str:
    """The text with only the colours of `paint`, and none where colour is not wanted."""
    if not coloured(stream):
        return escaped(text)
    parts = _OWN_COLOUR.split(text)
    shown = "".join(part if at % 2 else escaped(part) for at, part in enumerate(parts))
    return shown if len(parts) == 1 or parts[-2] == RESET else shown + RESET


def _write(stream: TextIO, text: str) -> None:
    with _lock:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
