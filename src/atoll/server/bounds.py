"""The limits of values in paths and queries: nothing unbounded reaches the database.

Numbers fit into the databases' columns, and no text has a NUL byte, which PostgreSQL cannot hold.
"""

from typing import Annotated

from fastapi import Path, Query

from atoll.engine.queries.page import SIZE

PROJECT_PATTERN = r"^[a-z][a-z0-9-]{0,40}$"
_WORD = r"^[A-Za-z0-9][A-Za-z0-9._@+:-]{0,199}$"
_IDENT = r"^[A-Za-z0-9_-]{1,100}$"
LARGEST = 2**31 - 1
"""The largest number of a PostgreSQL integer column."""
LONGEST_PAGE = 1000
"""The maximum number of records in one response."""
PAGE = SIZE
"""The default number."""

Project = Annotated[str, Path(pattern=PROJECT_PATTERN)]
Name = Annotated[str, Path(pattern=_WORD)]
Ident = Annotated[str, Path(pattern=_IDENT)]
Place = Annotated[str, Path(max_length=200, pattern=r"^[^\x00]+$")]

Wait = Annotated[float, Query(ge=0, le=30, allow_inf_nan=False)]
After = Annotated[str | None, Query(pattern=_IDENT)]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]
Number = Annotated[int, Query(ge=0, le=LARGEST)]
Nodes = Annotated[int | None, Query(ge=0, le=LARGEST)]
Attempt = Annotated[int | None, Query(ge=1, le=LARGEST)]
Offset = Annotated[int, Query(ge=0, le=1 << 40)]
Named = Annotated[str | None, Query(pattern=r"^[^\x00]{1,200}$")]
