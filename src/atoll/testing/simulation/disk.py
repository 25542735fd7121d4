"""The disk that the replicas of a storm share: a folder, and the logs of jobs, which are kept in memory."""

from dataclasses import dataclass, field
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class ServerDisk:
    """`home` is the server's data folder, one for each storm."""

    home: Path
    logs: MemoryLogs = field(default_factory=MemoryLogs)
