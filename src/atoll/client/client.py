"""The client: one method for each route of `atoll.wire.api`, each with its answer's type.

Used by every command, and by programs that drive Atoll. Safe to use from several threads. Only reading is tried again
when a connection fails: a change that was sent may have been accepted.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import urlencode

import msgspec

from atoll.client import transport
from atoll.client.answers import decoded, problem_of
from atoll.client.errors import ApiError, NoServer, ServerGone
from atoll.client.paths import fields_of, joined, shown
from atoll.model.access import Role
from atoll.model.zone import Zone
from atoll.wire.access import (
    IssuedToken,
    MemberRole,
    MemberView,
    NewProject,
    NewToken,
    NewUser,
    ProjectView,
    SecretValue,
    SecretView,
    TokenView,
    UserView,
    WebCode,
)
from atoll.wire.api import (
    NEXT,
    ApplyResponse,
    ArchiveView,
    ConfigurationView,
    EventQuery,
    EventView,
    FleetView,
    Healthz,
    InstanceView,
    OfferGroup,
    OfferQuery,
    OfferView,
    OrphanView,
    PlanResponse,
    PlanView,
    RunView,
    ServerStatus,
    StopRequest,
    Submission,
    VolumeView,
    WantedArchives,
    ZoneView,
)
from atoll.wire.closures import ClosurePreview, ClosureView, NewClosure
from atoll.wire.rebalance import NewRebalance, RebalanceView
from atoll.wire.rehearsal import NewRehearsal, RehearsalView
from atoll.wire.whatif import WhatIf, WhatIfView

if TYPE_CHECKING:
    from atoll.client.streams import Stream

T = TypeVar("T")

Query = Mapping[str, Any]
ALL_EVENTS = EventQuery()
RETRY_PAUSES = (0.05, 0.2, 0.5)
"""Seconds between two attempts of a read."""
REPLAY_SECONDS = 120.0
"""Time limit in seconds of a plan from a snapshot file, which is read and checked as a whole."""
SENDING_SECONDS = 120.0
"""How long the server may take to store an archive."""
REHEARSAL_SECONDS = 60.0
"""How long one rehearsal may take."""
LONGEST_PAGE = 1000
"""The most items that a server sends in one page."""


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Bytes of the log file of attempt `submission` of a job; `end` says that nothing follows."""

    data: bytes
    end: bool
    submission: int


