"""A job's output on its way into the log file: cut into lines and parts, stamped with the time, bounded in all.

The supervisor reads the job's two pipes through this.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from atoll.wire.logs import PART_BYTES, encode, encode_lines

LOG_BYTES = 256 << 20
"""How large a log file may become; what comes after is dropped, and a last line says so."""

FLUSH_SECONDS = 0.5
"""How long the beginning of a line waits for its end before it is written as a part."""

_CHUNK = 64 << 10


class Log:
    """The log file. Once it is full it drops all; while its disk cannot be written, it drops lines and counts them."""

    def __init__(self, path: Path, limit: int = LOG_BYTES) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._room = limit - os.fstat(self._file).st_size
        self._torn = b""
        self._lost = 0

    def write(self, lines: list[bytes]) -> None:
        """Add these encoded lines. A disk that cannot be written loses them; the job continues."""
        data = b"".join(lines)
        if not data or self._room <= 0:
            return
        if len(data) > self._room:
            data = data[: data.rfind(b"\n", 0, self._room) + 1]
            data += encode(time.time_ns(), "stderr", b"atoll: the log is full; what follows is not kept")
            self._room = 0
        self._room -= len(data)
        lost = self._put(data) if self._recovered() else data.count(b"\n")
        self._lost += lost

    def _recovered(self) -> bool:
        """Complete the line that a failure tore, and say how many lines it lost; False while that fails, too."""
        if self._torn:
            self._put(self._torn, begun=True)
        if self._lost and not self._torn:
            note = f"atoll: the disk could not be written; lines lost: {self._lost}"
            if self._put(encode(time.time_ns(), "stderr", note.encode())) == 0:
                self._lost = 0
        return not self._torn and not self._lost

    def _put(self, data: bytes, *, begun: bool = False) -> int:
        """Write whole lines, the first of which may be `begun`; returns how many are lost.

        The rest of a line that is begun then is kept in `_torn`.
        """
        self._torn, written = b"", 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            if written:
                begun = data[written - 1 : written] != b"\n"
            self._torn = data[written : data.find(b"\n", written) + 1] if begun else b""
            return data.count(b"\n", written) - bool(self._torn)
        return 0


class Stream:
    """One of the job's pipes, read without blocking, into `log` under `name`."""

    def __init__(self, name: str, pipe: int, log: Log) -> None:
        self.pipe = pipe
        self._name = name
        self._log = log
        self._tail = b""
        self._tail_since = 0.0
        self._open_line = False
        os.set_blocking(pipe, False)

    def pump(self) -> bool:
        """Read what is there now and write its lines; False at the end of the stream."""
        try:
            data = os.read(self.pipe, _CHUNK)
        except BlockingIOError:
            return True
        if data:
            self._take(data)
        return bool(data)

    def drain(self) -> None:
        """Read all that is there now, and write also an unfinished line."""
        while True:
            try:
                data = os.read(self.pipe, _CHUNK)
            except OSError:
                break
            if not data:
                break
            self._take(data)
        if self._tail or self._open_line:
            self._put([self._encode(self._tail)])
            self._tail = b""

    def flush_at(self) -> float | None:
        """When (monotonic) the beginning of a line that waits is due; None when none waits."""
        return self._tail_since + FLUSH_SECONDS if self._tail else None

    def flush(self) -> None:
        """Write the beginning of a line that waits as a part."""
        self._put([self._encode(self._tail, partial=True)])
        self._tail = b""

    def _take(self, data: bytes) -> None:
        *lines, tail = (self._tail + data).split(b"\n")
        encoded = []
        if lines and max(map(len, lines)) <= PART_BYTES:
            # One call for all of them: a job may print faster than one call a line could follow.
            encoded.append(encode_lines(time.time_ns(), self._name, lines))
            self._open_line = False
        else:
            for line in lines:
                encoded += self._parts(line)
                encoded.append(self._encode(self._last(line)))
        if len(tail) > PART_BYTES:
            encoded += self._parts(tail)
            tail = self._last(tail)
        if lines or not self._tail:
            self._tail_since = time.monotonic()
        self._tail = tail
        self._put(encoded)

    def _parts(self, line: bytes) -> list[bytes]:
        """All parts of `line` but the last."""
        starts = range(0, len(line) - PART_BYTES, PART_BYTES)
        return [self._encode(line[start : start + PART_BYTES], partial=True) for start in starts]

    def _last(self, line: bytes) -> bytes:
        return line[(max(len(line) - 1, 0) // PART_BYTES) * PART_BYTES :]

    def _encode(self, text: bytes, *, partial: bool = False) -> bytes:
        self._open_line = partial
        return encode(time.time_ns(), self._name, text, partial)

    def _put(self, lines: list[bytes]) -> None:
        self._log.write(lines)
