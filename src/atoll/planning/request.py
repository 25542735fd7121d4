"""What is to be placed: fleets, volumes and runs, as the planner understands them.

The engine makes these from specs; a saved snapshot holds them as JSON; the planner knows nothing of YAML.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from atoll.model.blocks import WHOLE, Division
from atoll.model.resources import Resources
from atoll.model.share import most_of
from atoll.model.zone import Zone

Place = TypeVar("Place", Zone, int)
"""A zone, or its number in a world."""


class SpotPolicy(StrEnum):
    """Which markets may be used."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    AUTO = "auto"


class Strategy(StrEnum):
    """How the nodes of a group lie to each other; `region` is for runs alone."""

    ANY = "any"
    REGION = "region"
    CLUSTER = "cluster"
    SPREAD = "spread"


class OnShortage(StrEnum):
    """What `spread` does when an eligible zone cannot take its share."""

    REJECT = "reject"
    BEST_EFFORT = "best-effort"


class Binding(StrEnum):
    """When a volume without a zone gets one."""

    IMMEDIATE = "immediate"
    WAIT = "wait-for-first-consumer"


@dataclass(frozen=True, slots=True)
class Requirements:
    """What every node of a group must have; None is no limit. `availability_zones` may hold names, ids, globs, `!…`.

    `owned` is set for a fleet that declares the machines of `instance_types` as its user's own; others never get them.
    `containers` is set where a machine that is known to have no container engine will not do.
    """

    resources: Resources = Resources()
    backends: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    availability_zones: tuple[str, ...] | None = None
    instance_types: tuple[str, ...] | None = None
    spot_policy: SpotPolicy = SpotPolicy.ON_DEMAND
    max_price: float | None = None
    owned: bool = False
    containers: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """How the nodes are laid over zones.

    `survive_zones` zones may be lost and `nodes` still remain. At most `max_zones` zones hold nodes, and no zone holds
    more than the part `max_share` of them (0 to 1).
    """

    strategy: Strategy = Strategy.ANY
    max_skew: int = 1
    min_zones: int | None = None
    on_shortage: OnShortage = OnShortage.REJECT
    survive_zones: int = 0
    max_zones: int | None = None
    max_share: float | None = None

    @property
    def loose(self) -> "Placement":
        """Only what holds however many nodes fit: the number of zones and the share of each."""
        return Placement(max_zones=self.max_zones, max_share=self.max_share)

    def least_zones(self, nodes: int) -> int:
        """In how many zones `nodes` nodes are at least: as many as `min_zones`, of fewer nodes each in its own.

        The loss of `survive_zones` zones takes at least one more node for each, which need zones, too.
        """
        return min(self.min_zones or 0, nodes + self.survive_zones if nodes else 0)

    def of_fewer(self, fewer: int, nodes: int) -> "Placement":
        """The placement for `fewer` of `nodes` nodes, of which a zone may hold as many as of all."""
        most = self.most_in_zone(nodes)
        return self if most is None else replace(self, max_share=most / fewer)

    def most_in_zone(self, nodes: int) -> int | None:
        """How many of `nodes` one zone may hold; None: no limit."""
        return None if self.max_share is None else most_of(nodes, self.max_share)

    def homes(self, counts: Mapping[Place, int], eligible: Collection[Place]) -> list[Place]:
        """The eligible zones over which nodes with these counts are to lie, the fullest first.

        With `max_zones` these are the fullest zones, as many as others that hold nodes leave. Where more eligible
        zones hold nodes than may, the emptiest of them are none of these.
        """
        homes = sorted(eligible, key=lambda zone: (-counts.get(zone, 0), zone))
        if self.max_zones is None:
            return homes
        held = sum(counts.get(zone, 0) > 0 for zone in homes)
        apart = sum(count > 0 for count in counts.values()) - held
        return homes[: max(self.max_zones - apart, min(held, self.max_zones))]


@dataclass(frozen=True, slots=True)
class MountRequest:
    """One mount of one node: any of these volumes, whichever fits. Names are resolved (no `${{ }}` left)."""

    volumes: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True)
class FleetRequest:
    """A fleet that shall have `nodes` nodes. Nodes that exist already are in the snapshot and stay where they are.

    `division` says into how many blocks each of its machines is divided.
    """

    name: str
    nodes: int
    requirements: Requirements = Requirements()
    placement: Placement = Placement()
    division: Division = WHOLE


@dataclass(frozen=True, slots=True)
class NodeRequest:
    """One node of a run: its rank, and its mounts."""

    rank: int
    mounts: tuple[MountRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run to be placed now.

    `fleets` limits the fleets whose instances may be used (None: any); `instances` limits them to these instance ids;
    with `may_create` new instances are bought where no idle or planned one fits: of its own, or where it names fleets
    nodes of those that may grow (`Request.elastic`). Of `placement` a run has the strategy and `max_skew`: its nodes
    are in one region unless the strategy is `any`, and `spread` is over the zones of that region. Instances of fleets
    planned in the same request count as idle ones.
    """

    name: str
    nodes: tuple[NodeRequest, ...] = (NodeRequest(0),)
    requirements: Requirements = Requirements()
    fleets: tuple[str, ...] | None = None
    instances: tuple[str, ...] | None = None
    may_create: bool = True
    placement: Placement = Placement(Strategy.REGION)

    @property
    def strategy(self) -> Strategy:
        """How its nodes lie to each other; a single one lies anywhere."""
        return self.placement.strategy if len(self.nodes) > 1 else Strategy.ANY

    @property
    def takes_whole(self) -> bool:
        """Whether each of its nodes takes a whole machine, however many blocks that has."""
        return len(self.nodes) > 1

    @property
    def buys(self) -> bool:
        """Whether it may get machines of its own."""
        return self.may_create and self.fleets is None and self.instances is None

    @property
    def grows(self) -> bool:
        """Whether fleets may grow for it."""
        return self.may_create and self.instances is None


@dataclass(frozen=True, slots=True)
class VolumeRequest:
    """A volume that does not exist yet. `availability_zone` is a name or zone id; None: the planner chooses."""

    name: str
    size_gb: float
    backend: str | None = None
    region: str | None = None
    availability_zone: str | None = None
    binding: Binding = Binding.IMMEDIATE

    @property
    def follows(self) -> bool:
        """Whether the first run that uses it brings its zone."""
        return self.binding is Binding.WAIT and self.availability_zone is None


@dataclass(frozen=True, slots=True)
class ElasticFleet:
    """A fleet that may have up to `most` nodes (None: no limit) as runs need them; `held` says why it may not now."""

    fleet: FleetRequest
    most: int | None = None
    held: str = ""


Document = FleetRequest | RunRequest | VolumeRequest


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that is planned as one. Ties break by `id`, the same way every time.

    `elastic` are fleets that may get nodes for the runs of the request; each may also be one of its documents. A
    `confirmed` plan is one that a user sees before it is carried out.
    """

    id: str
    documents: tuple[Document, ...] = field(default=())
    elastic: tuple[ElasticFleet, ...] = ()
    confirmed: bool = False
