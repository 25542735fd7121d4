"""The answer of the planner: placements, and for everything refused a code with its facts.

No placement is a result, not an exception. Text is made from these by `planning.explain` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from atoll.model.offer import Market
from atoll.model.resources import InstanceType
from atoll.model.zone import Zone
from atoll.planning.snapshot import ExistingInstance

Fact = str | int | float | bool | None | tuple[str, ...]


class DocumentKind(StrEnum):
    """What a part of the plan is about."""

    FLEET = "fleet"
    VOLUME = "volume"
    RUN = "run"


class Source(StrEnum):
    """Where the machine of a placed node comes from."""

    NEW = "new"
    EXISTING = "existing"
    PLANNED = "planned"
    """A node of a fleet in the same plan."""


class RefusalCode(StrEnum):
    """Why an offer, an instance or a zone is not used. Stable: clients and golden cases hold these."""

    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"
    GPU = "gpu"
    GPU_NAME = "gpu-name"
    GPU_COUNT = "gpu-count"
    GPU_MEMORY = "gpu-memory"
    GPU_VENDOR = "gpu-vendor"
    GPU_CAPABILITY = "gpu-capability"
    ARCH = "arch"
    BACKEND = "backend"
    REGION = "region"
    ZONE = "zone"
    ZONE_EXCLUDED = "zone-excluded"
    NO_ZONES = "no-zones"
    OWNED = "owned"
    INSTANCE_TYPE = "instance-type"
    CONTAINERS = "containers"
    """The machine has no container engine, and the run has an image."""
    MARKET = "market"
    PRICE_UNKNOWN = "price-unknown"
    """The provider does not say the price, so `max_price` cannot be kept."""
    PRICE = "price"
    NOT_OFFERED = "not-offered"
    UNAVAILABLE = "unavailable"
    QUOTA = "quota"
    DRAINED = "drained"
    CLOSED = "closed"
    IMPAIRED = "impaired"
    NOT_OPTED_IN = "not-opted-in"
    GONE = "gone"
    RECENT_FAILURE = "recent-failure"
    VOLUME_ZONE = "volume-zone"
    VOLUME_ATTACHED = "volume-attached"
    NO_VOLUMES = "no-volumes"
    CLUSTER = "cluster"
    CAPACITY_USED = "capacity-used"
    INSTANCE_BUSY = "instance-busy"
    FLEET = "fleet"
    SPREAD = "spread"
    NOT_NEEDED = "not-needed"
    """Fits, and another was better: the facts say why (dearer, further)."""


PASSING = frozenset(
    {
        RefusalCode.UNAVAILABLE,
        RefusalCode.QUOTA,
        RefusalCode.DRAINED,
        RefusalCode.CLOSED,
        RefusalCode.IMPAIRED,
        RefusalCode.RECENT_FAILURE,
        RefusalCode.VOLUME_ATTACHED,
        RefusalCode.CAPACITY_USED,
        RefusalCode.INSTANCE_BUSY,
    }
)
"""The codes of what time alone may cure: used, busy, failed or closed for now. The others last."""


class ShortfallCode(StrEnum):
    """Why a document as a whole does not fit, where no single refusal says it; else the code is a `RefusalCode`."""

    MIN_ZONES = "min-zones"
    NOT_ENOUGH = "not-enough"
    """Machines can be had, but not enough, or not as the placement requires."""
    UNKNOWN_VOLUME = "unknown-volume"
    UNPLACED_VOLUME = "unplaced-volume"
    """A run mounts a volume of the same request that goes nowhere."""
    VOLUMES_APART = "volumes-apart"
    """One node mounts volumes that have no zone in common."""
    FLEET_FULL = "fleet-full"
    """The fleets that a run names have all the nodes that they may have, and none is free."""
    FLEET_HELD = "fleet-held"
    """The fleet that a run names is on hold."""
    FLEET_UNSUITED = "fleet-unsuited"
    """No machine that the fleets may have meets the run's requirements."""
    FLEET_RULE = "fleet-rule"
    """A rule of the fleet about zones keeps it from the nodes that the run could use."""
    UNDECIDED = "undecided"
    """The budget of the plan ended before it was known whether and where the document fits."""
    NO_OFFERS = "no-offers"
    """There is no zone at all to look at."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one zone (or one offer in it, when `instance_type` is set) is not used, with `count` offers behind it."""

    zone: Zone
    code: RefusalCode
    data: Mapping[str, Fact] = field(default_factory=dict)
    instance_type: str | None = None
    market: Market | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class NodePlacement:
    """Where one node goes. `node` counts from 0 (a run's rank).

    `instance` is the id of the existing instance that is used; `fleet` and `fleet_node` name the planned one. `volumes`
    are the chosen volumes of the node's mounts, in their order. `price` is USD an hour, 0 more when it exists already.
    `blocks` are, for a fleet's node, those of its machine; for a run's, those that it takes of its machine's.
    """

    node: int
    zone: Zone
    instance_type: InstanceType
    market: Market
    price: float
    source: Source = Source.NEW
    instance: str | None = None
    fleet: str | None = None
    fleet_node: int | None = None
    volumes: tuple[str, ...] = ()
    blocks: int = 1


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a document is not placed as required: `placed` of `wanted`, the chief code with its facts.

    `cures` are computed: each names one requirement that, if dropped or changed, would make the document fit. `passes`
    says that time alone may make it fit.
    """

    wanted: int
    placed: int
    code: str
    data: Mapping[str, Fact] = field(default_factory=dict)
    cures: tuple["Cure", ...] = ()
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Cure:
    """One requirement that would let the document fit if it were dropped (`value` None) or changed to `value`."""

    requirement: str
    value: Fact
    zones: tuple[Zone, ...]
    price: float


@dataclass(frozen=True, slots=True)
class DocumentPlan:
    """The plan of one fleet, run or volume.

    `refusals` holds one for each zone that is not used, the nearest miss first; `offers` counts the refused offers of
    all zones by zone and code, and names the type where it is one. A volume's `zone` is None while it waits for its
    first consumer. `price` is USD an hour for what is new; `traffic` USD a GB between zones where parts of it lie apart
    (0: nothing to pay). `removals` are a fleet's surplus and outdated instances, in the order in which they go: when
    the new ones work, or with `replaced_first` the outdated ones before.
    """

    kind: DocumentKind
    name: str
    placements: tuple[NodePlacement, ...] = ()
    zone: Zone | None = None
    refusals: tuple[Refusal, ...] = ()
    offers: tuple[Refusal, ...] = ()
    shortfall: Shortfall | None = None
    price: float = 0
    traffic: float = 0
    notes: tuple[str, ...] = ()
    removals: tuple[ExistingInstance, ...] = ()
    replaced_first: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a whole request, in the order of its documents.

    `proven` is False when the budget ended the search with the best that it had found; `gap` says by which share of the
    lowest possible price it may be dearer than the best (None: not known). `grown` has the new number of nodes of
    each elastic fleet that grows for a run.
    """

    documents: tuple[DocumentPlan, ...]
    price: float = 0
    proven: bool = True
    gap: float | None = 0.0
    grown: Mapping[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True when everything is placed as required."""
        return all(document.shortfall is None for document in self.documents)
