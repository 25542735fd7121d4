"""Turns at something scarce: the engine first, then projects in rotation, and within a project its users."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from atoll.engine.parts.refusal import Refused
from atoll.model.error_codes import ErrorCode

MOST_WAITING = 8
"""Requests of one user that may wait; more are refused."""
MOST_WAITING_IN_ALL = 128
PATIENCE_SECONDS = 25.0
"""How long a request waits before it is refused."""
OVERDUE_SECONDS = 5.0
"""A request that has waited longer takes its turn between two of the engine's."""


@dataclass(frozen=True, slots=True)
class Asker:
    """The project and user that a turn is for; both are empty for the engine itself."""

    project: str = ""
    user: str = ""


ENGINE = Asker()


@dataclass(eq=False, slots=True)
class Turn:
    """One wait for a turn; from `granted` on, the turn itself."""

    asker: Asker
    since: float
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    over: bool = False


class Turns:
    """`places` turns at the same time. One user holds at most all but one of several places, so that one stays free."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: list[Turn] = []
        self._held: list[Turn] = []
        self._served: dict[tuple[str, ...], int] = {}
        self._number = 0
        self._last = ENGINE

    @property
    def waiting(self) -> int:
        """The number of waiters."""
        return len(self._waiting)

    @property
    def held(self) -> int:
        """The number of turns that are being used."""
        return len(self._held)

    @property
    def longest_wait(self) -> float:
        """Seconds that the first waiter has waited."""
        return _now() - min((turn.since for turn in self._waiting), default=_now())

    @asynccontextmanager
    async def turn(self, asker: Asker = ENGINE) -> AsyncIterator[Turn]:
        """Wait for a turn and use it. Raises Refused (`busy`): too many wait already, or the wait was too long."""
        turn = Turn(asker, _now())
        self._admit(turn)
        try:
            if not turn.granted.done():
                await self._granted(turn)
            yield turn
        finally:
            self.end(turn)

    def end(self, turn: Turn) -> None:
        """End a turn or a wait for one; repeated calls change nothing."""
        turn.over = True
        for turns in (self._held, self._waiting):
            if turn in turns:
                turns.remove(turn)
        self._grant()

    def _admit(self, turn: Turn) -> None:
        if turn.asker != ENGINE:
            own = sum(one.asker.user == turn.asker.user for one in self._waiting)
            if own >= MOST_WAITING or len(self._waiting) >= MOST_WAITING_IN_ALL:
                whose = f"{own} requests of yours" if own >= MOST_WAITING else f"{len(self._waiting)} requests"
                raise Refused(ErrorCode.BUSY, f"{whose} wait for the planner", help="run the command again", status=503)
        self._waiting.append(turn)
        self._grant()

    async def _granted(self, turn: Turn) -> None:
        if turn.asker == ENGINE:
            await turn.granted
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await turn.granted
        except TimeoutError as error:
            message = f"the planner was busy for {PATIENCE_SECONDS:g} s"
            raise Refused(ErrorCode.BUSY, message, help="run the command again", status=503) from error

    def _grant(self) -> None:
        while len(self._held) < self._places and (turn := self._next()):
            self._waiting.remove(turn)
            self._held.append(turn)
            self._number += 1
            self._last = turn.asker
            for key in ((turn.asker.project,), (turn.asker.project, turn.asker.user)):
                self._served[key] = self._number
            if not turn.granted.done():
                turn.granted.set_result(None)
        if not self._held and not self._waiting:
            self._served.clear()

    def _next(self) -> Turn | None:
        most = max(1, self._places - 1)
        holding = Counter(turn.asker.user for turn in self._held if turn.asker != ENGINE)
        free = [turn for turn in self._waiting if turn.asker == ENGINE or holding[turn.asker.user] < most]
        return min(free, key=self._order, default=None)

    def _order(self, turn: Turn) -> tuple[bool, int, int]:
        """The engine first, except that after each of its turns one goes to a request that has waited for long."""
        asker, served = turn.asker, self._served.get
        overdue = self._last == ENGINE and _now() - turn.since > OVERDUE_SECONDS
        return (asker != ENGINE and not overdue, served((asker.project,), 0), served((asker.project, asker.user), 0))


def _now() -> float:
    return asyncio.get_running_loop().time()
