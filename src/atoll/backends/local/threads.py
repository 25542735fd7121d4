"""The threads in which the local backend's blocking calls run."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from atoll.backends.base import Unavailable
from atoll.backends.local.records import Records
from atoll.model.system_error import disk_words

CLEAN_SECONDS = 5.0
"""How long a call waits for its files to be removed."""

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A few threads, so that no blocking call holds up the event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="local-backend")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call in a thread. Raises what the call raises, and Unavailable for a disk in trouble."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*args, **kwargs))
        except OSError as error:
            if words := disk_words(error):
                raise Unavailable(f"{words} that holds the machines' folders on the server") from error
            raise

    async def empty_trash(self, records: Records) -> None:
        """Remove deleted files for at most `CLEAN_SECONDS`; many files continue in their thread, without a waiter."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLEAN_SECONDS):
                await self.run(records.empty_trash)

    def close(self) -> None:
        """Stop the threads; calls under way are not waited for."""
        self._pool.shutdown(wait=False)
