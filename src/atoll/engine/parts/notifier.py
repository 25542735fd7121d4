"""Wakes waiting readers: rung after every commit and whenever log bytes arrive.

It carries no content: woken tasks read the state themselves, so that a missed ring costs only a delay.
"""

import asyncio


class Bell:
    """Counts its rings; `wait` returns as soon as the count passes what the caller has seen."""

    def __init__(self) -> None:
        self.count = 0
        self.closing = False
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who waits."""
        self.count += 1
        self._rung.set()
        self._rung = asyncio.Event()

    def close(self) -> None:
        """Wake all waiters for the last time, so that long polls return."""
        self.closing = True
        self.ring()

    async def wait(self, seen: int, timeout: float) -> int:
        """Wait for a ring after number `seen`, at most `timeout` seconds; the count then."""
        if self.count == seen and timeout > 0:
            try:
                async with asyncio.timeout(timeout):
                    await self._rung.wait()
            except TimeoutError:
                pass
        return self.count
