"""The planner's place in the engine: a thread of its own, and a turn for those who place what was planned.

A plan for thousands of instances takes tenths of a second; in its thread it holds up neither answers nor leases. Plans
are made one after the other, for two at once would only take turns at the interpreter.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from atoll.planning.budget import ENGINES, Budget
from atoll.planning.plan import Plan
from atoll.planning.planner import plan
from atoll.planning.request import Request
from atoll.planning.snapshot import Snapshot
from atoll.planning.waiting import answer

T = TypeVar("T")


class Planner:
    """Computes plans. The holder of its `turn` is the only task of this server that places anything.

    Whatever is placed makes the plans worthless that others made meanwhile, so they wait rather than plan in vain.
    Other servers do not wait: what they place is noticed when a plan is to be kept.
    """

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="planner")

    async def plan(self, request: Request, snapshot: Snapshot, steps: float = ENGINES) -> Plan:
        """What `atoll.planning` answers, with a budget of so many steps for all that is tried."""
        return await self.run(answer, request, snapshot, partial(plan, budget=Budget(steps)))

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Do what plans, in the planner's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def close(self) -> None:
        """Accept no more plans; a running one is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
