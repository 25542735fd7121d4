"""The shapes of the server's HTTP API, shared by the server and its clients.

All paths but the first need `Authorization: Bearer TOKEN`. P is a project's name, `main` by default.

    GET    /healthz                                    -> Healthz
    GET    /api/status                                 -> ServerStatus
    GET    /api/orphans                                -> list[OrphanView]
    DELETE /api/orphans                                <- list[OrphanView] -> list[OrphanView]    the deleted ones
    POST   /api/projects/P/plan                        <- Submission -> PlanResponse
    POST   /api/projects/P/plan/snapshot               <- Submission -> PlanResponse on one line, then a snapshot file
    POST   /api/projects/P/replay                      <- Submission on one line, then a snapshot file -> PlanResponse
    POST   /api/projects/P/apply                       <- Submission -> ApplyResponse      (409 files-missing)
    POST   /api/projects/P/archives/missing            <- WantedArchives -> list[str]      digests that are not stored
    PUT    /api/projects/P/archives/DIGEST             <- bytes of a tar file -> ArchiveView
    GET    /api/projects/P/fleets[/NAME]               -> list[FleetView] | FleetView
    DELETE /api/projects/P/fleets/NAME[?version=V&nodes=N]   -> FleetView      (409 fleet-busy)
    GET    /api/projects/P/instances                   -> list[InstanceView]
    GET    /api/projects/P/volumes[/NAME]              -> list[VolumeView] | VolumeView
    DELETE /api/projects/P/volumes/NAME[?version=V]    -> VolumeView          (409 volume-attached)
    GET    /api/projects/P/runs[/NAME][?all=1&newest=1] -> list[RunView] | RunView     `newest` begins with the newest
    POST   /api/projects/P/runs/NAME/stop              <- StopRequest -> RunView
    GET    /api/projects/P/runs/NAME/jobs/RANK/ports/PORT -> 101 and the bytes of a connection (`atoll.wire.streams`)
    DELETE /api/projects/P/runs/NAME[?version=V]       -> RunView             (409 run-active)
    GET    /api/projects/P/runs/NAME/logs?job=0&offset=N&wait=S
                                                       -> bytes, the log file from offset N, in the format of
                                                          `atoll.wire.agent`; header `Atoll-Log-End: true` at its end,
                                                          `Atoll-Log-Submission: K` which attempt of the job it is of
    GET    /api/projects/P/configurations/fleet|volume|run/NAME -> ConfigurationView  as it was applied, without secrets
    GET    /api/projects/P/events?after=SEQ&wait=S&limit=N&last=N&<EventQuery's fields>
                                                       -> list[EventView]     `last` gives the newest N
    GET    /api/projects/P/zones[/BACKEND/REGION[/ZONE]] -> list[ZoneView] | ZoneView
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

from atoll.wire.api.archives import (
    ARCHIVE_BYTES,
    ARCHIVE_MEMBERS,
    DIGEST_PATTERN,
    ArchiveView,
    PackedFiles,
    WantedArchives,
)
from atoll.wire.api.changes import (
    ApplyResponse,
    Change,
    ChangeAction,
    FieldChange,
    PlanResponse,
    SourceFile,
    Submission,
)
from atoll.wire.api.configurations import ConfigurationView
from atoll.wire.api.errors import Problem
from atoll.wire.api.events import EventQuery, EventView
from atoll.wire.api.fleets import ON_HOLD, FleetView, InstanceView
from atoll.wire.api.offers import OfferGroup, OfferQuery, OfferView
from atoll.wire.api.plans import (
    PlannedCure,
    PlannedDocument,
    PlannedNode,
    PlannedRefusal,
    PlannedShortfall,
    PlanView,
    RefusalScope,
    Removal,
)
from atoll.wire.api.runs import JobView, PortView, RunView, StopRequest
from atoll.wire.api.status import (
    BackendStatus,
    DiskTroubleView,
    DiskUse,
    Healthz,
    OpenCircuit,
    OrphanView,
    ServerStatus,
)
from atoll.wire.api.volumes import VolumeView
from atoll.wire.api.zones import ObservedView, ZoneView

__all__ = [
    "ARCHIVE_BYTES",
    "ARCHIVE_MEMBERS",
    "DIGEST_PATTERN",
    "NEXT",
    "ON_HOLD",
    "ApplyResponse",
    "ArchiveView",
    "BackendStatus",
    "Change",
    "ChangeAction",
    "ConfigurationView",
    "DiskTroubleView",
    "DiskUse",
    "EventQuery",
    "EventView",
    "FieldChange",
    "FleetView",
    "Healthz",
    "InstanceView",
    "JobView",
    "ObservedView",
    "OfferGroup",
    "OfferQuery",
    "OfferView",
    "OpenCircuit",
    "OrphanView",
    "PackedFiles",
    "PlanResponse",
    "PlanView",
    "PlannedCure",
    "PlannedDocument",
    "PlannedNode",
    "PlannedRefusal",
    "PlannedShortfall",
    "PortView",
    "Problem",
    "RefusalScope",
    "Removal",
    "RunView",
    "ServerStatus",
    "SourceFile",
    "StopRequest",
    "Submission",
    "VolumeView",
    "WantedArchives",
    "ZoneView",
]

NEXT = "Atoll-Next"
"""The header of a list with a next page: the value for `after`."""
