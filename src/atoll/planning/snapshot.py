"""What the planner sees of the world: one immutable picture, also what `--save-snapshot` writes."""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.catalog import Catalog
from atoll.model.failure import Failure
from atoll.model.offer import Market
from atoll.model.quota import Quota
from atoll.model.resources import InstanceType
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo


@dataclass(frozen=True, slots=True)
class ExistingInstance:
    """A machine that was launched or is being launched.

    `busy` machines count for spread and usage and take no run; `fleet` and `node` say which node of which fleet it is.
    `attached` names the volumes attached to it. An `outdated` one takes room, and is neither a node of its fleet nor
    one for a run: its fleet's configuration requires another machine. Of its `blocks`, runs use `used_blocks`.
    """

    id: str
    zone: Zone
    instance_type: InstanceType
    market: Market
    price: float
    fleet: str
    node: int
    busy: bool = False
    attached: tuple[str, ...] = ()
    outdated: bool = False
    blocks: int = 1
    used_blocks: int = 0

    @property
    def free_blocks(self) -> int:
        """How many of its blocks a run may take."""
        return 0 if self.busy else self.blocks - self.used_blocks

    @property
    def in_use(self) -> bool:
        """Whether a run uses it, or part of it."""
        return self.busy or self.used_blocks > 0


@dataclass(frozen=True, slots=True)
class ExistingVolume:
    """A volume with a zone. `attached_to` are instance ids; more than one only with `multi_attach`."""

    name: str
    zone: Zone
    size_gb: float
    attached_to: tuple[str, ...] = ()
    multi_attach: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What is taken of a zone's declared capacity by machines of every project."""

    zone: Zone
    used: Capacity


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The world at `now`. `seed` breaks ties together with the request's id."""

    catalog: Catalog
    zones: tuple[ZoneInfo, ...]
    now: datetime
    backends: tuple[BackendInfo, ...] = ()
    instances: tuple[ExistingInstance, ...] = ()
    volumes: tuple[ExistingVolume, ...] = ()
    usage: tuple[Usage, ...] = ()
    quotas: tuple[Quota, ...] = ()
    failures: tuple[Failure, ...] = ()
    seed: int = 0
