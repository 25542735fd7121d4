"""What the engine calls of the agent of one machine, whatever backend the machine is of."""

from dataclasses import dataclass
from typing import Protocol

from atoll.tunnels.stream import Stream
from atoll.wire.agent import ArchiveState, Health, JobReport, JobSubmission


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of a job's log file (`atoll.wire.agent` has its format). `end` says that nothing follows.

    `notice` says that the agent's health has a notice of the provider.
    """

    data: bytes
    end: bool
    notice: bool = False


class AgentClient(Protocol):
    """Speaks with the agent of one machine. Calls are bounded in time, and may be repeated.

    All raise Unavailable when the agent cannot be reached or gives no usable answer, InvalidRequest when it refuses.
    """

    async def health(self) -> Health:
        """The agent's own state."""
        ...

    async def submit(self, job: str, submission: JobSubmission) -> JobReport:
        """Start a job; the same id again returns the job as it is, started once."""
        ...

    async def archive(self, digest: str) -> ArchiveState:
        """How much of an archive is on the machine."""
        ...

    async def send_archive(self, digest: str, offset: int, data: bytes, end: bool) -> ArchiveState:
        """Add to an archive what follows `offset`, at most `ARCHIVE_PART_BYTES`; `end` says that nothing follows."""
        ...

    async def state(self, job: str, wait: float = 0) -> JobReport:
        """The job as it is now, or after a change of its phase within `wait` seconds. Raises NotFound."""
        ...

    async def stop(self, job: str, grace: float) -> JobReport:
        """Ask the job to stop, firmly after `grace` seconds; nothing happens when it has exited. Raises NotFound."""
        ...

    async def jobs(self) -> list[JobReport]:
        """Every job that the agent knows."""
        ...

    async def forget(self, job: str) -> None:
        """Remove an exited job and its files; succeeds when it is unknown."""
        ...

    async def logs(self, job: str, offset: int = 0, limit: int = 1 << 20, wait: float = 0) -> LogChunk:
        """At most `limit` bytes of the log from `offset`; waits up to `wait` seconds for some. Raises NotFound."""
        ...

    async def open_port(self, job: str, port: int) -> Stream:
        """A stream to a port that the job listens on, on the machine's own loopback; the caller closes it.

        Raises NotFound, and InvalidRequest where the job has exited or nothing listens there.
        """
        ...
