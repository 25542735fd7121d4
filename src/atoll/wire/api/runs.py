"""Runs and their jobs."""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.zone import Zone
from atoll.wire.price import Price


@dataclass(frozen=True, slots=True)
class JobView:
    """One node's share of a run; `submission` counts its attempts from 0."""

    id: str
    rank: int
    submission: int
    status: str
    zone: Zone | None = None
    instance: str | None = None
    fleet: str | None = None
    instance_type: str | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PortView:
    """A port of a job, and the one of a user's computer that is to lead to it; None: any free one."""

    port: int
    local: int | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """A task, service or dev environment; `jobs` are the newest attempt of each rank.

    `attempts` are the newest of the earlier ones, the oldest first; only the answer for a single run has them.
    `ports` are those that its configuration names.
    """

    id: str
    name: str
    type: str
    status: str
    created_at: datetime
    price: Price
    jobs: tuple[JobView, ...] = ()
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None
    attempts: tuple[JobView, ...] = ()
    version: str = ""
    ports: tuple[PortView, ...] = ()


@dataclass(frozen=True, slots=True)
class StopRequest:
    """`abort` kills the run immediately, without a grace period; `version` is the displayed run's, empty for any."""

    abort: bool = False
    version: str = ""
