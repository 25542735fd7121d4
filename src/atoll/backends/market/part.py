"""One part of what a provider offers in a region: read again at its own pace, and kept on disk with its date."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from atoll.backends.base import BackendError
from atoll.private_files import write_private

RETRY_SECONDS = 60.0
"""After a part could not be read, and at most its own period."""
STALE_PERIODS, EXPIRED_PERIODS = 2, 10
"""How many periods old a part is said to be stale, and is no longer used for new machines."""

log = logging.getLogger("atoll.market")

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Part(Generic[T]):
    """One part: how it is read and how often (`period` in seconds), its content, and why it could not be read.

    `content` is None where it was never read, and of the time `as_of` otherwise. `kind` is its type, for the file at
    `path`; without a path it is not kept. `version` grows with each change of the content. `now` and `clock` are the
    time of day and monotonic seconds.
    """

    name: str
    period: float
    read: Callable[[], Awaitable[T]]
    kind: Any = Any
    path: Path | None = None
    content: T | None = None
    as_of: datetime | None = None
    error: BackendError | None = None
    due: float = 0.0
    version: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    now: Callable[[], datetime] = _now
    clock: Callable[[], float] = time.monotonic

    def restore(self) -> None:
        """Take the content from the file, as of its date. A file that cannot be read is as good as none."""
        if self.path is None:
            return
        with suppress(OSError, msgspec.MsgspecError):
            as_of, content = msgspec.msgpack.decode(self.path.read_bytes(), type=tuple[datetime, Any])
            self.as_of, self.content = as_of, msgspec.convert(content, self.kind)
            self.version += 1
            self.due = self.clock() + max(0.0, self.period - self._age.total_seconds())

    async def fresh(self) -> T:
        """The content, read where it was not yet. Raises BackendError."""
        async with self.lock:
            if self.content is None:
                await self._read()
            if self.content is None:
                assert self.error is not None
                raise self.error
            return self.content

    async def refresh(self) -> None:
        """Read it again where it is due."""
        async with self.lock:
            if self.clock() >= self.due:
                await self._read()

    @property
    def stale(self) -> bool:
        """Whether it was never read and cannot be, or is far older than it should be."""
        if self.content is None:
            return self.error is not None
        return self._age > timedelta(seconds=STALE_PERIODS * self.period)

    @property
    def expired(self) -> bool:
        """Whether it is too old for new machines."""
        return self.content is not None and self._age > timedelta(seconds=EXPIRED_PERIODS * self.period)

    @property
    def _age(self) -> timedelta:
        return self.now() - (self.as_of or self.now())

    async def _read(self) -> None:
        try:
            content = await self.read()
        except BackendError as error:
            if self.error is None:
                log.warning("part=%s cannot be read: %s", self.name, error.message)
            self.error = error
            self.due = self.clock() + min(RETRY_SECONDS, self.period)
            return
        self.version += content != self.content
        self.content, self.error, self.as_of = content, None, self.now()
        self.due = self.clock() + self.period
        if self.path is not None:
            await asyncio.to_thread(self._keep, self.path, (self.as_of, content))

    @staticmethod
    def _keep(path: Path, content: tuple[datetime, T]) -> None:
        """Only a cache: a disk that takes no file is no fault."""
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, msgspec.msgpack.encode(content), durable=False)
