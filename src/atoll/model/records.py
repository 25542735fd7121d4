"""Atoll's records: fleets with instances, volumes with attachments, runs with jobs.

Frozen: a change makes a new value through the store, which checks the state machine and records the event. `config` is
the applied configuration, in the canonical form of `atoll.configuration`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from atoll.model.endpoint import Endpoint
from atoll.model.offer import Market
from atoll.model.resources import InstanceType
from atoll.model.states import (
    AttachmentState,
    ClosureState,
    FleetState,
    InstanceState,
    JobState,
    RunState,
    VolumeState,
)
from atoll.model.zone import Zone


class Kind(StrEnum):
    """The kinds of work items. A backend has no record: a sweep checks it as a whole."""

    FLEET = "fleet"
    INSTANCE = "instance"
    VOLUME = "volume"
    ATTACHMENT = "attachment"
    RUN = "run"
    JOB = "job"
    CLOSURE = "closure"
    BACKEND = "backend"
    RETENTION = "retention"


GAVE_UP = ":"
"""The `hold` of a fleet that has waited for as long as its configuration allows: no backend, and no configuration."""


REBALANCE = "rebalance"
"""What an instance leaves for that a rebalance of its fleet replaces."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A requested group of instances. `nodes` is their desired number now.

    `auto_created` marks a fleet that a run created and that is deleted after its instances. `hold` is set while no
    instance is launched because a provider refused the request itself: the backend and a digest of its configuration;
    or `GAVE_UP`.
    `early_failures` counts machines in a row that ended soon after their start, the newest at `failed_early_at`.
    `waiting_since` is when nodes that it lacks could first not be placed; None while all its nodes work.
    `rebalancing_until` is when a rebalance ends at the latest; None without one.
    """

    kind = Kind.FLEET
    id: str
    project: str
    name: str
    state: FleetState
    config: Mapping[str, Any]
    nodes: int
    created_at: datetime
    auto_created: bool = False
    message: str = ""
    hold: str = ""
    early_failures: int = 0
    failed_early_at: datetime | None = None
    waiting_since: datetime | None = None
    rebalancing_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One machine of a fleet; its id is the token and tag of its launch.

    A set `end_reason` means that it is to end, and why. `idle_since` is when its last job ended. `unreachable_since` is
    since when its agent has not answered: before its first answer, since the launch began or returned a machine.
    `started_at` is when its agent first answered. `endpoint` is where its
    agent answers. `address` is where other nodes reach it, `public_address` where it is reached from outside.
    An `outdated` instance no longer matches its fleet's configuration: it gets no new job, and ends when its successor
    is active. So does one with `leaving_for`, the id of the closure that empties its zone, or `REBALANCE`.
    """

    kind = Kind.INSTANCE
    id: str
    project: str
    fleet_id: str
    fleet: str
    node: int
    state: InstanceState
    zone: Zone
    instance_type: InstanceType
    market: Market
    price: float
    created_at: datetime
    backend_id: str | None = None
    endpoint: Endpoint | None = None
    end_reason: str = ""
    message: str = ""
    idle_since: datetime | None = None
    unreachable_since: datetime | None = None
    started_at: datetime | None = None
    address: str | None = None
    public_address: str | None = None
    outdated: bool = False
    leaving_for: str = ""

    @property
    def leaves(self) -> bool:
        """Whether another one is to take its place."""
        return self.outdated or bool(self.leaving_for)

    @property
    def name(self) -> str:
        """FLEET-NODE: what users see."""
        return f"{self.fleet}-{self.node}"

    @property
    def unreachable(self) -> bool:
        """Whether its agent has fallen silent, rather than not answered yet."""
        return self.state is InstanceState.ACTIVE and self.unreachable_since is not None


