"""Prints the log of a job: its standard output to ours, its standard error to ours, as it comes."""

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from threading import Event
from typing import TYPE_CHECKING, TextIO

from atoll.cli import terminal
from atoll.client import ApiError, Client, LogChunk

if TYPE_CHECKING:
    from atoll.wire.logs import LogLine

WAIT_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0


@dataclass(frozen=True, slots=True)
class Format:
    """Which lines of a log are printed, and how.

    Each line begins with `prefix`, then its time if `times`. `raw` keeps all controls on a terminal. Of the lines that
    exist at first, the last `tail` are printed; lines before `since` are not.
    """

    prefix: str = ""
    raw: bool = False
    times: bool = False
    tail: int | None = None
    since: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether a line is printed once it has ended, rather than as it comes."""
        return bool(self.prefix or self.times or self.tail is not None)

    @property
    def plain(self) -> bool:
        """Whether every line is printed as the job printed it."""
        return not self.whole and self.since is None

    def includes(self, line: "LogLine") -> bool:
        """Whether a line is late enough; a damaged line has no time, and is."""
        if self.since is None or not line.time:
            return True
        return line.time >= self.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


PLAIN = Format()


class LogPrinter:
    """Reads one job's log from the start, and prints it in a format."""

    def __init__(
        self, client: Client, run: str, job: int = 0, form: Format = PLAIN, *, attempt: int | None = None
    ) -> None:
        self._client = client
        self._run = run
        self._job = job
        self._form = form
        self._last: deque[tuple[str, bytes]] | None = None if form.tail is None else deque(maxlen=form.tail)
        self._coloured = False
        self._attempt = attempt
        self._offset = 0
        self._submission = 0
        self._rest = b""
        self._begun: dict[str, bytes] = {}
        self._ready: list[tuple[str, bytes]] = []

    def print_all(self) -> None:
        """What there is now."""
        while self._print(self._read(0)):
            pass
        self._release()
        self._finish()

    def follow(self, ended: Event | None = None) -> None:
        """Until the run is finished (as `ended` says, or else the server) and everything is printed."""
        finished = ended.is_set if ended else self._run_finished
        rest: Callable[[float], object] = ended.wait if ended else time.sleep
        pause, last, quiet = FIRST_PAUSE, False, False
        while True:
            last = last or (quiet and finished())
            try:
                chunk = self._read(0 if last else WAIT_SECONDS)
            except ApiError as error:
                if last or finished():
                    terminal.note(f" the log of run {self._run} cannot be read: {error.message}")
                    return
                chunk = LogChunk(b"", True, self._submission)
            printed = self._print(chunk)
            quiet = chunk.end or not printed
            if quiet:
                self._release()
            if last and not printed:
                break
            pause = FIRST_PAUSE if printed else min(pause * 2, LONGEST_PAUSE)
            if quiet and chunk.end and not printed:
                rest(pause)
        self._finish()

    def _run_finished(self) -> bool:
        return self._client.run(self._run).finished_at is not None

    def _read(self, wait: float) -> LogChunk:
        """The next piece; from the start again when another attempt of the job has begun."""
        chunk = self._client.logs(self._run, job=self._job, attempt=self._attempt, offset=self._offset, wait=wait)
        if chunk.submission == self._submission:
            return chunk
        self._finish()
        started_over, self._submission = self._offset > 0, chunk.submission
        self._offset = 0
        if not started_over:
            return chunk
        terminal.note(f" run {self._run}: attempt {chunk.submission + 1}")
        return self._client.logs(self._run, job=self._job, offset=0, wait=0)

    def _print(self, chunk: LogChunk) -> bool:
        """Print the whole lines of a piece; True when it held anything."""
        from atoll.wire.logs import output_of, parse

        self._offset += len(chunk.data)
        data = self._rest + chunk.data
        end = data.rfind(b"\n") + 1
        text = output_of(data[:end]) if end and self._form.plain and self._last is None else None
        if text is not None:
            self._rest = data[end:]
            self._write("stdout", text, b"")
        else:
            lines, self._rest = parse(data)
            for line in filter(self._form.includes, lines):
                self._put(line.stream, line.text, b"" if line.partial else b"\n", line.time)
        self._flush()
        return bool(chunk.data)

    def _put(self, stream: str, text: bytes, end: bytes, at: str = "") -> None:
        """Take in a piece of a line; what begins a line of its own gets its time."""
        begin = f"{at[:23]}Z ".encode() if self._form.times and at and stream not in self._begun else b""
        line = self._begun.pop(stream, b"") + begin + text
        if self._form.whole and not end:
            self._begun[stream] = line
        elif self._last is not None:
            self._last.append((stream, line))
        else:
            self._write(stream, line, end)

    def _release(self) -> None:
        """Print the last lines of what there was at first; what follows is printed as it comes."""
        last, self._last = self._last or (), None
        for stream, line in last:
            self._write(stream, line, b"\n")
        self._flush()

    def _write(self, stream: str, line: bytes, end: bytes) -> None:
        """Take in what is to be printed; `_flush` prints it."""
        self._coloured = self._coloured or b"\x1b" in line
        if self._form.whole and self._coloured and _target(stream).isatty():
            end = terminal.RESET.encode() + end
        self._ready.append((stream, self._form.prefix.encode() + line + end))

    def _flush(self) -> None:
        """Print, with one call for all that follows each other on one stream."""
        ready, self._ready = self._ready, []
        for stream, parts in groupby(ready, itemgetter(0)):
            terminal.output(_target(stream), b"".join(part for _, part in parts), raw=self._form.raw)

    def _finish(self) -> None:
        """Print what waited for the end of its line."""
        for stream in list(self._begun):
            self._put(stream, b"", b"\n")
        self._flush()
        if self._coloured and sys.stdout.isatty():
            terminal.output(sys.stdout, terminal.RESET.encode())
        self._coloured, self._rest = False, b""


def _target(stream: str) -> TextIO:
    return sys.stderr if stream == "stderr" else sys.stdout
