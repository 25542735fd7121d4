"""When the worker has to read the queue: the time at which the next known item is due.

Every commit of this server reports when the work that it woke is due, so that the worker need not read the queue after
each of them. For other servers' commits it has no time: it reads the queue then, and every few seconds.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime


class DueTimer:
    """`due` is the soonest time known, None for no work; `unsure` where only a look at the queue shows it."""

    def __init__(self) -> None:
        self.due: datetime | None = None
        self.unsure = True
        self._woken = asyncio.Event()

    def set(self, at: datetime | None) -> None:
        """Something is due at `at`, or, where that is None, may be due at any time: wake the worker."""
        if at is None:
            self.unsure = True
            self.wake()
        elif self.due is None or at < self.due:
            self.due = at
            self.wake()

    def wake(self) -> None:
        """Wake the worker."""
        self._woken.set()

    def found(self, at: datetime | None) -> None:
        """Record the time that a look at the queue has found."""
        self.due = min((each for each in (at, self.due) if each is not None), default=None)

    @contextmanager
    def looking(self) -> Iterator["DueTimer"]:
        """While the queue is read: times that are set meanwhile remain; a read that fails leaves all unsure."""
        self.due, self.unsure = None, False
        self._woken.clear()
        try:
            yield self
        except BaseException:
            self.unsure = True
            raise

    async def wait(self, seconds: float) -> bool:
        """Sleep until the worker is woken; False where it was not after `seconds`."""
        if seconds > 0 and not self._woken.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            except TimeoutError:
                return False
        self._woken.clear()
        return True
