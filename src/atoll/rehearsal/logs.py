"""The logs of jobs, kept in memory."""

from collections.abc import Sequence

from atoll.model.records import Job


class MemoryLogs:
    """As `atoll.engine.parts.log_storage.LogFiles`, without files."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def size(self, job: Job) -> int:
        """How many bytes are here already."""
        return len(self._kept.get(job.id, b""))

    async def append(self, job: Job, offset: int, data: bytes) -> None:
        """Add what followed `offset`; what is here already is not kept twice."""
        kept = self._kept.get(job.id, b"")
        self._kept[job.id] = kept + data[max(len(kept) - offset, 0) :]

    async def read(self, job: Job, offset: int, limit: int) -> bytes:
        """At most `limit` bytes from `offset`."""
        return self._kept.get(job.id, b"")[offset : offset + limit]

    async def delete(self, jobs: Sequence[Job]) -> None:
        """Delete the logs of jobs that are over."""
        for job in jobs:
            self._kept.pop(job.id, None)

    async def total(self) -> int:
        """How many bytes all logs take."""
        return sum(map(len, self._kept.values()))
