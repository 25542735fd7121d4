"""The log: one line for each record, `KEY=VALUE`, with the request and the work that it belongs to.

    2026-11-24T10:00:00.123Z level=INFO logger=atoll.server request=1f2e3d4c method=GET path=/healthz status=200 …

A record never spans two lines: control characters are escaped, in tracebacks too, so that a user-chosen
name cannot forge a line. No line holds a value of a secret, a variable or a token: they are never logged.
"""

import logging
import os
import sys
from datetime import UTC, datetime

from atoll.engine.parts.log_context import request_id, work_id

_BIDIRECTIONAL = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPES = {
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))},
    **{code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *_BIDIRECTIONAL)},
    10: "\\n",
    9: "\\t",
}


REPEAT_SECONDS = 10.0
"""How long a line that was written is not written again."""
MOST_REMEMBERED = 1000


class LineFormatter(logging.Formatter):
    """Formats records as lines of keys and values."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        parts = [time, f"level={record.levelname}", f"logger={record.name}"]
        if request_id.get():
            parts.append(f"request={request_id.get()}")
        if work_id.get():
            parts.append(f"work={work_id.get()}")
        parts.append(record.getMessage())
        if record.exc_info:
            parts.append(f"trace={self.formatException(record.exc_info)}")
        return " ".join(parts).translate(_ESCAPES)


class Repeats(logging.Filter):
    """Leaves out lines that repeat one of the last seconds; the first one after that says how many they were."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record, whose text may say that it is repeated."""
        if request_id.get():
            return True  # the line of a request, by its id
        key = (record.name, record.getMessage() + (repr(record.exc_info[1]) if record.exc_info else ""))
        since, count = self._seen.get(key, (0.0, 0))
        if record.created - since < REPEAT_SECONDS:
            self._seen[key] = (since, count + 1)
            return False
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen = {one: seen for one, seen in self._seen.items() if record.created - seen[0] < REPEAT_SECONDS}
        if len(self._seen) < MOST_REMEMBERED:
            self._seen[key] = (record.created, 0)
        if count:
            record.msg, record.args = f"{record.getMessage()} (repeated {count} times)", None
        return True


class LineHandler(logging.Handler):
    """Writes lines to a descriptor, each at once.

    Lines that the disk does not take are lost, and counted by the next one that it takes.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lost = 0
        self._cut = False  # whether the last line that the disk took in part has no end

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if self._lost:
            line = f"{line} (lines before this one that could not be written: {self._lost})"
        content = (("\n" if self._cut else "") + line + "\n").encode(errors="backslashreplace")
        try:
            written = os.write(self._descriptor, content)
        except OSError:
            written = 0
        self._cut = written < len(content) and (written > 0 or self._cut)
        self._lost = 0 if written == len(content) else self._lost + 1


def log_lines() -> None:
    """Set up the log to standard error."""
    handler = LineHandler(sys.stderr.fileno())
    handler.setFormatter(LineFormatter())
    handler.addFilter(Repeats())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
