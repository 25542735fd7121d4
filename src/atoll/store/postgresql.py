"""PostgreSQL: connections, and the notifications that Atoll's servers send each other.

Writers run concurrently under `READ COMMITTED`; what must not be done twice is guarded by the statement that does
it (a fence, a state, a unique name, a counter). Readers see one moment (`REPEATABLE READ`).
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, CursorResult, Executable
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from atoll.store.connection import Connection, Connections, Values

if TYPE_CHECKING:
    import asyncpg  # type: ignore[import-untyped]

log = logging.getLogger("atoll.store")

CHANNEL = "atoll_news"
PART = 500
"""The number of rows sent at once: the event loop is blocked while they are encoded."""
CONNECTIONS = 12
LOOKING = 3
"""Connections for reads outside transactions, so that requests do not queue behind background work."""
POOL_SECONDS = 120.0
"""How long a transaction may wait for a connection."""
CONNECT_SECONDS = 10.0
QUIET_SECONDS = 0.02
"""At most one notification is sent within this time, for all commits in it."""
PROBE_SECONDS = 15.0
"""How often a silent connection of the listener is checked."""
RETRY_SECONDS = 1.0
_SETTINGS = {
    "application_name": "atoll",
    "jit": "off",  # every query is short
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",  # a frozen server blocks others no longer than this
}


def connect(url: URL, **options: Any) -> AsyncEngine:
    """Returns an engine for the database, without connecting."""
    arguments = {"server_settings": _SETTINGS, "timeout": CONNECT_SECONDS}
    return create_async_engine(url, hide_parameters=True, connect_args=arguments, **options)


class PostgresqlConnection(Connection):
    """Statements of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._async = connection

    @property
    def dialect(self) -> Dialect:
        """PostgreSQL's."""
        return self._async.dialect

    async def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement."""
        return await self._async.execute(statement, values)

    async def change_all(self, statement: Executable, rows: Sequence[Values]) -> None:
        """Run a statement without rows for each of `rows`."""
        for start in range(0, len(rows), PART):
            await self._async.execute(statement, rows[start : start + PART])


class PostgresqlConnections(Connections):
    """The connections of one server to a database that other servers share, with a pool of their own for looks."""

    shared = True

    def __init__(self, url: URL) -> None:
        self._engine = connect(url, pool_size=CONNECTIONS, max_overflow=0, pool_timeout=POOL_SECONDS)
        options = {"pool_size": LOOKING, "max_overflow": 0, "pool_timeout": POOL_SECONDS}
        self._looking = connect(url, isolation_level="AUTOCOMMIT", **options)
        self._listener: Listener | None = None

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A transaction that reads the state of one moment."""
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            await connection.begin()
            yield PostgresqlConnection(connection)

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Connection]:
        """Statements outside a transaction, none of which is begun and ended: each exchange takes time."""
        connection = await self._looking.connect()
        try:
            yield PostgresqlConnection(connection)
        finally:
            await connection.close()  # exchanges nothing, so that it needs no task of its own

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """A writing transaction."""
        async with self._engine.begin() as connection:
            yield PostgresqlConnection(connection)

    def follow(self, notify: Callable[[], None]) -> None:
        """Call `notify` after the commits of other servers, from now on."""
        self._listener = Listener(self._engine, notify)

    def announce(self) -> None:
        """Tell other servers of a commit."""
        if self._listener is not None:
            self._listener.notify()

    async def close(self) -> None:
        """Stop listening, and close all connections."""
        if self._listener is not None:
            await self._listener.close()
        await self._engine.dispose()
        await self._looking.dispose()


class Listener:
    """Announces commits to the other servers and receives their announcements. A lost one costs only a delay."""

    def __init__(self, engine: AsyncEngine, notify: Callable[[], None]) -> None:
        _, arguments = engine.dialect.create_connect_args(engine.url)
        names = ("host", "port", "user", "password", "database", "ssl")
        self._arguments = {name: arguments[name] for name in names if name in arguments}
        self._notify = notify
        self._ident = secrets.token_hex(8)
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def notify(self) -> None:
        """Announces a commit of this server."""
        self._news.set()

    async def close(self) -> None:
        """Stops listening."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        import asyncpg

        failures = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
        while True:
            try:
                await self._listen()
            except failures as error:
                log.warning("listener=%s lost: %s", CHANNEL, type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        import asyncpg

        settings = _SETTINGS | {"application_name": CHANNEL}
        connection = await asyncpg.connect(**self._arguments, server_settings=settings, timeout=CONNECT_SECONDS)
        try:
            self._ended.clear()
            connection.add_termination_listener(self._on_end)
            await connection.add_listener(CHANNEL, self._on_notice)
            self._notify()  # of what was missed before
            while not self._ended.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(PROBE_SECONDS):
                        await self._news.wait()
                if self._news.is_set():
                    self._news.clear()
                    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, self._ident, timeout=CONNECT_SECONDS)
                    await asyncio.sleep(QUIET_SECONDS)
                else:
                    await connection.execute("SELECT 1", timeout=CONNECT_SECONDS)
        finally:
            connection.terminate()

    def _on_notice(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload != self._ident:
            self._notify()

    def _on_end(self, _connection: "asyncpg.Connection[Any]") -> None:
        self._ended.set()
        self._news.set()
