"""What the server says of itself and of its backends."""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.zone import Zone


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
class DiskUse:
    """How many bytes something of the server takes; `whole` is False where counting took too long: it is more."""

    what: str
    bytes: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class DiskTroubleView:
    """Why a disk of the server cannot be written, and since when that is known."""

    text: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The content of `atoll server status`. `web` is the address of the web page, empty until it is first opened.

    `notes` are sentences for the operator.
    """

    version: str
    pid: int
    address: str
    database: str
    started_at: datetime
    backends: tuple[BackendStatus, ...] = ()
    disk: tuple[DiskUse, ...] = ()
    web: str = ""
    notes: tuple[str, ...] = ()
    disk_troubles: tuple[DiskTroubleView, ...] = ()


@dataclass(frozen=True, slots=True)
class OrphanView:
    """A resource on a backend with this installation's tag that belongs to no record. `kind` is instance or
    volume, `token` the id of the record that it was created for."""

    kind: str
    zone: Zone
    backend_id: str
    token: str
