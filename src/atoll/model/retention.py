"""How long what is over is kept."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of history is kept after its end; None keeps it for ever.

    `logs` counts from the end of a job; `log_bytes` is the most that all logs take before those of the jobs that ended
    first go earlier. `runs` covers jobs, and earlier attempts of runs that go on; `resources` covers fleets, instances,
    volumes, attachments and closures of zones; `observations` what became of launches.
    """

    events: timedelta | None = timedelta(days=30)
    logs: timedelta | None = timedelta(days=30)
    log_bytes: int | None = None
    runs: timedelta | None = timedelta(days=90)
    resources: timedelta | None = timedelta(days=90)
    observations: timedelta | None = timedelta(days=90)

    @property
    def shortest(self) -> timedelta | None:
        """The shortest of the times; None where everything is kept."""
        times = (self.events, self.logs, self.runs, self.resources, self.observations)
        return min(filter(None, times), default=None)
