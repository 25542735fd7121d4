"""The backend protocol: few methods, and few typed errors with a scope.

    BackendError
    ├── CapacityUnavailable   no machine of this offer now               scope: type × zone × market
    ├── QuotaExceeded         the account may not have more              scope: region and market
    ├── NotOffered            this type is not offered in this zone      scope: type × zone
    ├── ZoneMismatch          volume and instance are in other zones     scope: the request
    ├── Throttled             too many calls; `retry_after` says when    scope: region API
    ├── AuthFailed            credentials refused                        scope: backend
    ├── InvalidRequest        this call can never succeed                scope: the request
    ├── NotFound              there is no such resource                  scope: the request
    └── Unavailable           5xx, time-out, reset: outcome unknown      scope: region API

The planner chooses the zone and the engine calls with it: a backend never falls back to another zone. Each call has a
time limit of the backend's own, retries only throttling, and may be repeated by the engine:
creates are idempotent by `token`, deletes succeed when the thing is gone. Attempts, backoff and memory of failures are
the engine's affair.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol

from atoll.backends.agent_client import AgentClient
from atoll.model.catalog import Catalog
from atoll.model.endpoint import Endpoint
from atoll.model.failure import FailureKind, MachineError, Scope
from atoll.model.limits import TimeLimits
from atoll.model.market import StalePart
from atoll.model.offer import Market, Offer
from atoll.model.quota import Quota
from atoll.model.zone import BackendInfo, Zone, ZoneInfo


class BackendError(Exception):
    """A provider's refusal. `scope` None means that it concerns only this request."""

    kind: ClassVar[FailureKind]

    def __init__(self, message: str, scope: Scope | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.scope = scope
        self.retry_after = retry_after


class CapacityUnavailable(BackendError):  # noqa: N818 - the architecture's word; so with those that follow
    """No machine of this type is available in this zone on this market now."""

    kind = FailureKind.CAPACITY_UNAVAILABLE


class QuotaExceeded(BackendError):  # noqa: N818
    """The account's limit is reached. Sibling zones share it: they are not tried."""

    kind = FailureKind.QUOTA_EXCEEDED


class NotOffered(BackendError):  # noqa: N818
    """The type does not exist in this zone."""

    kind = FailureKind.NOT_OFFERED


class ZoneMismatch(BackendError):  # noqa: N818
    """A volume and an instance of different zones: an internal error or a race, never the user's."""

    kind = FailureKind.ZONE_MISMATCH


class Throttled(BackendError):  # noqa: N818
    """Too many calls. Nothing happened."""

    kind = FailureKind.THROTTLED


class AuthFailed(BackendError):  # noqa: N818
    """The credentials are wrong or expired."""

    kind = FailureKind.AUTH_FAILED


class InvalidRequest(BackendError):  # noqa: N818
    """The provider will never accept this."""

    kind = FailureKind.INVALID_REQUEST


class NotFound(BackendError):  # noqa: N818
    """The resource does not exist (any more)."""

    kind = FailureKind.NOT_FOUND


class Unavailable(BackendError):  # noqa: N818
    """No usable answer. Whether the effect happened is unknown: search for the token before a retry."""

    kind = FailureKind.UNAVAILABLE


ERRORS: dict[FailureKind, type[BackendError]] = {
    error.kind: error
    for error in (
        CapacityUnavailable,
        QuotaExceeded,
        NotOffered,
        ZoneMismatch,
        Throttled,
        AuthFailed,
        InvalidRequest,
        NotFound,
        Unavailable,
    )
}
"""The error of each kind that a call raises."""


class MachineState(StrEnum):
    """A machine's or disk's life as providers report it, reduced to what matters."""

    CREATING = "creating"
    READY = "ready"
    DELETING = "deleting"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Tags:
    """What every resource of ours is marked with, so that it is found again: `owner` is this installation's id."""

    owner: str
    token: str
    name: str


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """One machine in one zone. `token` (in `tags`) makes the launch idempotent.

    `max_price` is the most that a spot machine may cost, in USD an hour; None: the on-demand price. `disk_gb` is the
    least size of its root disk in GB, None: the backend's default. Machines of one `group` are placed close to each
    other, where the backend can (a placement group); empty: no group. Images, networks and keys are the backend's own
    configuration, and disks are attached once the machine exists.
    """

    zone: Zone
    instance_type: str
    market: Market
    tags: Tags
    max_price: float | None = None
    disk_gb: float | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as the backend sees it.

    `endpoint` is where its agent answers, once it can. `address` is where other nodes reach the machine, in its private
    network, and `public_address` where it is reached from outside, where it has such an address. `error` is set when
    the provider gave up on the machine after it had accepted the launch; it may still have to be terminated.
    """

    id: str
    token: str
    zone: Zone
    instance_type: str
    market: Market
    state: MachineState
    endpoint: Endpoint | None = None
    reason: str = ""
    error: MachineError | None = None
    address: str | None = None
    public_address: str | None = None


@dataclass(frozen=True, slots=True)
class DiskRequest:
    """One network disk in one zone; `size_gb` in GB.

    With the id of a disk snapshot in `snapshot`, the disk has its content, and is at least as large as the snapshot.
    """

    zone: Zone
    size_gb: float
    tags: Tags
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """One network disk as the backend sees it; `attached_to` holds machine ids.

    `token` is empty where the disk was not created by Atoll.
    """

    id: str
    token: str
    zone: Zone
    size_gb: float
    state: MachineState
    attached_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiskSnapshot:
    """The content of a disk at one time, kept by the provider for a whole region.

    READY once a disk can be created from it; GONE, with the `reason`, where that failed. `size_gb` is the size of the
    disk in GB.
    """

    id: str
    token: str
    disk: str
    region: str
    size_gb: float
    state: MachineState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AttachedDisk:
    """Where an attached disk is found on the machine: a folder or a device."""

    disk: str
    machine: str
    source: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The catalog of one backend: zones with their state, and offers, at one time.

    A backend with many offers gives them as a catalog, so that none of them becomes an object. `quotas` count as used
    what others of the account use; the engine adds the use of its own instances. `stale` are the parts of it that are
    older than they should be, or missing.
    """

    zones: tuple[ZoneInfo, ...]
    offers: tuple[Offer, ...] | Catalog
    as_of: datetime
    quotas: tuple[Quota, ...] = ()
    stale: tuple[StalePart, ...] = ()

    @property
    def catalog(self) -> Catalog:
        """The offers as a catalog."""
        return self.offers if isinstance(self.offers, Catalog) else Catalog.from_offers(self.offers, self.as_of)


class Volumes(Protocol):
    """The network disks of a backend. A disk attaches only to machines of its zone."""

    async def create(self, request: DiskRequest) -> Disk:
        """Create one disk in `request.zone`; idempotent by token.

        Raises as `Backend.launch`.
        """
        ...

    async def describe(self, disk: str, zone: Zone) -> Disk:
        """The disk as it is now. Raises NotFound, Throttled, AuthFailed, Unavailable."""
        ...

    async def look_up(self, disk: str, region: str | None) -> Disk:
        """A disk of whatever origin by its id, in one region or in whichever has it.

        Raises NotFound, InvalidRequest (a region that is not configured), Throttled, AuthFailed, Unavailable.
        """
        ...

    async def find(self, owner: str) -> tuple[Disk, ...]:
        """Every disk that bears our owner tag. Raises Throttled, AuthFailed, Unavailable."""
        ...

    async def delete(self, disk: str, zone: Zone) -> None:
        """Delete a disk and its data; succeeds when it does not exist.

        Raises InvalidRequest while it is attached, Throttled, AuthFailed, Unavailable.
        """
        ...

    async def attach(self, disk: str, machine: str, zone: Zone) -> AttachedDisk:
        """Attach; attaching again to the same machine returns the same answer.

        Raises ZoneMismatch, NotFound, InvalidRequest (attached elsewhere), Throttled, AuthFailed, Unavailable.
        """
        ...

    async def detach(self, disk: str, machine: str, zone: Zone) -> None:
        """Detach; succeeds when it is not attached or either side does not exist.

        Raises Throttled, AuthFailed, Unavailable.
        """
        ...


class DiskSnapshots(Protocol):
    """Snapshots of disks: a disk is created from one with `DiskRequest.snapshot`, in any zone of its region."""

    async def create(self, disk: str, zone: Zone, tags: Tags) -> DiskSnapshot:
        """Begin a snapshot of a disk, as it is now; idempotent by token. The disk may be attached meanwhile.

        What a machine has not written to the disk yet is not in it. Raises NotFound, QuotaExceeded, InvalidRequest,
        Throttled, AuthFailed, Unavailable.
        """
        ...

    async def describe(self, snapshot: str, zone: Zone) -> DiskSnapshot:
        """The snapshot as it is now; `zone` is any zone of its region.

        Raises NotFound, Throttled, AuthFailed, Unavailable.
        """
        ...

    async def find(self, owner: str) -> tuple[DiskSnapshot, ...]:
        """Every snapshot that bears our owner tag. Raises Throttled, AuthFailed, Unavailable."""
        ...

    async def delete(self, snapshot: str, zone: Zone) -> None:
        """Delete a snapshot; succeeds when it does not exist. Disks that were created from it stay.

        Raises Throttled, AuthFailed, Unavailable.
        """
        ...


class Faults(Protocol):
    """Simulated outages of a backend's zones."""

    async def fail(self, zone: Zone) -> None:
        """Simulate an outage of the zone: kill its machines and refuse new resources. Raises InvalidRequest."""
        ...

    async def restore(self, zone: Zone) -> None:
        """End the simulated outage. Killed machines stay dead; disks are unchanged. Raises InvalidRequest."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check. `required` is False where Atoll only does less without it; `ready` where nothing lacks.

    `region` is empty where it concerns the whole backend.
    """

    region: str
    message: str
    required: bool = True
    ready: bool = False


class Checks(Protocol):
    """What a provider's account permits."""

    async def run(self) -> tuple[Finding, ...]:
        """What the configured credentials lack, within a minute; nothing is changed. Raises no BackendError."""
        ...


class Backend(Protocol):
    """Lends machines. Its optional abilities are attributes: None where the backend lacks one."""

    @property
    def info(self) -> BackendInfo:
        """What concerns placement; `info.volumes` is true where `volumes` is not None. No call to the provider."""
        ...

    @property
    def volumes(self) -> Volumes | None:
        """Network disks; the same object for the backend's whole life."""
        ...

    @property
    def snapshots(self) -> DiskSnapshots | None:
        """Snapshots of disks; the same object for the backend's whole life."""
        ...

    @property
    def faults(self) -> Faults | None:
        """Simulated outages of zones; the same object for the backend's whole life."""
        ...

    @property
    def checks(self) -> Checks | None:
        """Checks of the account; the same object for the backend's whole life."""
        ...

    @property
    def limits(self) -> TimeLimits:
        """How long to wait for its machines. No call to the provider."""
        ...

    async def listing(self) -> Listing:
        """Zones and offers now.

        Raises Throttled, AuthFailed, Unavailable.
        """
        ...

    async def launch(self, request: LaunchRequest) -> Machine:
        """Start one machine in `request.zone`; the same token again returns the same machine, started once.

        A token whose machine has ended gets that machine, GONE, for as long as the backend remembers it: a token is
        never to be used for another machine.

        Raises CapacityUnavailable, QuotaExceeded, NotOffered, Throttled, AuthFailed, InvalidRequest; Unavailable leaves
        the outcome unknown.
        """
        ...

    async def describe(self, machine: str, zone: Zone) -> Machine:
        """The machine as it is now.

        Raises NotFound when the provider has no such id (a machine that ended may also be returned as GONE for a time),
        Throttled, AuthFailed, Unavailable.
        """
        ...

    async def find(self, owner: str) -> tuple[Machine, ...]:
        """Every machine that bears our owner tag and is not GONE, in all zones.

        Raises Throttled, AuthFailed, Unavailable.
        """
        ...

    async def terminate(self, machine: str, zone: Zone) -> None:
        """End a machine; succeeds when it is gone already. The machine may be DELETING for a while afterwards.

        Raises Throttled, AuthFailed, Unavailable.
        """
        ...

    def agent(self, machine: Machine) -> AgentClient:
        """The client of this machine's agent. No call yet; the same machine gets the same client.

        Raises Unavailable while the machine has no `endpoint`.
        """
        ...

    async def close(self) -> None:
        """Close connections. Machines continue."""
        ...
