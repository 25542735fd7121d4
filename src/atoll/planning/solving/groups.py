"""The documents of a request in numbers: groups of nodes with their options, idle instances, volumes.

Feasibilities and options are kept, since documents are tried several times.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from atoll.model.blocks import WHOLE, Division
from atoll.planning.budget import Budget
from atoll.planning.filters.feasibility import Feasibility, assess, level_of
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.request import Document, FleetRequest, Requirements, RunRequest, Strategy, VolumeRequest
from atoll.planning.shape import missing
from atoll.planning.snapshot import ExistingInstance
from atoll.planning.solving.components import may_use
from atoll.planning.solving.limits import NO_LIMITS, Limits
from atoll.planning.solving.options import Option, suiting
from atoll.planning.solving.picking import User, Users, cheapest, picked
from atoll.planning.solving.problem import Disk, FleetGroup, NodeClass, Pool, Problem, RunGroup
from atoll.planning.solving.reductions import kinds
from atoll.planning.solving.reductions.kinds import NONE, Copies
from atoll.planning.terrain import Terrain, numbered
from atoll.planning.volumes import VolumeRefusals, volume_refusals

FRONT, OFFERS_A_STEP = 60, 100
"""The steps for the options of a zone that a limit in force reaches; and how many offers are looked at in one step."""


@dataclass(slots=True)
class Groups:
    """One request over one world."""

    terrain: Terrain
    documents: tuple[Document, ...]
    _feasible: dict[Requirements, Feasibility] = field(default_factory=dict)
    _options: dict[tuple[object, ...], tuple[Option, ...]] = field(default_factory=dict)
    _runs: dict[tuple[object, ...], RunGroup] = field(default_factory=dict)
    _refused: dict[VolumeRequest, VolumeRefusals] = field(default_factory=dict)
    _disks: dict[str, Disk | None] = field(default_factory=dict)
    _pools: tuple[tuple[Pool, ExistingInstance], ...] | None = None
    budget: Budget = field(default_factory=Budget)

    def problem(
        self, documents: Sequence[Document], partial: str | None, limits: Limits, copies: Copies = NONE
    ) -> Problem:
        """The problem that these documents make with these capacities and quotas."""
        runs = [d for d in documents if isinstance(d, RunRequest)]
        fleets = [d for d in documents if isinstance(d, FleetRequest)]
        volumes = {d.name: d for d in documents if isinstance(d, VolumeRequest)}
        mounted = sorted({name for run in runs for node in run.nodes for m in node.mounts for name in m.volumes})
        return Problem(
            tuple(self.fleet_group(fleet, runs, partial, limits) for fleet in fleets),
            tuple(self.run_group(run, fleets, limits, kinds.number(copies, run)) for run in runs),
            {name: disk for name in mounted if (disk := self.disk(name, volumes.get(name))) is not None},
            limits,
        )

    def feasibility(self, requirements: Requirements) -> Feasibility:
        """Which offers pass."""
        if requirements not in self._feasible:
            self.budget.spend(len(self.terrain.snapshot.catalog) / OFFERS_A_STEP)
            self._feasible[requirements] = assess(requirements, self.terrain)
        return self._feasible[requirements]

    def fleet_group(
        self, fleet: FleetRequest, runs: Sequence[RunRequest], partial: str | None, limits: Limits = NO_LIMITS
    ) -> FleetGroup:
        """The fleet in numbers; `runs` are those that may use its machines."""
        users = tuple(User(run.requirements, run.takes_whole) for run in runs if may_use(run, fleet.name))
        existing = dict(Counter(self.terrain.zones_of(self.terrain.fleets.get(fleet.name, ()))))
        options = self._offers(fleet.requirements, fleet.name, users, limits, fleet.division)
        eligible = self.feasibility(fleet.requirements).passing
        most = fleet.placement.max_zones
        if most is not None and sum(zone in existing for zone in eligible) > most:
            # Zones beyond `max_zones` are to be emptied: only the others get nodes.
            eligible = tuple(sorted(fleet.placement.homes(existing, eligible)))
            options = tuple(option for option in options if option.zone in eligible)
        group = FleetGroup(
            name=fleet.name,
            nodes=fleet.nodes,
            existing=existing,
            options=options,
            placement=fleet.placement,
            eligible=eligible,
            partial=partial == fleet.name,
        )
        if not existing or not group.is_free:
            return group
        # What may lie anywhere joins the nodes that are there, where the price is the same.
        return replace(group, options=tuple(o.preferred if o.zone in existing else o for o in options))

    def run_group(
        self, run: RunRequest, fleets: Sequence[FleetRequest], limits: Limits = NO_LIMITS, copies: int = 1
    ) -> RunGroup:
        """Several copies of a run in numbers; `fleets` are those of the same request."""
        usable = [fleet for fleet in fleets if may_use(run, fleet.name)]
        spread = run.strategy is Strategy.SPREAD
        key = (run, *((fleet.name, fleet.requirements if spread else None) for fleet in usable), limits, copies)
        if key not in self._runs:
            self._runs[key] = self._run_group(run, usable, limits, copies)
        return self._runs[key]

    def lone_group(self, run: RunRequest, copies: int) -> RunGroup:
        """A run that stands alone and mounts nothing: without idle instances it needs no more than the lowest price."""
        return self._run_group(run, (), NO_LIMITS, copies, alone=True)

    def idle_group(self, run: RunRequest, copies: int) -> RunGroup:
        """A run that uses idle instances and nothing else."""
        return self._run_group(replace(run, may_create=False), (), NO_LIMITS, copies)

    def _run_group(
        self, run: RunRequest, fleets: Sequence[FleetRequest], limits: Limits, copies: int, alone: bool = False
    ) -> RunGroup:
        mine = reusable(run, [sample for _, sample in self.pools()])
        zones = level_of(run.requirements, self.terrain).passing
        pools = tuple(pool for pool, sample in self.pools() if pool.zone in zones and sample.id in mine)
        spread = run.strategy is Strategy.SPREAD
        lowest = alone and not pools
        return RunGroup(
            name=run.name,
            classes=_classes(run, copies),
            requirements=run.requirements,
            zones=zones,
            options=self._bought(run, limits, lowest) if run.buys else (),
            pools=pools,
            fleets=tuple(sorted(fleet.name for fleet in fleets)),
            places={} if run.strategy is Strategy.ANY else self._places(run, zones),
            even=self._even(run, zones, pools, fleets) if spread else frozenset(),
            max_skew=run.placement.max_skew if spread else None,
            copies=copies,
            blocks={pool.ids: mine[pool.ids[0]] for pool in pools if pool.blocks > 1},
            whole=run.takes_whole,
        )

    def _bought(self, run: RunRequest, limits: Limits, lowest: bool) -> tuple[Option, ...]:
        """What a run may buy; of offers that any number can be had of, with `lowest` only those at the lowest price."""
        if not lowest or self.terrain.snapshot.catalog.counted:
            return self._offers(run.requirements, run.name, (), limits)
        self.budget.spend(len(self.terrain.snapshot.catalog) / OFFERS_A_STEP)
        return cheapest(self.feasibility(run.requirements), self.terrain, self.terrain.lots(run.name))

    def _places(self, run: RunRequest, zones: Iterable[int]) -> Mapping[int, int]:
        """By zone, the zone or region in which all nodes of a run have to be."""
        if run.strategy is Strategy.CLUSTER:
            return {zone: zone for zone in zones}
        return {zone: self.terrain.region(zone) for zone in zones}

    def _even(
        self, run: RunRequest, zones: frozenset[int], pools: Iterable[Pool], fleets: Iterable[FleetRequest]
    ) -> frozenset[int]:
        """The zones that a run is spread over: where it may get a machine, has one or a fleet may have one for it."""
        asked = [fleet.requirements for fleet in fleets] + ([run.requirements] if run.buys else [])
        offered = {zone for requirements in asked for zone in self.feasibility(requirements).passing}
        return zones & (offered | {pool.zone for pool in pools})

    def _offers(
        self,
        requirements: Requirements,
        name: str,
        users: tuple[User, ...],
        limits: Limits,
        division: Division = WHOLE,
    ) -> tuple[Option, ...]:
        key = (requirements, name, users, limits, division)
        if key not in self._options:
            feasible = self.feasibility(requirements)
            reached = sum(limits.reach(zone, self.terrain) for zone in feasible.passing) if limits else 0
            self.budget.spend(len(self.terrain.snapshot.catalog) / OFFERS_A_STEP + FRONT * reached)
            self._options[key] = picked(feasible, self.terrain, self.terrain.lots(name), Users(users, division), limits)
        return self._options[key]

    def pools(self) -> tuple[tuple[Pool, ExistingInstance], ...]:
        """The idle instances, those together that no run of the request can tell apart, with one of each."""
        if self._pools is None:
            named = [frozenset(d.instances) for d in self.documents if isinstance(d, RunRequest) and d.instances]
            alike: dict[tuple[object, ...], list[ExistingInstance]] = {}
            # By fleet and node: so they are in the terrain.
            idle = [i for members in self.terrain.fleets.values() for i in members if not i.busy]
            kinds = numbered([i.instance_type for i in idle])
            for i, zone, kind in zip(idle, self.terrain.zones_of(idle), kinds, strict=True):
                named_by = tuple([i.id in ids for ids in named]) if named else ()
                alone = i.id if i.blocks > 1 else ""
                key = (zone, kind, i.market, i.price, i.fleet, i.attached, named_by, alone)
                alike.setdefault(key, []).append(i)
            self._pools = tuple((self._pool(members), members[0]) for members in alike.values())
        return self._pools

    def _pool(self, members: Sequence[ExistingInstance]) -> Pool:
        first, ids = members[0], tuple(member.id for member in members)
        zone = self.terrain.number[first.zone]
        return Pool(zone, first.instance_type, ids, first.attached, first.blocks, first.free_blocks)

    def disk(self, name: str, requested: VolumeRequest | None) -> Disk | None:
        """The volume of this name: one that exists, or one of the request."""
        existing = self.terrain.volumes.get(name)
        if existing is not None:
            zone = self.terrain.number[existing.zone]
            shared = frozenset({zone}) if existing.multi_attach else frozenset()
            return Disk(name, (zone,), shared, frozenset(existing.attached_to))
        if requested is None:
            return None
        zones = self.volume_zones(requested)
        sharing = (z for z in zones if self.terrain.backend(self.terrain.zones[z].zone.backend).multi_attach)
        return Disk(name, zones, frozenset(sharing), new=True)

    def disk_of(self, name: str) -> Disk | None:
        """The volume of this name, among all documents."""
        if name not in self._disks:
            self._disks[name] = self.disk(name, self._requested(name))
        return self._disks[name]

    def volume_refused(self, name: str, zone: int) -> tuple[RefusalCode, Mapping[str, Fact]] | None:
        """Why a volume of the request cannot go to a zone."""
        requested = self._requested(name)
        return None if requested is None else self.volume_refusals(requested).get(zone)

    def _requested(self, name: str) -> VolumeRequest | None:
        return next((d for d in self.documents if isinstance(d, VolumeRequest) and d.name == name), None)

    def volume_zones(self, volume: VolumeRequest) -> tuple[int, ...]:
        """Where a volume of the request may go."""
        refused = self.volume_refusals(volume)
        return tuple(zone for zone in range(len(self.terrain.zones)) if zone not in refused)

    def volume_refusals(self, volume: VolumeRequest) -> VolumeRefusals:
        """For each zone where a volume of the request cannot go, why."""
        if volume not in self._refused:
            self._refused[volume] = volume_refusals(volume, self.terrain)
        return self._refused[volume]

    def has_enough_zones(self, fleet: FleetRequest) -> bool:
        """Whether as many zones as `min_zones` requires of these nodes can serve; always where none is missing."""
        least = fleet.placement.least_zones(fleet.nodes)
        if not least:
            return True
        counts = Counter(instance.zone for instance in self.terrain.fleets.get(fleet.name, ()))
        complete = bool(counts) and missing(fleet.nodes, fleet.placement, counts) == 0
        return complete or len(self.serving_zones(fleet)) >= least

    def serving_zones(self, fleet: FleetRequest) -> tuple[int, ...]:
        """The zones that hold nodes of a fleet or could take one."""
        held = {self.terrain.number[instance.zone] for instance in self.terrain.fleets.get(fleet.name, ())}
        return tuple(sorted(held.union(self.feasibility(fleet.requirements).passing)))


def reusable(run: RunRequest, instances: Iterable[ExistingInstance]) -> dict[str, int]:
    """How many blocks a node takes of those of these instances that a run may use now, zones and volumes aside."""
    named = [i for i in instances if run.fleets is None or i.fleet in run.fleets]
    named = [i for i in named if run.instances is None or i.id in run.instances]
    taken = zip(named, suiting(run.requirements, named, run.takes_whole), strict=True)
    return {each.id: blocks for each, blocks in taken if blocks and (each.blocks == 1 or blocks <= each.free_blocks)}


def _classes(run: RunRequest, copies: int) -> tuple[NodeClass, ...]:
    """The nodes by their mounts; of several copies with a number for each node, those of one copy after another."""
    numbers = {node.rank: place for place, node in enumerate(run.nodes)} if copies > 1 else {}
    ranks: dict[tuple[tuple[str, ...], ...], list[int]] = {}
    for node in run.nodes:
        mounts = tuple(mount.volumes for mount in node.mounts)
        ranks.setdefault(mounts, []).append(numbers.get(node.rank, node.rank))
    every = {
        mounts: tuple(copy * len(run.nodes) + place for copy in range(copies) for place in places)
        for mounts, places in ranks.items()
    }
    return tuple(NodeClass(places, mounts) for mounts, places in every.items())
