"""The shapes of the server's HTTP API, shared by the server and its clients.

All paths but the first need `Authorization: Bearer TOKEN`. P is a project's name, `main` by default.

    GET    /healthz                                    -> Healthz
    GET    /api/status                                 -> ServerStatus
    GET    /api/orphans                                -> list[OrphanView]
    DELETE /api/orphans                                <- list[OrphanView] -> list[OrphanView]    the deleted ones
    POST   /api/projects/P/plan                        <- Submission -> PlanResponse
    POST   /api/projects/P/plan/snapshot               <- Submission -> PlanResponse on one line, then a snapshot file
    POST   /api/projects/P/replay                      <- Submission on one line, then a snapshot file -> PlanResponse
    POST   /api/projects/P/apply                       <- Submission -> ApplyResponse
    GET    /api/projects/P/fleets[/NAME]               -> list[FleetView] | FleetView
    DELETE /api/projects/P/fleets/NAME[?version=V&nodes=N]   -> FleetView      (409 fleet-busy)
    GET    /api/projects/P/instances                   -> list[InstanceView]
    GET    /api/projects/P/volumes[/NAME]              -> list[VolumeView] | VolumeView
    DELETE /api/projects/P/volumes/NAME[?version=V]    -> VolumeView          (409 volume-attached)
    GET    /api/projects/P/runs[/NAME][?all=1]         -> list[RunView] | RunView
    POST   /api/projects/P/runs/NAME/stop              <- StopRequest -> RunView
    DELETE /api/projects/P/runs/NAME[?version=V]       -> RunView             (409 run-active)
    GET    /api/projects/P/runs/NAME/logs?job=0&offset=N&wait=S
                                                       -> bytes, the log file from offset N, in the format of
                                                          `atoll.wire.agent`; header `Atoll-Log-End: true` at its end,
                                                          `Atoll-Log-Submission: K` which attempt of the job it is of
    GET    /api/projects/P/events?after=SEQ&wait=S&limit=N&kind=K&name=NAME&last=N
                                                       -> list[EventView]     `last` gives the newest N
    GET    /api/projects/P/zones[/BACKEND/REGION/ZONE] -> list[ZoneView] | ZoneView
    POST   /api/projects/P/zones/BACKEND/REGION/ZONE/fail|restore -> ZoneView
    GET    /api/projects/P/offers?<OfferQuery's fields> -> list[OfferView]
    GET    /api/projects/P/offers/by/zone|region|type|gpu?<likewise> -> list[OfferGroup]

`wait` is a long poll: the response comes with the first new data, or after that many seconds (at most 30) with what
there is. Lists of fleets, instances, volumes and runs are paged: `limit` (300 by default, at most 1,000) and
`after`, an id; when more follows, the header `Atoll-Next` holds the next `after`. A page of fleets ends earlier
when they have more than 300 instances, after at least one fleet. The answer for a single fleet, volume or run has its
`version`: a request that names it is refused (409 `changed-since-shown`) once the record is another one or its
configuration has changed; `nodes` likewise refuses a fleet that has grown beyond it. Users and rights are in `access`.
An error is a `Problem` with a 4xx or 5xx status. Times are ISO 8601 in UTC; prices USD an hour; sizes GB.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from atoll.model.diagnostic import Diagnostic
from atoll.model.zone import Capacity, Zone, ZoneState

NEXT = "Atoll-Next"
"""The header of a list with a next page: the value for `after`."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was refused. `code` is stable; `diagnostics` point into submitted files."""

    code: str
    message: str
    help: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Healthz:
    """The server is up; its version."""

    status: str
    version: str


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """Calls paused after repeated failures, until a time; `region` is empty for calls without a region."""

    region: str
    until: datetime
    message: str


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """One configured backend: the time of its last listing, its last error, and its paused calls."""

    name: str
    zones: int
    offers: int
    as_of: datetime | None
    error: str = ""
    circuits: tuple[OpenCircuit, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The content of `atoll server status`."""

    version: str
    pid: int
    address: str
    database: str
    started_at: datetime
    backends: tuple[BackendStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class OrphanView:
    """A resource on a backend with this installation's tag that belongs to no record. `kind` is instance or
    volume, `token` the id of the record that it was created for."""

    kind: str
    zone: Zone
    backend_id: str
    token: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A configuration file as the user wrote it; `name` as the user named it, for diagnostics."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Submission:
    """Files to plan or apply together.

    `environment` holds the values of variables that the files name without a value; `profiles` the text of a profiles
    file; `rerun` starts a finished task again although its file did not change. `name` replaces the name of the only
    run, or else of the only document; `variables` are set in all runs, whatever the files say, and have their values
    in `environment`. `basis` is that of the plan that was shown: an apply with another one is refused (409
    `changed-since-plan`); empty: applied unconditionally.
    """

    files: tuple[SourceFile, ...]
    environment: dict[str, str] = field(default_factory=dict)
    profiles: SourceFile | None = None
    profile: str | None = None
    rerun: bool = False
    basis: str = ""
    name: str | None = None
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """Where one node of a document goes. `source` is new, existing (`instance` is its name) or planned (`fleet_node` of
    `fleet`). `zone` is empty where the backend has regions only."""

    document: str
    node: int
    backend: str
    region: str
    zone: str
    zone_id: str | None
    instance_type: str
    cpus: float
    memory_gb: float
    gpu: str
    market: str
    price: float
    source: str
    instance: str | None = None
    fleet: str | None = None
    fleet_node: int | None = None
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusalScope:
    """What a refusal is about: a zone, or only one instance type or market in it."""

    backend: str
    region: str
    zone: str
    zone_id: str | None = None
    instance_type: str | None = None
    market: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedRefusal:
    """Why a zone, or `count` offers in it, are not used: the code with its facts, and the sentence made from them."""

    scope: RefusalScope
    code: str
    data: dict[str, Scalar | tuple[str, ...]]
    message: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class PlannedCure:
    """A change that makes a document fit in `zones`, from `price`: set `requirement` to `value`, or drop it (null)."""

    requirement: str
    value: Scalar | tuple[str, ...]
    zones: tuple[str, ...]
    price: float
    message: str


@dataclass(frozen=True, slots=True)
class PlannedShortfall:
    """Why a document cannot be placed, and what would cure it.

    One that `waits` is accepted, and placed later.
    """

    wanted: int
    placed: int
    code: str
    data: dict[str, Scalar | tuple[str, ...]]
    message: str
    cures: tuple[PlannedCure, ...] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """An instance to be removed from a fleet: FLEET-NODE, its zone, whether a job is on it, and its id.

    An `outdated` one is not what the new configuration asks for: another one takes its place."""

    instance: str
    zone: Zone
    busy: bool = False
    id: str = ""
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """The plan of one fleet, run or volume. `refusals` holds one for each zone not used, the nearest miss first;
    `offers` counts the refused offers by zone and code. `zone` is a volume's; `price` USD an hour for what is new;
    `removals` are the instances that a fleet loses, in their order: when the new ones work, or with `replaced_first`
    the outdated ones before."""

    kind: str
    name: str
    nodes: tuple[PlannedNode, ...] = ()
    zone: Zone | None = None
    refusals: tuple[PlannedRefusal, ...] = ()
    offers: tuple[PlannedRefusal, ...] = ()
    shortfall: PlannedShortfall | None = None
    price: float = 0
    traffic: float = 0
    notes: tuple[str, ...] = ()
    removals: tuple[Removal, ...] = ()
    replaced_first: bool = False


@dataclass(frozen=True, slots=True)
class PlanView:
    """The whole plan. `complete` is False when any document has a shortfall; `proven` when the budget
    ended the search with the best that it had found, and `note` says how good that is; `price` is USD an hour for all
    that is new."""

    documents: tuple[PlannedDocument, ...]
    price: float
    complete: bool
    proven: bool = True
    gap: float | None = 0
    note: str = ""


class ChangeAction(StrEnum):
    """The effect of applying a document."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    RERUN = "rerun"
    RETRY = "retry"
    """Creates again what a provider refused to create."""
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One key that differs: its old and new value as text (empty: absent), and whether it changes in place."""

    key: str
    old: str
    new: str
    in_place: bool


@dataclass(frozen=True, slots=True)
class Change:
    """The effect of applying one document.

    `type` is the document's type (fleet, volume, task, …), `id` that of the record that it changes (null: there is none
    yet); `ending` are the ids of the instances that end with a fleet that is replaced.
    """

    type: str
    kind: str
    name: str
    action: ChangeAction
    fields: tuple[FieldChange, ...] = ()
    id: str | None = None
    ending: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanResponse:
    """A dry run: the changes, the placements, and errors and warnings.

    `default_profile` is the profile that runs took keys from without naming it. `basis` stands for what the changes
    start from: the ids and configurations of the records, or their absence.
    """

    changes: tuple[Change, ...]
    plan: PlanView
    diagnostics: tuple[Diagnostic, ...] = ()
    default_profile: str | None = None
    basis: str = ""


@dataclass(frozen=True, slots=True)
class ApplyResponse:
    """The accepted changes. Work continues after the response; `event` is the newest event before, to follow from."""

    changes: tuple[Change, ...]
    plan: PlanView
    event: int
    diagnostics: tuple[Diagnostic, ...] = ()


ON_HOLD = "on-hold"
"""The status of a fleet or run that launches nothing because a provider refused the request itself."""


@dataclass(slots=True)
class InstanceView:
    """One machine of a fleet. `name` is FLEET-NODE; `runs` what it is busy with; `unreachable_since` is since when the
    agent of an active one has not answered.

    Not frozen: lists have thousands, and a frozen one takes four times as long to create.
    """

    id: str
    name: str
    fleet: str
    node: int
    status: str
    zone: Zone
    instance_type: str
    cpus: float
    memory_gb: float
    gpu: str
    market: str
    price: float
    created_at: datetime
    runs: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    backend_id: str | None = None
    reason: str = ""
    message: str = ""
    unreachable_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class FleetView:
    """A fleet with its instances.

    `nodes` is the requested number, `spare` how many there are beyond it so that enough survive a lost zone, `surplus`
    how many are about to go. `skew` is
    the largest difference of counts between eligible zones, where a zone without nodes counts 0; `note` says why it is
    over its limit, and which of the fleet's zones take no new work.
    """

    id: str
    name: str
    status: str
    nodes: int
    strategy: str
    skew: int
    price: float
    created_at: datetime
    auto_created: bool
    instances: tuple[InstanceView, ...] = ()
    message: str = ""
    spare: int = 0
    surplus: int = 0
    note: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class VolumeView:
    """A volume. `zone` is None until one is chosen; `attached_to` names instances."""

    id: str
    name: str
    status: str
    size_gb: float
    backend: str
    zone: Zone | None
    created_at: datetime
    attached_to: tuple[str, ...] = ()
    backend_id: str | None = None
    binding: str = "immediate"
    price: float = 0
    message: str = ""
    version: str = ""


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
class RunView:
    """A task, service or dev environment; `jobs` are the newest attempt of each rank.

    `attempts` are the newest of the earlier ones, the oldest first; only the answer for a single run has them.
    """

    id: str
    name: str
    type: str
    status: str
    created_at: datetime
    price: float
    jobs: tuple[JobView, ...] = ()
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None
    attempts: tuple[JobView, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """`abort` kills the run immediately, without a grace period; `version` is the displayed run's, empty for any."""

    abort: bool = False
    version: str = ""


