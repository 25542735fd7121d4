"""The logs of jobs, one append-only file each, in the format of `atoll.wire.agent`.

The file's size is the offset up to which the agent's log was fetched: there is nothing else to record, and nothing to
get out of step with.
"""

from pathlib import Path

from atoll.model.records import Job


class LogFiles:
    """Log files under one folder, a sub-folder for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, job: Job) -> Path:
        """The job's log file, which need not exist yet."""
        return self._folder / job.run_id / f"{job.id}.log"

    def size(self, job: Job) -> int:
        """How many bytes are here already."""
        try:
            return self.path(job).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, job: Job, offset: int, data: bytes) -> None:
        """Add what followed `offset`; what is here already is not written twice."""
        path = self.path(job)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = data[max(self.size(job) - offset, 0) :]
        with path.open("ab") as file:
            file.write(data)

    def read(self, job: Job, offset: int, limit: int) -> bytes:
        """At most `limit` bytes from `offset`; empty past the end."""
        try:
            with self.path(job).open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return b""
