"""Prints the log of a job: its standard output to ours, its standard error to ours, as it comes."""

import sys
import time
from collections.abc import Callable
from threading import Event

from atoll.cli import terminal
from atoll.client import ApiError, Client, LogChunk

WAIT_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0


class LogPrinter:
    """Reads one job's log file from the start. With a `prefix`, each line begins with it and is printed whole.

    `raw` keeps all controls on a terminal.
    """

    def __init__(
        self, client: Client, run: str, job: int = 0, prefix: str = "", *, attempt: int | None = None, raw: bool = False
    ) -> None:
        self._client = client
        self._run = run
        self._job = job
        self._prefix = prefix.encode()
        self._raw = raw
        self._coloured = False
        self._attempt = attempt
        self._offset = 0
        self._submission = 0
        self._rest = b""
        self._begun: dict[str, bytes] = {}

    def print_all(self) -> None:
        """What there is now."""
        while self._print(self._read(0)):
            pass
        self._finish()

    def follow(self, told: Event | None = None) -> None:
        """Until the run is finished (as `told` says, or else the server) and everything is printed."""
        finished = told.is_set if told else self._run_finished
        rest: Callable[[float], object] = told.wait if told else time.sleep
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
        from atoll.wire.logs import parse

        self._offset += len(chunk.data)
        lines, self._rest = parse(self._rest + chunk.data)
        for line in lines:
            self._put(line.stream, line.text, b"" if line.partial else b"\n")
        return bool(chunk.data)

    def _put(self, stream: str, text: bytes, end: bytes) -> None:
        line = self._begun.pop(stream, b"") + text
        if self._prefix and not end:
            self._begun[stream] = line
            return
        target = sys.stderr if stream == "stderr" else sys.stdout
        self._coloured = self._coloured or b"\x1b" in line
        if self._prefix and self._coloured and target.isatty():
            end = terminal.RESET.encode() + end
        terminal.output(target, self._prefix + line + end, raw=self._raw)

    def _finish(self) -> None:
        """Print what waited for the end of its line."""
        for stream in list(self._begun):
            self._put(stream, b"", b"\n")
        if self._coloured and sys.stdout.isatty():
            terminal.output(sys.stdout, terminal.RESET.encode())
        self._coloured, self._rest = False, b""
