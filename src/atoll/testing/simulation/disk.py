"""The disk that the replicas of a storm share: a folder, and the logs of jobs, which are kept in memory."""

from dataclasses import dataclass, field
from pathlib import Path

from atoll.configuration.types.disruption import Disruption
from atoll.model.retention import Retention
from atoll.rehearsal.logs import MemoryLogs


@dataclass(frozen=True, slots=True)
class ServerDisk:
    """`home` is the server's data folder, one for each storm; `retention` and `disruption` are its configuration."""

    home: Path
    logs: MemoryLogs = field(default_factory=MemoryLogs)
    retention: Retention = Retention()
    disruption: Disruption | None = None
