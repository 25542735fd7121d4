"""Logs of jobs in memory, which the replicas of a storm share as they share a disk."""

from pathlib import Path

from atoll.engine.logfiles import LogFiles
from atoll.model.records import Job


class MemoryLogs(LogFiles):
    """As `LogFiles`, without files."""

    def __init__(self) -> None:
        super().__init__(Path())
        self._kept: dict[str, bytes] = {}

    async def size(self, job: Job) -> int:
        """As `LogFiles.size`."""
        return len(self._kept.get(job.id, b""))

    async def append(self, job: Job, offset: int, data: bytes) -> None:
        """As `LogFiles.append`."""
        kept = self._kept.get(job.id, b"")
        self._kept[job.id] = kept + data[max(len(kept) - offset, 0) :]

    async def read(self, job: Job, offset: int, limit: int) -> bytes:
        """As `LogFiles.read`."""
        return self._kept.get(job.id, b"")[offset : offset + limit]
