"""A virtual clock: an event loop in which waiting takes no time, and the same program runs the same way every time.

    clock = VirtualClock()
    clock.run(simulation(clock))     # asyncio.sleep, time-outs and clock.sleep inside all go by virtual time

Time stands still while anything can run, and jumps to the next timer when nothing can. What is meant for a thread by
`run_in_executor` is done at once and in line; other threads and real input and output need `clock.hold()`.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

STUCK_SECONDS = 5.0
"""How long, in real time, a loop without timers may wait for a thread before it counts as stuck."""


class Stuck(RuntimeError):  # noqa: N818 - it says what the simulation is
    """Everything waits, and nothing is going to happen."""


class VirtualClock:
    """A clock of its own: `now`, `sleep`, and `run` for what shall live by it."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._told = (0.0, start)
        self.elapsed = 0.0
        self.holds = 0

    def now(self) -> datetime:
        """The virtual time."""
        if self._told[0] != self.elapsed:
            self._told = (self.elapsed, self._start + timedelta(seconds=self.elapsed))
        return self._told[1]

    def monotonic(self) -> float:
        """Virtual seconds since the start."""
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        """Let virtual time go by."""
        await asyncio.sleep(seconds)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let the time stand still: something real is awaited."""
        self.holds += 1
        try:
            yield
        finally:
            self.holds -= 1

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` in virtual time until it is done; a clock may run several in turn.

        Raises Stuck when nothing can happen any more.
        """
        with asyncio.Runner(loop_factory=lambda: _VirtualLoop(self)) as runner:
            return runner.run(main)


class _Selector(selectors.DefaultSelector):
    """A selector that lets virtual time pass in place of waiting."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._clock.holds:
            return super().select(timeout if timeout == 0 else None)
        if timeout is None:
            events = super().select(STUCK_SECONDS)
            if not events:
                raise Stuck("everything waits, and nothing is scheduled")
            return events
        self._clock.elapsed += max(timeout, 0)  # nothing real is awaited: to look for it would be a call to the system
        return []


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.elapsed

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future
