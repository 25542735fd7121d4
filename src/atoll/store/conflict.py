"""The error raised when two transactions conflict."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, PendingRollbackError

_STATES = {"40001": "serialization failure", "40P01": "deadlock", "55P03": "lock timeout"}
"""PostgreSQL's SQLSTATEs that mean: the same may succeed when it is tried again (its manual, appendix A)."""


class Conflict(Exception):  # noqa: N818 - it is news, not an error
    """Another transaction conflicted, and nothing was written: read again and retry."""


@contextmanager
def conflicts() -> Iterator[None]:
    """Turns the databases' own errors for it into Conflict."""
    try:
        yield
    except PendingRollbackError as error:
        raise Conflict("the transaction was lost before its end") from error
    except DBAPIError as error:
        why = _STATES.get(getattr(error.orig, "sqlstate", None) or "")
        if why is None and "database is locked" in str(error.orig):
            why = "another process writes"
        if why is None:
            raise
        raise Conflict(f"another transaction got in the way: {why}") from error
