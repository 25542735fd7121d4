"""Looks at single instances: those that are wanted at the same time are one call, and a region gets few of them."""

import asyncio
import time
from typing import Any

from atoll.backends.aws.clients import Clients
from atoll.backends.base import BackendError, NotFound

FIRST_PAUSE, PAUSE, LONGEST_PAUSE = 0.05, 1.5, 5.0
"""Seconds that a look waits for others: at first, after a call to the same region, and after many of them."""
GROWTH = 1.25
"""By how much the pause grows with each call that follows another one: machines take a minute to start."""
QUIET_SECONDS = 15.0
"""After as long without a call the pause is short again."""
MOST = 100
"""Instances in one call. Source: EC2 API reference, `Filter`: at most 200 values."""


class Looks:
    """Describes instances by id."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._wanted: dict[str, dict[str, asyncio.Future[Any]]] = {}
        self._called: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def look(self, machine: str, region: str) -> Any:
        """The instance as EC2 describes it. Raises NotFound, and BackendError as other calls."""
        wanted = self._wanted.get(region)
        if wanted is None or len(wanted) >= MOST:
            wanted = self._wanted[region] = {}
            task = asyncio.create_task(self._answer(region, wanted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        answer = wanted.setdefault(machine, asyncio.get_running_loop().create_future())
        found = await asyncio.shield(answer)
        if found is None:
            raise NotFound(f"{region} has no instance {machine}")
        return found

    def close(self) -> None:
        """Stop the calls under way."""
        for task in self._tasks:
            task.cancel()

    async def _answer(self, region: str, wanted: dict[str, asyncio.Future[Any]]) -> None:
        """Wait for others, make the call, and answer all that waited."""
        since = time.monotonic() - self._called.get(region, -QUIET_SECONDS)
        pause = PAUSE if since > QUIET_SECONDS else self._pauses.get(region, PAUSE)
        self._pauses[region] = min(GROWTH * pause, LONGEST_PAUSE)
        await asyncio.sleep(max(FIRST_PAUSE, pause - since))
        if self._wanted.get(region) is wanted:
            del self._wanted[region]
        self._called[region] = time.monotonic()
        filters = [{"Name": "instance-id", "Values": list(wanted)}]
        try:
            reservations = await self._clients.pages(
                region, "ec2", "describe_instances", "Reservations", Filters=filters
            )
        except BackendError as error:
            for answer in wanted.values():
                answer.set_exception(error)
                answer.exception()  # a look that was given up has no reader
            return
        found = {each["InstanceId"]: each for reservation in reservations for each in reservation["Instances"]}
        for machine, answer in wanted.items():
            answer.set_result(found.get(machine))
