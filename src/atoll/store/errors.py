"""The errors that leave the store: a database's own exceptions are translated into these.

StoreError
├── Conflict            another transaction interfered; the same may succeed when it is retried
│   └── NotUnique       another record has this name or key
├── StoreUnavailable    the database does not answer; whether a commit happened may be unknown
│   └── StoreDisk       its disk is full, read-only or failing: nothing was written
└── StoreFault          the statement is wrong, or violates a constraint that no other transaction can cause: a bug
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import PendingRollbackError as LostTransaction
from sqlalchemy.exc import TimeoutError as PoolTimeout

from atoll.model.system_error import DISK_WORDS, DiskTrouble, error_words

_RETRIABLE = {"40001": "serialization failure", "40P01": "deadlock", "55P03": "lock timeout"}
"""PostgreSQL's SQLSTATEs after which the same may succeed (its manual, appendix A)."""
_UNIQUE_VIOLATION = "23505"
_UNIQUE_CODES = frozenset({1555, 2067})
"""SQLite's result codes SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_UNIQUE (sqlite.org/rescode.html)."""
_DISK_STATES = {"53100": DiskTrouble.FULL, "58030": DiskTrouble.FAILING}
"""PostgreSQL's `disk_full` and `io_error`; its words decide where a server reports another state."""
_DISK_TEXTS = {
    "No space left on device": DiskTrouble.FULL,
    "Read-only file system": DiskTrouble.READ_ONLY,
    "Input/output error": DiskTrouble.FAILING,
}
_DISK_CODES = {8: DiskTrouble.READ_ONLY, 10: DiskTrouble.FAILING, 13: DiskTrouble.FULL}
"""SQLite's result codes SQLITE_READONLY, SQLITE_IOERR and SQLITE_FULL (sqlite.org/rescode.html)."""
_NO_SPACE_FOR_INDEX = 4874
"""SQLITE_IOERR_SHMSIZE: the index beside the database cannot grow."""
_SQL_ERROR = 1
"""SQLite's SQLITE_ERROR: a wrong statement, which its driver reports as an operational error."""


class StoreError(Exception):
    """The base of all errors of the store."""


class Conflict(StoreError):  # noqa: N818 - it is news, not an error
    """Another transaction interfered, and nothing was written: read again and retry."""


class NotUnique(Conflict):
    """Another record has the same name or key."""


class StoreUnavailable(StoreError):  # noqa: N818
    """The database cannot be reached or does not answer."""


class StoreDisk(StoreUnavailable):
    """The disk of the database cannot be written now: nothing was written, and what is there can mostly be read."""

    def __init__(self, trouble: DiskTrouble, text: str) -> None:
        super().__init__(f"the database cannot be written, {DISK_WORDS[trouble]}: {text}")
        self.trouble = trouble


class StoreFault(StoreError):  # noqa: N818
    """A statement that can never succeed: a bug, which a retry does not help."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises the errors of this module in place of those of SQLAlchemy and of the databases' drivers."""
    try:
        yield
    except LostTransaction as error:
        raise Conflict("the transaction was lost before its end") from error
    except PoolTimeout as error:
        raise StoreUnavailable("no connection to the database became free in time") from error
    except DBAPIError as error:
        raise _translation(error) from error
    except SQLAlchemyError as error:
        raise StoreFault(str(error)) from error
    except OSError as error:
        raise StoreUnavailable(f"the database cannot be reached: {error_words(error)}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "asyncpg":  # optional, and so not imported here
            raise
        raise StoreUnavailable(f"the database cannot be reached: {error}") from error


def _translation(error: DBAPIError) -> StoreError:
    state, text = getattr(error.orig, "sqlstate", None) or "", str(error.orig)
    code = getattr(error.orig, "sqlite_errorcode", None) or 0
    if state in _RETRIABLE:
        return Conflict(f"another transaction interfered: {_RETRIABLE[state]}")
    if "database is locked" in text:
        return Conflict("another transaction interfered: another process writes")
    if isinstance(error, IntegrityError):
        unique = state == _UNIQUE_VIOLATION or code in _UNIQUE_CODES
        return NotUnique(text) if unique or "UNIQUE constraint failed" in text else StoreFault(text)
    if code == _SQL_ERROR:
        return StoreFault(text)
    if (trouble := _disk_trouble(code, state, text)) is not None:
        return StoreDisk(trouble, text)
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return StoreUnavailable(f"the database does not answer: {text}")
    return StoreFault(text)


def _disk_trouble(code: int, state: str, text: str) -> DiskTrouble | None:
    """What is wrong with the database's disk, from SQLite's code or PostgreSQL's state and words."""
    if code:
        return DiskTrouble.FULL if code == _NO_SPACE_FOR_INDEX else _DISK_CODES.get(code & 0xFF)
    named = next((trouble for words, trouble in _DISK_TEXTS.items() if words in text), None)
    return named or _DISK_STATES.get(state)
