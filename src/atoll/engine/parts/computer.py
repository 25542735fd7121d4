"""A worker process: computes one call after the other for the server, within bounds of memory.

    python -m atoll.engine.parts.computer MEMORY_MIB

Calls and results are pickles with their length before them, on standard input and output. The process ends with its
parent, and starts without the server's secrets in its environment.
"""

import ctypes
import importlib
import io
import os
import pickle
import resource
import signal
import sys
from typing import Any, BinaryIO

from atoll.engine.parts.refusal import Refused

LENGTH_BYTES = 8
_WARM = ("atoll.engine.requests.parsing", "atoll.engine.requests.replay", "atoll.planning.planner")
_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG (prctl(2))."""
NICENESS = 5
"""The server and its own placing come before computing for users."""


def main() -> None:
    """Serve until the input ends."""
    _end_with_parent()
    os.nice(NICENESS)
    limit = int(sys.argv[1]) << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for name in _WARM:
        importlib.import_module(name)
    send(target, ("ready", None))
    kept: dict[str, Any] = {}
    while True:
        content = receive(source)
        if content is None:
            return
        send(target, _computed(content, kept))
        del content


def _computed(content: bytes, kept: dict[str, Any]) -> tuple[str, Any]:
    """The result, or the exception, of a call."""
    try:
        work, arguments = Reader(content, kept).load()
        return "result", work(*arguments)
    except Refused as refused:
        return "refused", (
            (refused.code, refused.message),
            {"help": refused.help, "diagnostics": refused.diagnostics, "status": refused.status},
        )
    except MemoryError:
        return "memory", None
    except Exception as error:
        import traceback

        return "failed", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"


class Reader(pickle.Unpickler):
    """Reads a call; what it shares with earlier ones is sent once and kept."""

    def __init__(self, content: bytes, kept: dict[str, Any]) -> None:
        super().__init__(io.BytesIO(content))
        self._kept = kept

    def persistent_load(self, reference: Any) -> Any:
        """A shared object: its content at the first time, its name alone later."""
        name, content = reference
        if content is not None:
            self._kept.clear()
            self._kept[name] = pickle.loads(content)  # noqa: S301 - written by the server
        return self._kept[name]


def receive(source: BinaryIO) -> bytes | None:
    """One message; None at the end of the input."""
    head = source.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head)
    content = source.read(length)
    return content if len(content) == length else None


def send(target: BinaryIO, message: tuple[str, Any]) -> None:
    """One message."""
    try:
        content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        content = pickle.dumps(("memory", None))
    target.write(len(content).to_bytes(LENGTH_BYTES) + content)
    target.flush()


def _end_with_parent() -> None:
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
