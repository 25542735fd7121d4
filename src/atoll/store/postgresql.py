"""PostgreSQL: connections, and the notifications that Atoll's servers send each other.

Writers run concurrently under `READ COMMITTED`; what must not be done twice is guarded by the statement that does
it (a fence, a state, a unique name, a counter). Readers see one moment (`REPEATABLE READ`).
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

if TYPE_CHECKING:
    import asyncpg  # type: ignore[import-untyped]

log = logging.getLogger("atoll.store")

CHANNEL = "atoll_news"
EVENTS_LOCK = 0x61746F6C6C01
"""Held from the insert of events to the commit: their numbers then grow in the order in which they become visible."""
MIGRATION_LOCK = 0x61746F6C6C02
"""Held by the one server that brings the schema up to date."""
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


def pooled(url: URL) -> AsyncEngine:
    """An engine with the pool that a server works with."""
    return connect(url, pool_size=CONNECTIONS, max_overflow=0, pool_timeout=POOL_SECONDS)


def looking(url: URL) -> AsyncEngine:
    """An engine for statements outside of transactions, with a pool of its own."""
    options = {"pool_size": LOOKING, "max_overflow": 0, "pool_timeout": POOL_SECONDS}
    return connect(url, isolation_level="AUTOCOMMIT", **options)


class Listener:
    """Announces commits to the other servers and receives their announcements. A lost one costs only a delay."""

    def __init__(self, engine: AsyncEngine, heard: Callable[[], None]) -> None:
        _, arguments = engine.dialect.create_connect_args(engine.url)
        names = ("host", "port", "user", "password", "database", "ssl")
        self._arguments = {name: arguments[name] for name in names if name in arguments}
        self._heard = heard
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
            self._heard()  # of what was missed before
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
            self._heard()

    def _on_end(self, _connection: "asyncpg.Connection[Any]") -> None:
        self._ended.set()
        self._news.set()
