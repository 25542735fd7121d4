"""The diagnostic: a stable code, a message, a place in the user's file, notes and a help.

`configuration` creates them and holds the registry of codes; the server adds those that need listings; one renderer
in `cli` prints both.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Errors stop; warnings do not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a file: lines and columns count characters from 1, `end_column` is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `span` is None when it concerns the file as a whole or no file at all."""

    code: str
    message: str
    severity: Severity = Severity.ERROR
    span: Span | None = None
    notes: tuple[str, ...] = ()
    help: str | None = None
