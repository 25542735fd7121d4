"""How long the engine waits for the machines of a backend."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """The times of one backend, in seconds; the defaults suit rented machines.

    `start_seconds` is how long a launch may be tried without success, and then how long a machine may take until its
    agent answers. `silent_seconds` is how long an agent may be silent on a machine that its backend reports as
    running, before the machine is ended. `sweep_seconds` is the pause between two listings of all its machines.
    `listing_seconds` is how long its zones and offers are used before they are listed again.
    `job_silence_seconds` is how long a job waits for its silent machine before it counts as lost; None: until the
    machine is ended. `notice_seconds` is how often the agent of a spot machine is called for notices of an
    interruption; None: the provider gives none.
    """

    start_seconds: float = 600
    silent_seconds: float = 300
    sweep_seconds: float = 20
    job_silence_seconds: float | None = None
    listing_seconds: float = 60
    notice_seconds: float | None = None
