"""Wakes readers of events and logs: notified after every commit and whenever log bytes arrive.

It carries no content: woken tasks read the state themselves, so that a lost notification costs only a delay.
"""

import asyncio


class Notifier:
    """Counts its notifications; `wait` returns as soon as the count passes what the caller has seen."""

    def __init__(self) -> None:
        self.count = 0
        self.closing = False
        self._notified = asyncio.Event()

    def notify(self) -> None:
        """Wake all waiting readers."""
        self.count += 1
        self._notified.set()
        self._notified = asyncio.Event()

    def close(self) -> None:
        """Wake all waiters for the last time, so that long polls return."""
        self.closing = True
        self.notify()

    async def wait(self, seen: int, timeout: float) -> int:
        """Wait for a notification after number `seen`, at most `timeout` seconds; returns the count then."""
        if self.count == seen and timeout > 0:
            try:
                async with asyncio.timeout(timeout):
                    await self._notified.wait()
            except TimeoutError:
                pass
        return self.count
