"""The HTTP protocol between the engine and an instance's agent.

    GET    /healthz                 -> Health
    GET    /jobs                    -> list[JobReport]
    PUT    /jobs/{id}               <- JobSubmission -> JobReport      idempotent by id
    GET    /jobs/{id}?wait=S        -> JobReport                       waits up to S seconds for a change of `phase`
    POST   /jobs/{id}/stop          <- JobStop -> JobReport            idempotent; may only shorten the grace
    GET    /archives/{digest}       -> ArchiveState
    PUT    /archives/{digest}?offset=N&end=1   <- bytes -> ArchiveState     adds what follows N; `end=1`: the last ones
    DELETE /jobs/{id}               -> 204                            forgets an exited job and its files
    GET    /jobs/{id}/logs?offset=N&limit=M&wait=S
                                    -> bytes of the log file from offset N; header `Atoll-Log-End: true` when the job
                                       has exited and nothing follows, `Atoll-Notice: true` when `Health` has a notice
    GET    /jobs/{id}/ports/{port}  -> 101, then the bytes of a connection to that port of 127.0.0.1 or ::1, both ways;
                                       needs `Connection: upgrade` and `Upgrade: atoll-stream`. 409 where nothing
                                       listens there, 410 when the job has exited

The log file has one line for each line (or part of a line) of output, in the format of the Kubernetes container
runtime interface: `2026-11-24T10:00:00.123456789Z stdout F text`; `P` instead of `F` marks a part of a longer line.
Offsets count bytes of that file. JSON bodies are the dataclasses below.

Agents run on Python 3.9 and newer, so this module and `logs` do too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class JobPhase(str, Enum):
    """The progress of a job on its instance."""

    __str__ = str.__str__

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"


@dataclass(frozen=True)
class Mount:
    """A volume for a job: `source` is the folder on the instance, `path` where the job expects it."""

    volume: str
    source: str
    path: str


@dataclass(frozen=True)
class MachineFolder:
    """A folder or file of the machine for a job: `source` on the machine, `path` where the job expects it.

    A missing one is made, as a folder; an `optional` one that is missing or cannot be shown is left out.
    """

    source: str
    path: str
    optional: bool = False


@dataclass(frozen=True)
class Share:
    """A job's part of a machine that it shares: CPUs, memory in GB, and the numbers of its GPUs, from 0.

    `gpu_vendor` is `nvidia`, `amd` or another one, empty without GPUs.
    """

    cpus: float
    memory_gb: float
    gpus: tuple[int, ...] = ()
    gpu_vendor: str = ""


@dataclass(frozen=True)
class Container:
    """The container of a job. It shares the machine's network and has all of its GPUs.

    With an `entrypoint` the job's commands are its arguments; without one they are run by the job's shell in the
    container, and without commands the image's own are run. `user` is a name or number, with `:GROUP` if needed;
    `shm_bytes` the size of /dev/shm; `username` and `password` sign in to the image's registry.
    """

    image: str
    entrypoint: tuple[str, ...] = ()
    user: str = ""
    privileged: bool = False
    shm_bytes: int | None = None
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class JobFile:
    """An archive that is unpacked before a job's commands: its digest, and where it goes.

    `path` is absolute, `~` or below it (the home folder of the machine's user), or relative to the job's own folder. A
    process sees one of the first two kinds there without anything being written to the machine.
    """

    digest: str
    path: str


@dataclass(frozen=True)
class ArchiveState:
    """How many bytes of an archive its agent has; all of them where it is `complete`."""

    digest: str
    bytes: int
    complete: bool


@dataclass(frozen=True)
class JobSubmission:
    """What to run. Each command is run in turn by one shell with `set -e`; `env` holds all variables of the job.

    `share` is the part of the machine that is the job's; None: the whole machine.
    """

    commands: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    shell: str = "/bin/sh"
    working_dir: str | None = None
    mounts: tuple[Mount, ...] = ()
    max_duration: float | None = None
    container: Container | None = None
    share: Share | None = None
    files: tuple[JobFile, ...] = ()
    folders: tuple[MachineFolder, ...] = ()


@dataclass(frozen=True)
class JobStop:
    """Stops a job: SIGTERM now, SIGKILL after `grace` seconds (0: at once)."""

    grace: float


@dataclass(frozen=True)
class JobReport:
    """One job as its agent sees it. `exit_code` is set once exited (128 + N where signal N ended it).

    `reason` is empty for a plain exit, else `stopped`, `max-duration-exceeded`, `start-failed` or `interrupted` (the
    machine or its supervisor was lost); `message` has details.
    """

    id: str
    phase: JobPhase
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    log_bytes: int = 0
    started_at: datetime | None = None
    exited_at: datetime | None = None


class NoticeKind(str, Enum):
    """What a provider says of a machine that it may take back."""

    __str__ = str.__str__

    INTERRUPTION = "interruption"
    REBALANCE = "rebalance"


@dataclass(frozen=True)
class Notice:
    """A provider's notice: `at` is when it takes the machine back, or when it recommended to replace it."""

    kind: NoticeKind
    at: datetime


@dataclass(frozen=True)
class Health:
    """The agent's own state. `mounts_at_path` says whether a volume can appear at its path on this machine."""

    instance: str
    version: str
    mounts_at_path: bool
    jobs_running: int
    jobs_exited: int = 0
    """Those whose files are still here; an agent of an older version reports none."""
    notice: Notice | None = None
