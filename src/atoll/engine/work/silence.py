"""Whether the silence of a machine's agent is the machine's fault.

When most machines of a backend are silent at the same time, the network between them and the server is down, or the
server itself is cut off: ending them would stop jobs that still run.
"""

import asyncio
from datetime import datetime, timedelta

from atoll.backends.base import Backend, BackendError
from atoll.engine.context import Context, machine_of
from atoll.engine.parts.provider_calls import in_time
from atoll.model.records import Instance
from atoll.wire.agent import Health, NoticeKind

SAMPLE = 20
"""The maximum number of a backend's other machines whose agents are called."""
FRESH_SECONDS = 5.0
"""How long one answer serves all silent machines of a backend."""


class Silence:
    """Samples the agents of a backend's active machines."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._locks: dict[str, asyncio.Lock] = {}
        self._looked_at: dict[str, datetime] = {}
        self._widespread_at: dict[str, datetime] = {}

    async def is_widespread(self, silent: Instance) -> bool:
        """Whether more than half of the backend's active machines are silent, or were within its `silent_seconds`.

        `silent` counts as one of them. A backend's only machine is judged by itself.
        """
        name = silent.zone.backend
        backend = self._context.backends.get(name)
        if backend is None:
            return True
        async with self._locks.setdefault(name, asyncio.Lock()):
            looked_at = self._looked_at.get(name)
            if looked_at is None or (self._context.now() - looked_at).total_seconds() > FRESH_SECONDS:
                if await self._most_are_silent(backend, silent):
                    self._widespread_at[name] = self._context.now()
                self._looked_at[name] = self._context.now()
        last = self._widespread_at.get(name)
        return last is not None and self._context.now() - last <= timedelta(seconds=backend.limits.silent_seconds)

    async def _most_are_silent(self, backend: Backend, silent: Instance) -> bool:
        async with self._context.database.read() as tx:
            active = await tx.fleets.active(silent.zone.backend)
        others = [instance for instance in active if instance.id != silent.id]
        sample = others[:: max(1, -(-len(others) // SAMPLE))]
        answers = await asyncio.gather(*(health_of(backend, instance) for instance in sample))
        return bool(sample) and 2 * (1 + answers.count(None)) > 1 + len(sample)


def interruption_in(health: Health | None) -> datetime | None:
    """When the provider takes the machine back, where its agent has notice of it."""
    notice = None if health is None else health.notice
    return None if notice is None or notice.kind is not NoticeKind.INTERRUPTION else notice.at


async def health_of(backend: Backend, instance: Instance) -> Health | None:
    """The state of the instance's agent; None where it does not answer."""
    try:
        return await in_time(backend.agent(machine_of(instance)).health())
    except BackendError:
        return None
