"""Every call to a provider goes through here: bounded in time and in number, and stopped where a circuit is open.

A circuit is a backend's API in one region (calls that concern no zone share one of their own). It opens when several
calls in a row got no usable answer; then calls fail at once, until one of them is let through as a trial. So a dead
backend delays only its own work, and neither its calls nor its waiting use slots of another's. Launches, which
come in large numbers and take long, wait in turn for a free slot.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

from atoll.backends.base import BackendError, Throttled, Unavailable
from atoll.model.failure import Scope
from atoll.model.zone import Zone

P = ParamSpec("P")
T = TypeVar("T")

CALL_SECONDS = 60.0
"""How long one call may take; a longer one counts as unavailable, its outcome unknown."""
MOST_CALLS = 256
"""The maximum number of concurrent calls to one backend; further ones are retried later."""
OPEN_AFTER = 5
"""How many calls in a row without a usable answer open the circuit."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=2)
"""How long a circuit stays open at first, and at most: it doubles with each trial that fails."""
SPARE = 32
"""How many of them are reserved for calls that do not wait for a slot, such as looks at launched machines."""
MOST_WAITING = 512
"""How many may wait for a slot of one backend: they use only a part of the worker's capacity."""
CROWDED_SECONDS = 1.0


async def in_time(answer: Awaitable[T]) -> T:
    """Await an agent's answer for at most `CALL_SECONDS`. Raises BackendError."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await answer
    except TimeoutError as error:
        raise Unavailable(f"no answer within {CALL_SECONDS:.0f} s") from error


@dataclass(slots=True)
class Circuit:
    """One API: `failures` in a row without a usable answer, the last of them, and until when no call is made."""

    failures: int = 0
    open_until: datetime | None = None
    message: str = ""
    trial: bool = False

    def refuses(self, now: datetime) -> bool:
        """Whether a call may not be made now; the first one after the pause is the trial."""
        if self.open_until is None:
            return False
        if now < self.open_until or self.trial:
            return True
        self.trial = True
        return False

    def answered(self) -> None:
        """A usable answer, be it a refusal: the circuit is closed."""
        self.failures, self.open_until, self.message, self.trial = 0, None, "", False

    def silent(self, now: datetime, message: str) -> None:
        """No usable answer."""
        self.failures, self.message, self.trial = self.failures + 1, message, False
        if self.failures >= OPEN_AFTER:
            pause = FIRST_PAUSE * 2.0 ** min(self.failures - OPEN_AFTER, 10)
            self.open_until = now + min(pause, LONGEST_PAUSE)


class Calls:
    """The calls of one engine. `open_circuits` returns the paused APIs, for the status."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._circuits: dict[tuple[str, str], Circuit] = {}
        self._under_way: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._coming: defaultdict[str, int] = defaultdict(int)

    async def room(self, backend: str) -> None:
        """Wait for a free call slot of the backend; call immediately after it returns.

        If too many wait already, it returns, and the call may raise Throttled.
        """
        waiting = self._waiting.setdefault(backend, deque())
        if self._has_room(backend) or len(waiting) >= MOST_WAITING:
            return
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._coming[backend] -= 1
                self._next(backend)
            raise
        self._coming[backend] -= 1

    async def make(
        self, backend: str, zone: Zone | None, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call `method` of a backend, about `zone` where it concerns one. Raises BackendError.

        Unavailable and Throttled with `retry_after` say that nothing was sent: the circuit is open, or too many calls
        are under way.
        """
        region = zone.region if zone else ""
        circuit = self._circuits.setdefault((backend, region), Circuit())
        now = self._now()
        if self._under_way.get(backend, 0) >= MOST_CALLS:
            raise Throttled(f"{MOST_CALLS} calls to {backend} are under way", retry_after=CROWDED_SECONDS)
        if circuit.refuses(now):
            self._next(backend)
            left = ((circuit.open_until or now) - now).total_seconds()
            scope = Scope(backend, region or None)
            text = f"calls to {backend} are paused after repeated failures: {circuit.message}"
            raise Unavailable(text, scope, retry_after=left)
        self._under_way[backend] = self._under_way.get(backend, 0) + 1
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await method(*args, **kwargs)
        except TimeoutError as error:
            circuit.silent(self._now(), f"no answer within {CALL_SECONDS:.0f} s")
            raise Unavailable(circuit.message, Scope(backend, region or None)) from error
        except Unavailable as error:
            circuit.silent(self._now(), error.message)
            raise
        except BackendError:
            circuit.answered()
            raise
        except BaseException:
            circuit.trial = False
            raise
        finally:
            self._under_way[backend] -= 1
            self._next(backend)
        circuit.answered()
        return answer

    def _has_room(self, backend: str) -> bool:
        return self._under_way.get(backend, 0) + self._coming[backend] < MOST_CALLS - SPARE

    def _next(self, backend: str) -> None:
        """Wake the next waiter if a slot is free."""
        waiting = self._waiting.get(backend)
        while waiting and self._has_room(backend):
            turn = waiting.popleft()
            if not turn.done():
                self._coming[backend] += 1
                turn.set_result(None)

    def open_circuits(self, backend: str) -> tuple[tuple[str, datetime, str], ...]:
        """A backend's paused APIs: the region (empty: no region's), until when, and why."""
        now = self._now()
        return tuple(
            (region, circuit.open_until, circuit.message)
            for (name, region), circuit in sorted(self._circuits.items())
            if name == backend and circuit.open_until is not None and circuit.open_until > now
        )