@dataclass(frozen=True, slots=True)
class Volume:
    """A network disk. `zone` is None until one is chosen; `deleting` is set once it is to end; `size_gb` in GB."""

    kind = Kind.VOLUME
    id: str
    project: str
    name: str
    state: VolumeState
    config: Mapping[str, Any]
    size_gb: float
    backend: str
    created_at: datetime
    zone: Zone | None = None
    backend_id: str | None = None
    end_reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """The attachment of a volume to an instance, for a job. `source` is its place on the instance."""

    kind = Kind.ATTACHMENT
    id: str
    project: str
    volume_id: str
    instance_id: str
    job_id: str
    name: str
    state: AttachmentState
    zone: Zone
    source: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A task, service or dev environment. `stop` is empty, `stop` or `abort`; `replaces` the run to end first.

    `hold`, `early_failures` and `failed_early_at` are as a fleet's, for its jobs and for machines of its own.
    """

    kind = Kind.RUN
    id: str
    project: str
    name: str
    type: str
    state: RunState
    config: Mapping[str, Any]
    created_at: datetime
    finished_at: datetime | None = None
    stop: str = ""
    replaces: str | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    hold: str = ""
    early_failures: int = 0
    failed_early_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt (`submission`) of one node (`rank`) of a run; its id is its id on the agent.

    `volumes` are the volumes chosen for its mounts, in their order; `stop` is empty, `stop` or `abort`. `log_deleted`
    says that its log was kept for as long as configured and is deleted.
    """

    kind = Kind.JOB
    id: str
    project: str
    run_id: str
    run: str
    rank: int
    submission: int
    state: JobState
    created_at: datetime
    instance_id: str | None = None
    zone: Zone | None = None
    volumes: tuple[str, ...] = field(default=())
    stop: str = ""
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    log_deleted: bool = False

    @property
    def name(self) -> str:
        """RUN/RANK: what users see."""
        return f"{self.run}/{self.rank}"


class ClosureKind(StrEnum):
    """What a closure does beside keeping new work out of the zone."""

    CORDON = "cordon"
    DRAIN = "drain"
    """Instances are replaced elsewhere before they end."""
    EVACUATE = "evacuate"
    """And what has not left by the deadline is stopped."""


@dataclass(frozen=True, slots=True)
class Closure:
    """A zone that an operator closed: it takes no new work until the closure ends, at `until` at the latest.

    It binds one project, or with `server_wide` all of them; its events belong to `project` in any case. `actor` is the
    user who closed the zone, `cause` the reason in that user's words. A drain began with `total` instances, of which
    `gone` are no longer there, and takes at most `max_unavailable` nodes from a fleet before their successors are
    active; `message` says what remains in the zone, and why. An evacuation stops what is left at its `deadline`.
    """

    kind = Kind.CLOSURE
    id: str
    project: str
    state: ClosureState
    zone: Zone
    actor: str
    created_at: datetime
    until: datetime
    server_wide: bool = False
    cause: str = ""
    ended_at: datetime | None = None
    message: str = ""
    operation: ClosureKind = ClosureKind.CORDON
    max_unavailable: int = 0
    total: int = 0
    gone: int = 0
    deadline: datetime | None = None

    @property
    def name(self) -> str:
        """The zone's name: what users see."""
        return str(self.zone)

    def binds(self, project: str) -> bool:
        """Whether the zone is closed for this project."""
        return self.server_wide or self.project == project


Record = Fleet | Instance | Volume | Attachment | Run | Job | Closure


class EventKind(StrEnum):
    """The subjects of events: the kinds of records, and what else a project's users change."""

    FLEET = "fleet"
    INSTANCE = "instance"
    VOLUME = "volume"
    ATTACHMENT = "attachment"
    RUN = "run"
    JOB = "job"
    CLOSURE = "closure"
    PROJECT = "project"
    MEMBER = "member"
    SECRET = "secret"  # noqa: S105 - a kind
    ZONE = "zone"


@dataclass(frozen=True, slots=True)
class Event:
    """One change, recorded together with it; `actor` is the user behind it, empty for the engine.

    For a user's request that the record's state does not show yet, `from_state` and `to_state` are the
    same, and `reason` is the request. A subject without states has no `from_state`, and `to_state` is the change.
    """

    seq: int
    time: datetime
    project: str
    kind: EventKind
    name: str
    subject: str
    from_state: str
    to_state: str
    zone: Zone | None = None
    reason: str = ""
    message: str = ""
    actor: str = ""
