"""The planner's place in the engine: a thread for the engine's own plans, worker processes for users' requests, and a
turn for the placing of earlier plans.

A plan for thousands of instances takes tenths of a second; in its thread it holds up neither answers nor leases. The
engine's plans are made one after the other, for two at once would only take turns at the interpreter. What users send
can take far longer, so it is read and planned in processes that have bounds and can be ended.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from atoll.engine.parts.computing import SECONDS, Computing
from atoll.engine.parts.turns import ENGINE, Asker, Turns
from atoll.planning.budget import ENGINES, USERS, Budget
from atoll.planning.plan import Plan
from atoll.planning.planner import Planner as Planning
from atoll.planning.request import Request
from atoll.planning.snapshot import Snapshot
from atoll.planning.waiting import answer

T = TypeVar("T")

HOLD_SECONDS = 2.0
"""How long a request may hold the turn to place; after that others place, which may make its plan worthless."""
STUCK_SECONDS = 30.0
"""A wait for a plan, or a plan of the engine's own, that lasts longer is reported."""


class Planner:
    """Computes plans. Only holders of a turn of `placing` place anything on this server.

    Whatever is placed makes the plans worthless that others made meanwhile, so they wait rather than plan in vain.
    Other servers do not wait: what they place is noticed when a plan is to be kept. Without worker processes, as in a
    simulation, everything is computed in the thread.
    """

    def __init__(self, computing: Computing | None = None) -> None:
        self.placing = Turns(1)
        self.computing = computing
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="planner")
        self._began: float | None = None

    async def plan(self, request: Request, snapshot: Snapshot, asker: Asker = ENGINE) -> Plan:
        """What `atoll.planning` answers. Raises Refused (`busy`, `too-much`) for a user's request.

        A plan of the engine's own has a larger budget: no one waits for it.
        """
        if asker != ENGINE:
            return await self.run(asker, planned, request, snapshot, USERS)
        self._began = asyncio.get_running_loop().time()
        try:
            return await self._in_thread(planned, request, snapshot, ENGINES)
        finally:
            self._began = None

    async def run(self, asker: Asker, work: Callable[..., T], *arguments: object, seconds: float = SECONDS) -> T:
        """Compute a function of a module for a user. Raises Refused: what it raises, `busy`, `too-much`."""
        if self.computing is None:
            return await self._in_thread(work, *arguments)
        return await self.computing.run(asker, work, *arguments, seconds=seconds)

    @asynccontextmanager
    async def brief_turn(self, asker: Asker) -> AsyncIterator[None]:
        """A turn to place for a user's request: it ends after `HOLD_SECONDS`, also where the request continues."""
        async with self.placing.turn(asker) as turn:
            end = asyncio.get_running_loop().call_later(HOLD_SECONDS, self.placing.end, turn)
            try:
                yield
            finally:
                end.cancel()

    def trouble(self) -> list[str]:
        """What is wrong now: plans that wait for long, and a plan of the engine's own that does not end."""
        found = []
        if self.computing is not None and self.computing.turns.longest_wait > STUCK_SECONDS:
            turns = self.computing.turns
            found.append(f"{turns.waiting} requests wait to be planned, the first for {turns.longest_wait:.0f} s")
        if self.placing.longest_wait > STUCK_SECONDS:
            found.append(f"{self.placing.waiting} wait to place, the first for {self.placing.longest_wait:.0f} s")
        if self.planning_seconds > STUCK_SECONDS:
            found.append(f"one plan of the server's own takes {self.planning_seconds:.0f} s so far")
        return found

    def measure(self) -> None:
        """Set the metrics of the waits for a plan."""
        if self.computing is not None:
            for what, turns in (("request", self.computing.turns), ("placing", self.placing)):
                self.computing.metrics.plans_waiting.labels(what).set(turns.waiting)
                self.computing.metrics.plans_age.labels(what).set(turns.longest_wait)

    @property
    def planning_seconds(self) -> float:
        """How long the present plan of the engine's own takes so far; 0 without one."""
        return 0.0 if self._began is None else asyncio.get_running_loop().time() - self._began

    async def start(self) -> None:
        """Prepare the worker processes."""
        if self.computing is not None:
            await self.computing.start()

    async def close(self) -> None:
        """Accept no more plans; a running one is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self.computing is not None:
            await self.computing.close()

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def planned(request: Request, snapshot: Snapshot, steps: float) -> Plan:
    """The plan of a request with a budget of `steps`; the function that a worker process computes."""
    return answer(request, snapshot, Planning(Budget(steps)))
