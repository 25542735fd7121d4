"""The kept connection to one host: made and remade in the background, with a pause that grows while it fails.

Nothing waits for a host that is away: a stream to it is refused at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from atoll.model.system_error import error_words
from atoll.tunnels.host import Host, Login
from atoll.tunnels.pins import Pins
from atoll.tunnels.ssh import connect, library
from atoll.tunnels.stream import Stream, TunnelError

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two attempts to connect, at first and at most."""
COMMAND_SECONDS = 30.0
DIAL_SECONDS = 5.0

log = logging.getLogger("atoll.tunnels")


class Link:
    """The connection to one host. `on_up` runs after each connection is made, before the link counts as up."""

    def __init__(
        self, host: Host, pins: Pins, making: asyncio.Semaphore, on_up: Callable[["Link"], Awaitable[None]]
    ) -> None:
        self.host = host
        self.error: TunnelError | None = None
        self.down_since: datetime | None = datetime.now(UTC)
        self._pins = pins
        self._making = making
        self._on_up = on_up
        self._connections: list[Any] = []
        self._made = self._up = False
        self._tried = asyncio.Event()
        self._hurry = asyncio.Event()
        self._keeping = asyncio.create_task(self._keep())

    @property
    def up(self) -> bool:
        """Whether streams can be opened now."""
        return self._up

    async def attempt(self, seconds: float) -> None:
        """Where it is down, try to connect now; wait until that has succeeded or failed, at most `seconds`."""
        if self._up:
            return
        self._tried.clear()
        self._hurry.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._tried.wait()

    def refuse(self, error: TunnelError) -> None:
        """Drop the connection because of what the host answered, and begin again after a pause."""
        self.error = error
        self._disconnect()

    def hurry(self) -> None:
        """Try again at once."""
        self._hurry.set()

    async def open(self, path: str) -> Stream:
        """A stream to the Unix socket at `path` on the host. Raises TunnelError."""
        if not self._up:
            raise self._unreachable()
        connection = self._connection()
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                reader, writer = await connection.open_unix_connection(path, encoding=None)
        except (OSError, library().Error) as error:
            raise TunnelError(f"{self.host.name}: no stream to {path}: {error_words(error)}") from error
        return reader, writer

    async def start(self, command: str) -> Stream:
        """A stream to the input and output of `command`, which the host's shell reads. Raises TunnelError."""
        if not self._up:
            raise self._unreachable()
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                process = await self._connection().create_process(command, encoding=None)
        except (OSError, library().Error) as error:
            raise TunnelError(f"{self.host.name}: no stream to `{command}`: {error_words(error)}") from error
        return process.stdout, process.stdin

    async def run(self, command: str, content: bytes) -> tuple[int, bytes, bytes]:
        """Run `command` with `content` on its standard input: exit code, output and errors. Raises TunnelError.

        Nothing that a user wrote belongs into `command`, which a shell reads. `on_up` may call it already.
        """
        connection = self._connection()
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                done = await connection.run(command, input=content, encoding=None, check=False)
        except TimeoutError as error:
            raise TunnelError(f"{self.host.name}: no answer within {COMMAND_SECONDS:.0f} s") from error
        except (OSError, library().Error) as error:
            raise TunnelError(f"{self.host.name}: {error_words(error)}") from error
        return done.exit_status or 0, bytes(done.stdout or b""), bytes(done.stderr or b"")

    async def close(self) -> None:
        """End the connection, and make no other."""
        self._keeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeping

    def _connection(self) -> Any:
        if not self._made:
            raise self._unreachable()
        return self._connections[-1]

    def _unreachable(self) -> TunnelError:
        return self.error or TunnelError(f"{self.host.name} is not connected yet")

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._making:
                    await self._connect()
                    self._made = True
                    await self._on_up(self)
            except TunnelError as error:
                self._failed(error)
                self._tried.set()
            except Exception as error:
                log.exception("host=%s the connection failed", self.host.name)
                self._failed(TunnelError(f"{self.host.name}: {type(error).__name__}: {error}"))
                self._tried.set()
            else:
                pause = FIRST_PAUSE
                self._up, self.error, self.down_since = True, None, None
                self._tried.set()
                log.info("host=%s zone=%s is connected", self.host.name, self.host.zone)
                with suppress(Exception):
                    await self._connections[-1].wait_closed()
                self._failed(TunnelError(f"the connection to {self.host.name} was lost"))
                log.warning("host=%s zone=%s the connection was lost", self.host.name, self.host.zone)
            finally:
                self._made = self._up = False
                self._disconnect()
            self._hurry.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _connect(self) -> None:
        """The connection to the host, through its jump host where it has one."""
        if self.host.jump is not None:
            self._connections.append(await self._through(self.host.jump))
        through = self._connections[-1] if self._connections else None
        self._connections.append(await connect(self.host.login, self._pins, through))

    async def _through(self, jump: Login) -> Any:
        try:
            return await connect(jump, self._pins)
        except TunnelError as error:
            text = f"jump host of {self.host.name}: {error.message}"
            raise TunnelError(text, permanent=error.permanent) from error

    def _disconnect(self) -> None:
        while self._connections:
            self._connections.pop().abort()

    def _failed(self, error: TunnelError) -> None:
        self.error = error
        self.down_since = self.down_since or datetime.now(UTC)
