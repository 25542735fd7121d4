"""The database's address: users' URLs, and SQLAlchemy's form of them."""

from importlib.util import find_spec

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg", "sqlite+aiosqlite": "sqlite"}
_OPTIONS = frozenset({"host", "port", "ssl"})
"""What may follow the `?` of a PostgreSQL URL; `host` names a server or the folder of its socket."""
EXAMPLE = "postgresql://USER:PASSWORD@HOST/DATABASE"


DatabaseUrl = URL
"""A parsed URL of a database, for its readers outside the store."""


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


def database_url(text: str) -> URL:
    """A URL as a user writes it, with the driver that Atoll uses.

    `postgresql://` and `sqlite://` are known, with or without their drivers. Raises DatabaseError for anything else;
    the message never holds the URL itself, which may contain a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseError(f"the database's URL cannot be read: write {EXAMPLE}") from None
    driver = _DRIVERS.get(url.drivername, url.drivername)
    if driver not in {*_DRIVERS.values(), "sqlite"}:
        raise DatabaseError(f"a database of the kind `{url.drivername}` is not known: write {EXAMPLE}")
    url = url.set(drivername=driver)
    return url if driver.startswith("sqlite") else _postgresql(url)


def place(url: URL) -> str:
    """The database's address without user and password, for display."""
    if url.drivername.startswith("sqlite"):
        return str(url.database)
    plain = URL.create("postgresql", host=url.host, port=url.port, database=url.database, query=url.query)
    return plain.render_as_string()


def _postgresql(url: URL) -> URL:
    if find_spec("asyncpg") is None:
        raise DatabaseError("PostgreSQL needs the package asyncpg: `pip install 'atoll[postgres]'`")
    if "sslmode" in url.query:  # libpq's name of it, with the same values
        url = url.update_query_pairs([("ssl", str(url.query["sslmode"]))]).difference_update_query(["sslmode"])
    unknown = sorted(set(url.query) - _OPTIONS)
    if unknown:
        raise DatabaseError(f"the database's URL has unknown options: {', '.join(unknown)}; known: host, port, sslmode")
    if not url.database:
        raise DatabaseError(f"the database's URL names no database: write {EXAMPLE}")
    return url
