"""The planning problem in numbers: groups of nodes, what each may use, and the limits that they share.

`joint` builds and splits it, `strategies` and `model` solve it. Zones are the terrain's numbers throughout.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil

from atoll.model.resources import InstanceType
from atoll.planning.plan import Source
from atoll.planning.request import Placement, Requirements, Strategy
from atoll.planning.solving.limits import NO_LIMITS, Limits
from atoll.planning.solving.options import Option, bulk


@dataclass(frozen=True, slots=True)
class FleetGroup:
    """A fleet of `nodes`, of which `existing` (by zone) are there already. `eligible` zones count for spread.

    with `partial`, as many as can be had instead of all or nothing.
    """

    name: str
    nodes: int
    existing: Mapping[int, int]
    options: tuple[Option, ...]
    placement: Placement
    eligible: tuple[int, ...]
    partial: bool = False

    @property
    def missing(self) -> int:
        """How many nodes are to be placed, but for what `survive_zones` adds."""
        return max(0, self.nodes - sum(self.existing.values()))

    @property
    def most(self) -> int:
        """How many may be bought at most.

        To outlast k zones, `nodes` in each of k + 1 always do; a run that may use the fleet is no reason for more.
        """
        if not self.placement.survive_zones:
            return self.missing
        counted = sum(min(count, self.nodes) for count in self.existing.values())
        return max(0, self.nodes * (self.placement.survive_zones + 1) - counted)

    @property
    def cap(self) -> int | None:
        """How many nodes a zone may end with, where the number of all is certain: without what `survive_zones` adds."""
        return self.placement.most_in_zone(max(self.nodes, sum(self.existing.values())))

    @property
    def most_in_zone(self) -> int | None:
        """How many nodes of runs its new machines in one zone hold at most, where its spread says so (None: any)."""
        spread = self.placement.strategy is Strategy.SPREAD and not self.placement.survive_zones
        if not spread or not self.eligible or self.chooses or any(option.blocks > 1 for option in self.options):
            return None
        level = max(self.nodes, sum(self.existing.values())) // len(self.eligible)
        return level + self.placement.max_skew

    @property
    def cap_varies(self) -> bool:
        """Whether the cap depends on how many are bought."""
        return self.placement.max_share is not None and bool(self.placement.survive_zones) and not self.partial

    @property
    def unused(self) -> tuple[int, ...]:
        """The eligible zones that hold no node."""
        return tuple(zone for zone in self.eligible if not self.existing.get(zone))

    @property
    def fresh(self) -> int:
        """How many of the unused zones may get nodes."""
        most, unused = self.placement.max_zones, len(self.unused)
        held = sum(count > 0 for count in self.existing.values())
        return unused if most is None else min(unused, max(0, most - held))

    @property
    def chooses(self) -> bool:
        """Whether only some of the unused zones may get nodes."""
        return self.fresh < len(self.unused)

    @property
    def further_zones(self) -> int:
        """How many zones without nodes have to get some for `min_zones`, of which each node can bring one."""
        if self.partial or self.placement.strategy is Strategy.CLUSTER:
            return 0
        held = sum(count > 0 for count in self.existing.values())
        if not held:
            return self.placement.least_zones(self.nodes)
        lost = sum(sorted(self.existing.values(), reverse=True)[: self.placement.survive_zones])
        least = self.nodes - (sum(self.existing.values()) - lost)
        return max(0, min((self.placement.min_zones or 0) - held, least))

    @property
    def is_free(self) -> bool:
        """Whether a node in one zone is as good as one in another."""
        placement = self.placement
        bounds = (placement.survive_zones, placement.max_zones, placement.max_share, self.further_zones)
        return self.placement.strategy is Strategy.ANY and not any(bounds)

    @property
    def home(self) -> int | None:
        """The zone of a cluster that has nodes already: where most of them are."""
        return min(self.existing, key=lambda zone: (-self.existing[zone], zone)) if self.existing else None


@dataclass(frozen=True, slots=True)
class Pool:
    """Idle instances that are all alike: `ids` in the order in which they are taken.

    One that is shared is a pool of its own, with `blocks` of which `free` are idle.
    """

    zone: int
    instance_type: InstanceType
    ids: tuple[str, ...]
    attached: tuple[str, ...]
    blocks: int = 1
    free: int = 1

    @property
    def room(self) -> int:
        """How many blocks are idle, of all its instances."""
        return len(self.ids) * self.free

    @property
    def is_idle(self) -> bool:
        """Whether no run uses a part of it."""
        return self.free == self.blocks

    @property
    def bulk(self) -> float:
        """By which the best of several is chosen: one that is in use already before one that is idle."""
        return bulk(self.instance_type) - (0 if self.is_idle else 1)


@dataclass(frozen=True, slots=True)
class NodeClass:
    """Nodes of a run with the same mounts; each mount is a choice of volumes.

    `reach` are the zones where volumes that were taken out of the problem let them be (None: any), and `weights` what
    those add to the ties of each.
    """

    ranks: tuple[int, ...]
    mounts: tuple[tuple[str, ...], ...]
    reach: frozenset[int] | None = None
    weights: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunGroup:
    """A run: its nodes by class, what it may buy, which pools and which fleets of this request it may use.

    `zones` are those that its requirements allow. Equal runs are one with `copies`; its classes hold the nodes of all.
    `places` are the zones by where all nodes of a copy have to be: its zone or its region by a number; empty where they
    may be apart. `even` are the zones over which a run with `max_skew` is spread. A node takes `blocks` of a pool, by
    the ids of those that are shared, and with `whole` all blocks of any machine.
    """

    name: str
    classes: tuple[NodeClass, ...]
    requirements: Requirements
    zones: frozenset[int]
    options: tuple[Option, ...]
    pools: tuple[Pool, ...]
    fleets: tuple[str, ...]
    places: Mapping[int, int] = field(default_factory=dict)
    even: frozenset[int] = frozenset()
    max_skew: int | None = None
    copies: int = 1
    blocks: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    whole: bool = True

    @property
    def existing(self) -> Iterator["Supply"]:
        """Its pools as what its nodes may stand on."""
        for pool in self.pools:
            blocks = 1 if pool.blocks == 1 else self.blocks[pool.ids]
            yield Supply(Source.EXISTING, pool.zone, pool=pool, blocks=blocks)

    @property
    def nodes(self) -> int:
        """How many nodes there are, of all copies."""
        return sum(len(group.ranks) for group in self.classes)

    @property
    def together(self) -> int:
        """How many nodes have to be in one place."""
        return self.nodes // self.copies if self.places else 1

    @property
    def may_be_apart(self) -> bool:
        """Whether a copy has several nodes that may be in several zones and better are in few."""
        alone = self.nodes <= self.copies or self.max_skew is not None
        return not alone and not all(zone == place for zone, place in (self.places or {0: -1}).items())


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume: where it is or may be, in which zones several nodes may share it, and which instances hold it."""

    name: str
    zones: tuple[int, ...]
    shared: frozenset[int] = frozenset()
    holders: frozenset[str] = frozenset()
    new: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Documents that are decided together, with the capacities and quotas that are in force for them."""

    fleets: tuple[FleetGroup, ...] = ()
    runs: tuple[RunGroup, ...] = ()
    disks: Mapping[str, Disk] = field(default_factory=dict)
    limits: Limits = NO_LIMITS

    def apart(self, solution: "Solution") -> int:
        """In how many zones more than needed the nodes of runs are that could be in fewer; of several copies, all."""
        runs = [run for run in self.runs if run.may_be_apart]
        zones = [{share.supply.zone for share in solution.runs.get(run.name, ())} for run in runs]
        return sum(max(0, len(used) - self._fewest(run)) for run, used in zip(runs, zones, strict=True))

    def _fewest(self, run: RunGroup) -> int:
        """A number of zones that the nodes of a run need at least."""
        if run.copies > 1 or run.pools or run.options:
            return 1
        limits = [fleet.most_in_zone for fleet in self.fleets if fleet.name in run.fleets]
        known = [limit for limit in limits if limit is not None]
        return ceil(run.nodes / max(1, sum(known))) if len(known) == len(limits) else 1


@dataclass(frozen=True, slots=True)
class Supply:
    """What a node of a run stands on: an option to buy, a pool, or an option of a planned fleet.

    A node takes `blocks` of one machine.
    """

    source: Source
    zone: int
    option: Option | None = None
    pool: Pool | None = None
    fleet: str | None = None
    blocks: int = 1


@dataclass(frozen=True, slots=True)
class Share:
    """`count` nodes of one class of a run on one supply, with the volumes of their mounts."""

    ranks: tuple[int, ...]
    supply: Supply
    volumes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Solution:
    """What is bought for each fleet, where each run's nodes stand, where each volume goes; `cost` in USD an hour.

    One that is not `proven` may cost up to `slack` more than the best (infinite: not known).
    """

    fleets: Mapping[str, tuple[tuple[Option, int], ...]] = field(default_factory=dict)
    runs: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    disks: Mapping[str, int] = field(default_factory=dict)
    proven: bool = True
    slack: float = 0.0

    @property
    def bought(self) -> tuple[tuple[Option, int], ...]:
        """Every new machine, for fleets and runs."""
        fleets = [entry for entries in self.fleets.values() for entry in entries]
        shares = [share for shares in self.runs.values() for share in shares]
        runs = [(s.supply.option, len(s.ranks)) for s in shares if s.supply.source is Source.NEW]
        return (*fleets, *((option, count) for option, count in runs if option is not None))

    @property
    def cost(self) -> float:
        """USD an hour for what is new."""
        return sum(option.cost * count for option, count in self.bought)

    def joined(self, other: "Solution") -> "Solution":
        """Both together."""
        return Solution(
            {**self.fleets, **other.fleets},
            {**self.runs, **other.runs},
            {**self.disks, **other.disks},
            self.proven and other.proven,
            self.slack + other.slack,
        )
