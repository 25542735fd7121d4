"""Zones as values, the current state of a zone, and a backend's abilities.

Every layer passes `Zone` values, never bare strings, because a zone's name means nothing without its backend and
region: 27 zone names are shared by two clouds, and Azure calls a zone of every region `1`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ZoneKind(StrEnum):
    """What a provider's smallest place is."""

    AVAILABILITY_ZONE = "availability-zone"
    LOCAL_ZONE = "local-zone"
    WAVELENGTH_ZONE = "wavelength-zone"
    PARTITION = "partition"
    SITE = "site"
    DATA_CENTRE = "data-centre"
    LOCATION = "location"
    REGION = "region"
    """The backend has no zones: the region itself is the place, and `Zone.name` is empty."""


class ZoneState(StrEnum):
    """Whether a zone takes new work now."""

    AVAILABLE = "available"
    IMPAIRED = "impaired"
    DRAINED = "drained"
    CLOSED = "closed"
    """An operator closed it for a time."""
    NOT_OPTED_IN = "not-opted-in"
    GONE = "gone"
    """It holds something, but its backend no longer lists it or is not configured."""


@dataclass(frozen=True, slots=True, order=True)
class Zone:
    """One place of one backend. Equal by backend, region and name, in the provider's own spelling.

    `zone_id` is the provider's account-independent name (AWS `use1-az4`) where there is one; `name` is empty where the
    backend has regions only.
    """

    backend: str
    region: str
    name: str
    zone_id: str | None = field(default=None, compare=False)
    kind: ZoneKind = field(default=ZoneKind.AVAILABILITY_ZONE, compare=False)

    def __str__(self) -> str:
        # Azure's `1` is a zone of every region.
        return f"{self.region}-{self.name}" if self.name.isdecimal() else self.name or self.region


@dataclass(frozen=True, slots=True)
class Capacity:
    """An amount of machine: CPUs, memory in GB, GPUs."""

    cpus: float = 0
    memory_gb: float = 0
    gpus: float = 0

    def __add__(self, other: "Capacity") -> "Capacity":
        return Capacity(self.cpus + other.cpus, self.memory_gb + other.memory_gb, self.gpus + other.gpus)

    def __sub__(self, other: "Capacity") -> "Capacity":
        return Capacity(self.cpus - other.cpus, self.memory_gb - other.memory_gb, self.gpus - other.gpus)

    def __mul__(self, count: float) -> "Capacity":
        return Capacity(self.cpus * count, self.memory_gb * count, self.gpus * count)

    def covers(self, other: "Capacity") -> bool:
        """True when `other` fits in here."""
        return self.cpus >= other.cpus and self.memory_gb >= other.memory_gb and self.gpus >= other.gpus


@dataclass(frozen=True, slots=True)
class ZoneInfo:
    """The current state of one zone. `capacity` is its declared total (None: unknown)."""

    zone: Zone
    state: ZoneState = ZoneState.AVAILABLE
    reason: str = ""
    until: datetime | None = None
    capacity: Capacity | None = None


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """The abilities of a configured backend that concern placement.

    `zoned` is False for a backend that has regions only; `multi_attach` says that a volume may serve several instances
    at once; `mounts_at_path` is False where a volume cannot appear at its path and is announced by the environment.
    `owned` says that its machines are the users' own: each offer is one machine, for the fleet that declares it.
    `isolated` is False where a job can read the files of the server.
    """

    name: str
    zoned: bool = True
    volumes: bool = True
    multi_attach: bool = False
    mounts_at_path: bool = True
    isolated: bool = True
    owned: bool = False
