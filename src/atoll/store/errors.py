"""The errors that leave the store: a database's own exceptions are translated into these.

StoreError
├── Conflict            another transaction interfered; the same may succeed when it is retried
│   └── NotUnique       another record has this name or key
├── StoreUnavailable    the database does not answer; whether a commit happened may be unknown
│   └── StoreFull       its disk is full: nothing was written
└── StoreFault          the statement is wrong, or violates a constraint that no other transaction can cause: a bug
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import PendingRollbackError as LostTransaction
from sqlalchemy.exc import TimeoutError as PoolTimeout

_RETRIABLE = {"40001": "serialization failure", "40P01": "deadlock", "55P03": "lock timeout"}
"""PostgreSQL's SQLSTATEs after which the same may succeed (its manual, appendix A)."""
_UNIQUE_VIOLATION = "23505"
_UNIQUE_CODES = frozenset({1555, 2067})
"""SQLite's result codes SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_UNIQUE (sqlite.org/rescode.html)."""
_DISK_FULL = "53100"
_FULL = ("database or disk is full", "No space left on device", "disk I/O error")
"""SQLite's words; on a full disk, its companion files give the last of them."""
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


class StoreFull(StoreUnavailable):
    """The disk of the database is full."""


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
        raise StoreUnavailable(f"the database cannot be reached: {error}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "asyncpg":  # optional, and so not imported here
            raise
        raise StoreUnavailable(f"the database cannot be reached: {error}") from error


def _translation(error: DBAPIError) -> StoreError:
    state, text = getattr(error.orig, "sqlstate", None) or "", str(error.orig)
    if state in _RETRIABLE:
        return Conflict(f"another transaction interfered: {_RETRIABLE[state]}")
    if "database is locked" in text:
        return Conflict("another transaction interfered: another process writes")
    if isinstance(error, IntegrityError):
        unique = state == _UNIQUE_VIOLATION or getattr(error.orig, "sqlite_errorcode", None) in _UNIQUE_CODES
        return NotUnique(text) if unique or "UNIQUE constraint failed" in text else StoreFault(text)
    if getattr(error.orig, "sqlite_errorcode", None) == _SQL_ERROR:
        return StoreFault(text)
    if state == _DISK_FULL or any(words in text for words in _FULL):
        return StoreFull(f"the disk of the database is full: {text}")
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return StoreUnavailable(f"the database does not answer: {text}")
    return StoreFault(text)