@dataclass(frozen=True, slots=True)
class EventView:
    """One change. `seq` grows in the order of recording; `actor` is the user that made it, empty for what
    the engine did by itself. Where both states are the same, `reason` is the user's request."""

    seq: int
    time: datetime
    kind: str
    name: str
    from_state: str
    to_state: str
    zone: Zone | None = None
    reason: str = ""
    message: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class ZoneView:
    """A zone and its contents.

    `capacity` is 0 for what has no declared limit; `faults` says that an outage of the zone can be simulated.
    """

    zone: Zone
    state: ZoneState
    as_of: datetime
    reason: str = ""
    until: datetime | None = None
    capacity: Capacity | None = None
    used: Capacity = field(default_factory=Capacity)
    instances: int = 0
    volumes: int = 0
    offers: int = 0
    faults: bool = False


@dataclass(frozen=True, slots=True)
class OfferQuery:
    """The filters of `atoll offer`; texts in the forms of configuration files (`4..8`, `16GB..`, `H100:8`).

    `spot` is a `spot_policy`; without it every market matches. `limit` is the maximum number of offers.
    """

    cpu: str | None = None
    memory: str | None = None
    gpu: str | None = None
    backend: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    zone: tuple[str, ...] = ()
    instance_type: tuple[str, ...] = ()
    spot: str | None = None
    max_price: float | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class OfferView:
    """One offer, cheapest first. `code` and `message` say why it is unavailable now, both empty if it is available."""

    zone: Zone
    instance_type: str
    cpus: float
    memory_gb: float
    gpu: str
    market: str
    price: float
    availability: str
    message: str = ""
    code: str = ""
    count: int | None = None


@dataclass(frozen=True, slots=True)
class OfferGroup:
    """The offers that share a zone, a region, an instance type or a kind of GPU, which is `name`.

    `backend` is the one that has them, or empty where several have. `available` of `offers` are available now, from
    `price` USD an hour (null when none can), cheapest as `instance_type` in `zone`.
    """

    name: str
    backend: str
    offers: int
    available: int
    zones: int
    price: float | None = None
    instance_type: str = ""
    zone: Zone | None = None
    market: str = ""