class Client:
    """Calls one server, for one project.

    `address` is `unix:/path` or `http://host:port`; `timeout` in seconds bounds every call, long polls get their `wait`
    on top. Every method raises ApiError when the server refuses and ServerGone when it does not answer.
    """

    def __init__(self, address: str, token: str, project: str = "main", *, timeout: float = 30) -> None:
        self.address = address
        self.project = project
        self._token = token
        self._timeout = timeout

    def of_project(self, name: str) -> "Client":
        """A client of the same server for another project."""
        return Client(self.address, self._token, name, timeout=self._timeout)

    # The server

    def healthz(self) -> Healthz:
        """The health and version of the server, without retries."""
        response = self._exchange("GET", "/healthz", None, self._timeout)
        return decoded(response, Healthz)

    def status(self) -> ServerStatus:
        """The server's status, as `atoll server status` shows it."""
        return self._get("/api/status", ServerStatus, "asking for its status")

    def web_code(self) -> WebCode:
        """A single-use code for the web page, and the page's address."""
        return self._send("POST", "/web/codes", WebCode, "opening the web page")

    def orphans(self) -> list[OrphanView]:
        """Resources on the backends that belong to no record."""
        return self._get("/api/orphans", list[OrphanView], "looking for orphans")

    def end_orphans(self, shown: Sequence[OrphanView]) -> list[OrphanView]:
        """Delete those of `shown` that still belong to no record, disks with their data; returns the deleted ones."""
        return self._send("DELETE", "/api/orphans", list[OrphanView], "deleting orphans", list(shown))

    # Configurations

    def plan(self, submission: Submission) -> PlanResponse:
        """What applying would change, and every placement."""
        return self._send("POST", self._path("plan"), PlanResponse, "planning", submission)

    def plan_and_save(self, submission: Submission) -> tuple[PlanResponse, bytes]:
        """The plan, and the content of a snapshot file of its input."""
        response = self._exchange(
            "POST", self._path("plan", "snapshot"), msgspec.json.encode(submission), self._timeout, "planning"
        )
        line, _, snapshot = response.body.partition(b"\n")
        return decoded(replace(response, body=line), PlanResponse), snapshot

    def replay(self, submission: Submission, snapshot: BinaryIO, size: int) -> PlanResponse:
        """The plan from a snapshot file of `size` bytes, which is sent as it is read."""
        line = msgspec.json.encode(submission) + b"\n"
        body = transport.in_parts(line, snapshot, size)
        timeout = max(self._timeout, REPLAY_SECONDS)
        response = self._exchange("POST", self._path("replay"), body, timeout, "planning", len(line) + size)
        return decoded(response, PlanResponse)

    def apply(self, submission: Submission) -> ApplyResponse:
        """Submit the files as the desired state; work continues after the response."""
        return self._send("POST", self._path("apply"), ApplyResponse, "applying", submission)

    def missing_archives(self, digests: Sequence[str]) -> list[str]:
        """Those of the digests whose archives the server lacks; it keeps the others for another hour at least."""
        wanted = WantedArchives(tuple(digests))
        return self._send("POST", self._path("archives", "missing"), list[str], "sending files", wanted)

    def send_archive(self, digest: str, file: BinaryIO, size: int) -> ArchiveView:
        """Store an archive of `size` bytes, which is sent as it is read."""
        body, timeout = transport.in_parts(b"", file, size), max(self._timeout, SENDING_SECONDS)
        response = self._exchange("PUT", self._path("archives", digest), body, timeout, "sending files", size)
        return decoded(response, ArchiveView)

    def configuration(self, kind: str, name: str) -> ConfigurationView:
        """The configuration of a `fleet`, `volume` or `run`, as it was applied last, without secrets."""
        return self._get(self._path("configurations", kind, name), ConfigurationView, f"reading {kind} {name}")

    def why(self, kind: str, name: str) -> PlanView:
        """Why a `fleet`, `volume` or `run` is where it is, or waits: its plan as of now, as if it had no place yet."""
        return self._get(self._path("why", kind, name), PlanView, f"explaining {kind} {name}")

    # Fleets, instances and volumes

    def fleets(self) -> list[FleetView]:
        """All fleets, with their instances."""
        return self._pages(self._path("fleets"), FleetView, "listing fleets")

    def fleet(self, name: str) -> FleetView:
        """One fleet."""
        return self._get(self._path("fleets", name), FleetView, f"reading fleet {name}")

    def retry_fleet(self, name: str) -> FleetView:
        """Retry a fleet that waits or is on hold now."""
        return self._send("POST", self._path("fleets", name, "retry"), FleetView, f"retrying fleet {name}")

    def preview_rebalance(self, name: str, wanted: NewRebalance) -> RebalanceView:
        """What a rebalance of a fleet would do; nothing changes."""
        path = self._path("fleets", name, "rebalance", "preview")
        return self._send("POST", path, RebalanceView, f"previewing fleet {name}", wanted)

    def rebalance(self, name: str, wanted: NewRebalance) -> RebalanceView:
        """Rebalance a fleet; 409 `changed-since-shown` where other nodes would move than are agreed."""
        path = self._path("fleets", name, "rebalance")
        return self._send("POST", path, RebalanceView, f"rebalancing fleet {name}", wanted)

    def stop_rebalance(self, name: str) -> FleetView:
        """End a fleet's rebalance: what has not left stays."""
        return self._send("DELETE", self._path("fleets", name, "rebalance"), FleetView, f"reading fleet {name}")

    def delete_fleet(self, name: str, version: str = "", nodes: int | None = None) -> FleetView:
        """Delete a fleet; 409 `fleet-busy` while runs use it, 409 `changed-since-shown` if it changed."""
        path = self._path("fleets", name) + shown(version=version, nodes=nodes)
        return self._send("DELETE", path, FleetView, f"deleting fleet {name}")

    def instances(self) -> list[InstanceView]:
        """The instances of all fleets."""
        return self._pages(self._path("instances"), InstanceView, "listing instances")

    def volumes(self) -> list[VolumeView]:
        """All volumes."""
        return self._pages(self._path("volumes"), VolumeView, "listing volumes")

    def volume(self, name: str) -> VolumeView:
        """One volume."""
        return self._get(self._path("volumes", name), VolumeView, f"reading volume {name}")

    def delete_volume(self, name: str, version: str = "") -> VolumeView:
        """Delete a volume and its data; 409 `volume-attached` while in use, 409 `changed-since-shown` if it changed."""
        path = self._path("volumes", name) + shown(version=version)
        return self._send("DELETE", path, VolumeView, f"deleting volume {name}")

    # Runs

    def runs(self, *, all: bool = False) -> list[RunView]:
        """The runs that are not finished, or all."""
        return self._pages(self._path("runs"), RunView, "listing runs", {"all": 1} if all else {})

    def newest_runs(self, limit: int, before: str | None = None) -> tuple[list[RunView], bool]:
        """The newest `limit` runs, finished or not, and whether older ones follow; the oldest of them first.

        `before` is the id of a run: only runs that are older than it.
        """
        found: list[RunView] = []
        while True:
            size = min(limit - len(found), LONGEST_PAGE)
            query = {"all": 1, "newest": 1, "after": before, "limit": size}
            response = self._read(self._path("runs"), "listing runs", query)
            found += decoded(response, list[RunView])
            before = response.headers.get(NEXT.lower())
            if before is None or len(found) >= limit:
                return found[::-1], before is not None

    def run(self, name: str) -> RunView:
        """One run."""
        return self._get(self._path("runs", name), RunView, f"reading run {name}")

    def stop_run(self, name: str, *, abort: bool = False, version: str = "") -> RunView:
        """Stop a run; `abort` kills it without a grace period; 409 `changed-since-shown` for another version."""
        request = StopRequest(abort, version)
        return self._send("POST", self._path("runs", name, "stop"), RunView, f"stopping run {name}", request)

    def retry_run(self, name: str) -> RunView:
        """Retry a run that waits or is on hold now."""
        return self._send("POST", self._path("runs", name, "retry"), RunView, f"retrying run {name}")

    def delete_run(self, name: str, version: str = "") -> RunView:
        """Remove a finished run from the lists; 409 `run-active` before, `changed-since-shown` for another version."""
        path = self._path("runs", name) + shown(version=version)
        return self._send("DELETE", path, RunView, f"deleting run {name}")

    def logs(
        self, name: str, *, job: int = 0, attempt: int | None = None, offset: int = 0, wait: float = 0
    ) -> LogChunk:
        """The log file of one job from byte `offset`; waits up to `wait` seconds for more.

        `attempt` counts from 1; None is the newest.
        """
        query = {"job": job, "attempt": attempt, "offset": offset, "wait": wait}
        path = self._path("runs", name, "logs")
        response = self._read(path, f"reading the log of run {name}", query)
        headers = response.headers
        return LogChunk(
            data=response.body,
            end=headers.get("atoll-log-end", "").lower() == "true",
            submission=int(headers.get("atoll-log-submission") or 0),
        )

    async def open_port(self, name: str, port: int, *, job: int = 0) -> "Stream":
        """A stream to a port that a job of the run listens on, for asyncio; the caller closes its writer."""
        from atoll.client.streams import Declined, open_stream  # with asyncio, which other calls need not load

        path, doing = self._path("runs", name, "jobs", str(job), "ports", str(port)), f"reaching port {port}"
        try:
            return await open_stream(self.address, path, self._token)
        except transport.Unreachable as error:
            raise ServerGone(self.address, doing, error) from error
        except Declined as error:
            raise ApiError(error.status, problem_of(transport.Response(error.status, {}, error.body))) from error

    # Events, zones and offers

    def events(
        self,
        *,
        after: int | None = None,
        wait: float = 0,
        limit: int | None = None,
        last: int | None = None,
        wanted: EventQuery = ALL_EVENTS,
    ) -> list[EventView]:
        """The wanted events in their order: those after number `after`, or the newest `last`."""
        query = {"after": after, "wait": wait or None, "limit": limit, "last": last, **fields_of(wanted)}
        return self._get(self._path("events"), list[EventView], "following events", query)

    def zones(self) -> list[ZoneView]:
        """The zones of all configured backends."""
        return self._get(self._path("zones"), list[ZoneView], "listing zones")

    def zone(self, zone: Zone) -> ZoneView:
        """One zone, with what was observed of launches there."""
        return self._get(self._zone_path(zone), ZoneView, f"reading zone {zone}")

    def fail_zone(self, zone: Zone) -> ZoneView:
        """Simulate an outage of a zone."""
        return self._send("POST", self._zone_path(zone, "fail"), ZoneView, f"failing zone {zone}")

    def restore_zone(self, zone: Zone) -> ZoneView:
        """End the simulated outage of a zone."""
        return self._send("POST", self._zone_path(zone, "restore"), ZoneView, f"restoring zone {zone}")

    def close_zone(self, zone: Zone, closing: NewClosure) -> ClosureView:
        """Close a zone for new work; for managers of the project, for all projects for admins."""
        return self._send("POST", self._zone_path(zone, "closures"), ClosureView, f"closing zone {zone}", closing)

    def preview_closure(self, zone: Zone, closing: NewClosure) -> ClosurePreview:
        """What closing a zone would do; nothing changes."""
        path = self._zone_path(zone, "closures", "preview")
        return self._send("POST", path, ClosurePreview, f"previewing zone {zone}", closing)

    def closures(self, *, ended: bool = False) -> list[ClosureView]:
        """The zones that are closed for the project; with `ended` also the newest former closures."""
        query = {"ended": "1" if ended else None}
        return self._get(self._path("closures"), list[ClosureView], "listing closures", query)

    def closure(self, id: str) -> ClosureView:
        """One closure."""
        return self._get(self._path("closures", id), ClosureView, f"reading closure {id}")

    def what_if(self, question: WhatIf) -> WhatIfView:
        """What would happen; nothing changes."""
        return self._send("POST", self._path("what-if"), WhatIfView, "planning what would happen", question)

    def rehearse(self, outage: NewRehearsal) -> RehearsalView:
        """What an outage would do, by rehearsals in virtual time; nothing changes. Each takes about a second."""
        seconds = REHEARSAL_SECONDS * outage.seeds
        return self._send("POST", self._path("rehearsals"), RehearsalView, "rehearsing an outage", outage, seconds)

    def end_closure(self, id: str) -> ClosureView:
        """Open a zone now, by its closure."""
        return self._send("DELETE", self._path("closures", id), ClosureView, f"ending closure {id}")

    def offers(self, query: OfferQuery) -> list[OfferView]:
        """The offers that match, cheapest first."""
        return self._get(self._path("offers"), list[OfferView], "listing offers", fields_of(query))

    def offer_groups(self, query: OfferQuery, by: str) -> list[OfferGroup]:
        """The same offers grouped by `zone`, `region`, `type` or `gpu`."""
        return self._get(self._path("offers", "by", by), list[OfferGroup], "listing offers", fields_of(query))

    # Projects, users, tokens, secrets

    def me(self) -> UserView:
        """The user of this client's token."""
        return self._get("/api/users/me", UserView, "reading the current user")

    def projects(self) -> list[ProjectView]:
        """The user's projects; for admins all."""
        return self._get("/api/projects", list[ProjectView], "listing projects")

    def create_project(self, name: str) -> ProjectView:
        """Create a project; for admins."""
        return self._send("POST", "/api/projects", ProjectView, f"making project {name}", NewProject(name))

    def delete_project(self, name: str) -> ProjectView:
        """Delete an empty project; 409 `project-busy` before. For admins."""
        return self._send("DELETE", joined("/api/projects", name), ProjectView, f"deleting project {name}")

    def members(self) -> list[MemberView]:
        """The project's members."""
        return self._get(self._path("members"), list[MemberView], "listing members")

    def set_member(self, user: str, role: Role) -> MemberView:
        """Add a user to the project, or change the role; for its managers."""
        path = self._path("members", user)
        return self._send("PUT", path, MemberView, f"adding {user}", MemberRole(role))

    def remove_member(self, user: str) -> MemberView:
        """Remove a user from the project; for its managers."""
        return self._send("DELETE", self._path("members", user), MemberView, f"removing {user}")

    def users(self) -> list[UserView]:
        """All users; for admins."""
        return self._get("/api/users", list[UserView], "listing users")

    def create_user(self, name: str, *, admin: bool = False) -> UserView:
        """Create a user; for admins."""
        return self._send("POST", "/api/users", UserView, f"making user {name}", NewUser(name, admin))

    def delete_user(self, name: str) -> UserView:
        """Delete a user with memberships and tokens; for admins."""
        return self._send("DELETE", joined("/api/users", name), UserView, f"deleting user {name}")

    def tokens(self, *, all: bool = False) -> list[TokenView]:
        """The user's own tokens, or for admins all."""
        return self._get("/api/tokens", list[TokenView], "listing tokens", {"all": 1} if all else {})

    def create_token(self, name: str, *, seconds: float | None = None, user: str | None = None) -> IssuedToken:
        """Create a token that expires after `seconds`, or never; `user` is for admins."""
        return self._send("POST", "/api/tokens", IssuedToken, f"making token {name}", NewToken(name, seconds, user))

    def revoke_token(self, prefix: str) -> TokenView:
        """Revoke a token."""
        return self._send("DELETE", joined("/api/tokens", prefix), TokenView, f"revoking token {prefix}")

    def secrets(self) -> list[SecretView]:
        """The names of the project's secrets."""
        return self._get(self._path("secrets"), list[SecretView], "listing secrets")

    def set_secret(self, name: str, value: str) -> SecretView:
        """Set a secret of the project; for its managers."""
        return self._send("PUT", self._path("secrets", name), SecretView, f"setting secret {name}", SecretValue(value))

    def delete_secret(self, name: str) -> SecretView:
        """Delete a secret of the project; for its managers."""
        return self._send("DELETE", self._path("secrets", name), SecretView, f"deleting secret {name}")

    # How

    def _path(self, *parts: str) -> str:
        return joined("/api/projects", self.project, *parts)

    def _zone_path(self, zone: Zone, *action: str) -> str:
        name = (zone.name,) if zone.name else ()
        return self._path("zones", zone.backend, zone.region, *name, *action)

    def _get(self, path: str, kind: type[T], doing: str, query: Query | None = None) -> T:
        return decoded(self._read(path, doing, query), kind)

    def _pages(self, path: str, item: type[T], doing: str, query: Query | None = None) -> list[T]:
        """All pages of a list."""
        found: list[T] = []
        after: str | None = None
        while True:
            response = self._read(path, doing, {**(query or {}), "after": after})
            found += decoded(response, list[item])  # type: ignore[valid-type]
            after = response.headers.get(NEXT.lower())
            if after is None:
                return found

    def _read(self, path: str, doing: str, query: Query | None) -> transport.Response:
        parameters = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        target = f"{path}?{urlencode(parameters, doseq=True)}" if parameters else path
        timeout = self._timeout + float(parameters.get("wait", 0))
        for pause in RETRY_PAUSES:
            try:
                return self._exchange("GET", target, None, timeout, doing)
            except ServerGone as error:
                if error.silent:
                    raise
                time.sleep(pause)
        return self._exchange("GET", target, None, timeout, doing)

    def _send(
        self, method: str, path: str, kind: type[T], doing: str, body: object = None, seconds: float | None = None
    ) -> T:
        encoded = None if body is None else msgspec.json.encode(body)
        return decoded(self._exchange(method, path, encoded, seconds or self._timeout, doing), kind)

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None,
        timeout: float,
        doing: str = "asking whether it is up",
        length: int | None = None,
    ) -> transport.Response:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if length is not None:
            headers["Content-Length"] = str(length)
        try:
            response = transport.send(self.address, transport.Request(method, path, headers, body, timeout))
        except transport.Unreachable as error:
            raise ServerGone(self.address, doing, error) from error
        except transport.BadAddress as error:
            raise NoServer(
                f"`{self.address}` is not the address of a server",
                "give `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`",
            ) from error
        if response.status >= 400:
            raise ApiError(response.status, problem_of(response))
        return response
