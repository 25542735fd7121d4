"""What the best plan costs, by an exact model of its own: the measure that the planner is held to.

A mixed-integer programme solved by HiGHS, written from the documents' rules (see `rules`). Every offer that may be
bought is a column; nothing is left out for speed. The objective is the price per hour of what is new.

When not all documents fit together, they go one after the other: fleets, then volumes, then runs, each in the order of
the request. A document that does not fit beside those accepted before it is left out, but for these:

- a `spread` fleet with `on_shortage: best-effort` gets the least skew at which all its nodes fit;
- it, and a fleet `any`, get as many nodes as can be had when all do not fit: the first as even as they can be, the
  other wherever they can be had. That is no answer where `min_zones` is not met or `survive_zones` is asked: fewer
  nodes would not survive anything.

Machines that a cluster has already bind it to their zone: the one with most of them, the first by name among equals.
Spread looks at the end: an eligible zone that gets a node ends at most `max_skew` above the emptiest eligible one,
with the nodes that are there already counted. With `max_zones` the eligible zones that hold nodes count, and as many
others as may hold some; where more of these hold nodes than may, the emptiest of them do not, and get none. No zone
gets a node with which it holds more than `max_share`. While fewer than `min_zones` zones hold nodes, each new one
goes to a further zone. What is there already stays. A fleet that shall outlast k zones buys at most what puts `nodes`
into each of k + 1 zones: runs that may use it are no reason for more.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import inf

import highspy
import numpy as np

from atoll.model.offer import Offer
from atoll.model.zone import Zone
from atoll.planning.request import (
    Document,
    FleetRequest,
    NodeRequest,
    OnShortage,
    Placement,
    RunRequest,
    Strategy,
    VolumeRequest,
)
from atoll.planning.snapshot import Snapshot
from atoll.planning.solving.options import UNKNOWN_COST
from tests.planning import rules
from tests.planning.worlds import Case

Sum = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The least price of all that fits (USD an hour), and the documents as they fit."""

    cost: float
    placed: tuple[Document, ...]


def fewest_zones(case: Case, placed: Sequence[Document]) -> int:
    """In how many zones the nodes of those runs are at best that may be in any zone, or in any of one region."""
    return _Model(case.snapshot, placed).fewest_zones()


def judge(case: Case) -> Verdict:
    """The best that can be done."""
    return _Judge(case.snapshot).verdict(case.request.documents)


@dataclass(slots=True)
class _Judge:
    snapshot: Snapshot

    def verdict(self, documents: Sequence[Document]) -> Verdict:
        cost = self.cost(documents)
        if cost is not None:
            return Verdict(cost, tuple(documents))
        accepted: list[Document] = []
        for kind in (FleetRequest, VolumeRequest, RunRequest):
            for document in documents:
                if isinstance(document, kind):
                    accepted += self._fitting(document, accepted)
        return Verdict(self.cost(accepted) or 0.0, tuple(accepted))

    def cost(self, documents: Sequence[Document]) -> float | None:
        """The least price at which all of these fit, or None."""
        return _Model(self.snapshot, documents).least()

    def _fitting(self, document: Document, accepted: Sequence[Document]) -> list[Document]:
        if self.cost([*accepted, document]) is not None:
            return [document]
        if not isinstance(document, FleetRequest):
            return []
        there = sum(i.fleet == document.name for i in self.snapshot.instances)
        if _best_effort(document.placement):
            for skew in range(document.placement.max_skew + 1, document.nodes + there + 1):
                uneven = replace(document, placement=replace(document.placement, max_skew=skew))
                if self.cost([*accepted, uneven]) is not None:
                    return [uneven]
        if not self._takes_fewer(document):
            return []
        asked = document.placement
        loose = replace(document, placement=Placement(max_zones=asked.max_zones, max_share=asked.max_share))
        count = _Model(self.snapshot, [*accepted, loose], partial=document.name).most()
        if not count:
            return []
        nodes, part = there + count, None
        if asked.max_share is not None:
            # A zone may hold as many of the fewer nodes as of all.
            part = (rules.share(document.nodes, asked.max_share) + 0.5) / nodes
        if _best_effort(asked):
            for skew in range(asked.max_skew, nodes + 1):
                even = replace(document, nodes=nodes, placement=replace(asked, max_skew=skew, max_share=part))
                if self.cost([*accepted, even]) is not None:
                    return [even]
        if asked.min_zones:
            return []
        return [replace(document, nodes=nodes, placement=Placement(max_zones=asked.max_zones, max_share=part))]

    def _takes_fewer(self, fleet: FleetRequest) -> bool:
        placement = fleet.placement
        if placement.survive_zones or not rules.has_enough_zones(fleet, self.snapshot):
            return False
        return placement.strategy is Strategy.ANY or _best_effort(placement)


def _best_effort(placement: Placement) -> bool:
    return placement.strategy is Strategy.SPREAD and placement.on_shortage is OnShortage.BEST_EFFORT


@dataclass(slots=True)
class _Model:
    """Columns are whole numbers from 0. `stock` gathers what each shared limit is used for."""

    snapshot: Snapshot
    documents: Sequence[Document]
    partial: str = ""
    tops: list[float] = field(default_factory=list)
    rows: list[tuple[Sum, float, float]] = field(default_factory=list)
    price: dict[int, float] = field(default_factory=dict)
    used: dict[Hashable, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    limits: dict[Hashable, float] = field(default_factory=dict)
    sources: dict[int, float] = field(default_factory=dict)
    zones: dict[int, float] = field(default_factory=dict)
    bought: dict[str, list[tuple[int, Offer]]] = field(default_factory=dict)
    homes: dict[str, dict[Zone, int]] = field(default_factory=dict)
    mounted: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))

    def least(self) -> float | None:
        if not self._write():
            return None
        return self._solve(self.price)

    def fewest_zones(self) -> int:
        """In how many zones runs of several nodes are at least, at the lowest price and with least that is new."""
        if not self._write():
            return 0
        for objective in (self.price, self.sources):
            best = self._solve(objective)
            assert best is not None
            self.rows.append((objective, -inf, best + 1e-6))
        return round(self._solve(self.zones) or 0)

    def most(self) -> int:
        """How many nodes the partial fleet can get."""
        if not self._write():
            return 0
        least = self._solve({column: -1.0 for column, _ in self.bought[self.partial]})
        return 0 if least is None else round(-least)

    def _write(self) -> bool:
        for document in self.documents:
            if isinstance(document, VolumeRequest) and not rules.volume_homes(document, self.snapshot):
                return False
            if isinstance(document, FleetRequest) and not self._fleet(document):
                return False
        runs = [d for d in self.documents if isinstance(d, RunRequest)]
        for run in runs:
            self._run(run)
        for key, terms in self.used.items():
            self.rows.append((terms, -inf, self.limits[key]))
        for name, terms in self.mounted.items():
            if terms and not self._everywhere_shared(name):
                alone = [z for z in self.homes.get(name, {}) if not rules.shares(z.backend, self.snapshot)]
                most = float(len(terms))
                # Where the volume lies in a zone that does not share, one node may have it.
                limited = {**terms, **{self.homes[name][z]: most - 1 for z in alone}}
                self.rows.append((limited, -inf, most if alone else 1.0))
        return all(terms or low <= 0 <= high for terms, low, high in self.rows)

    def _everywhere_shared(self, name: str) -> bool:
        existing = next((v for v in self.snapshot.volumes if v.name == name), None)
        if existing is not None:
            return existing.multi_attach
        return all(rules.shares(zone.backend, self.snapshot) for zone in self.homes[name])

    def _column(self, top: float) -> int:
        self.tops.append(top)
        return len(self.tops) - 1

    def _use(self, key: Hashable, column: int, amount: float, limit: float) -> None:
        if amount:
            self.used[key][column] = self.used[key].get(column, 0) + amount
            self.limits[key] = limit

    def _machine(self, number: int, offer: Offer, top: int) -> int:
        """A column for new machines of one offer, with all that they take."""
        column = self._column(top)
        self.price[column] = min(offer.price, UNKNOWN_COST)
        self.sources[column] = 2.0
        if offer.count is not None:
            self._use(("offer", number), column, 1, offer.count)
        kind = offer.instance_type
        free = rules.free_in(offer.zone, self.snapshot)
        if free is not None:
            self._use(("cpus", offer.zone), column, kind.cpus, free.cpus)
            self._use(("memory", offer.zone), column, kind.memory_gb, free.memory_gb)
            self._use(("gpus", offer.zone), column, kind.gpu.count if kind.gpu else 0, free.gpus)
        quota = rules.quota_of(offer.zone, offer.market, self.snapshot)
        if quota is not None:
            self._use(("quota", quota), column, kind.cpus, quota.limit_cpus - quota.used_cpus)
        return column

    def _fleet(self, fleet: FleetRequest) -> bool:
        offers = rules.buyable(fleet.requirements, self.snapshot)
        zones = sorted({offer.zone for _, offer in offers})
        placement = fleet.placement
        if not rules.has_enough_zones(fleet, self.snapshot):
            return False
        beyond = rules.too_many(fleet, self.snapshot)
        offers = [(number, offer) for number, offer in offers if offer.zone not in beyond]
        zones = [zone for zone in zones if zone not in beyond]
        there = rules.per_zone(i.zone for i in self.snapshot.instances if i.fleet == fleet.name)
        missing = max(0, fleet.nodes - sum(there.values()))
        most = missing
        if placement.survive_zones:
            counted = sum(min(count, fleet.nodes) for count in there.values())
            most = max(0, fleet.nodes * (placement.survive_zones + 1) - counted)
        columns = [(self._machine(number, offer, most), offer) for number, offer in offers]
        self.bought[fleet.name] = columns
        everything = {column: 1.0 for column, _ in columns}
        if self.partial == fleet.name:
            self.rows.append((everything, 0, missing))
        else:
            self.rows.append((everything, missing, most))
        new: dict[Zone, dict[int, float]] = {zone: {} for zone in zones}
        for column, offer in columns:
            new[offer.zone][column] = 1.0
        if placement.strategy is Strategy.CLUSTER:
            home = min(there, key=lambda zone: (-there[zone], zone)) if there else None
            self._one_zone(new, most, home)
        used = self._few_zones(new, there, fleet, most)
        if placement.max_share is not None:
            self._shares(new, there, fleet, most)
        if placement.strategy is Strategy.SPREAD:
            self._spread(new, there, fleet.placement.max_skew, most, used)
        if placement.survive_zones:
            self._survive(new, there, fleet)
        if (
            placement.min_zones is not None
            and placement.strategy is not Strategy.CLUSTER
            and self.partial != fleet.name
        ):
            lost = sum(sorted(there.values(), reverse=True)[: placement.survive_zones])
            new_nodes = fleet.nodes - (sum(there.values()) - lost)
            least = min(placement.min_zones - len(there), new_nodes) if there else rules.least_zones(fleet)
            self._many_zones(new, there, least)
        return True

    def _many_zones(self, new: Mapping[Zone, Sum], there: Mapping[Zone, int], least: int) -> None:
        """So many of the zones without nodes get one."""
        if least <= 0:
            return
        used = {zone: self._column(1) for zone in new if not there.get(zone)}
        for zone, column in used.items():
            self.rows.append(({**new[zone], column: -1.0}, 0, inf))
        self.rows.append((dict.fromkeys(used.values(), 1.0), least, inf))

    def _one_zone(self, new: Mapping[Zone, Sum], most: int, home: Zone | None) -> None:
        chosen = {zone: self._column(1 if home in (None, zone) else 0) for zone in new}
        self.rows.append((dict.fromkeys(chosen.values(), 1.0), -inf, 1))
        for zone, terms in new.items():
            self.rows.append(({**terms, chosen[zone]: -float(most)}, -inf, 0))

    def _few_zones(
        self, new: Mapping[Zone, Sum], there: Mapping[Zone, int], fleet: FleetRequest, most: int
    ) -> dict[Zone, int]:
        """Zones without nodes get some only while there are not too many; a spread uses as many as it may."""
        limit, empty = fleet.placement.max_zones, [zone for zone in new if not there.get(zone)]
        if limit is None or len(empty) <= (left := max(0, limit - len(there))):
            return {}
        used = {zone: self._column(1) for zone in empty}
        for zone in empty:
            self.rows.append(({**new[zone], used[zone]: -float(most)}, -inf, 0))
        least = left if fleet.placement.strategy is Strategy.SPREAD else 0
        self.rows.append((dict.fromkeys(used.values(), 1.0), least, left))
        return used

    def _shares(self, new: Mapping[Zone, Sum], there: Mapping[Zone, int], fleet: FleetRequest, most: int) -> None:
        """One final number of nodes is chosen, and with it how many a zone that gets one may have."""
        first = sum(there.values())
        totals = {number: self._column(1) for number in range(first, first + most + 1)}
        self.rows.append((dict.fromkeys(totals.values(), 1.0), 1, 1))
        everything = {column: 1.0 for terms in new.values() for column in terms}
        self.rows.append(({**everything, **{c: -float(number) for number, c in totals.items()}}, -first, -first))
        share = fleet.placement.max_share
        assert share is not None
        caps = {column: -float(rules.share(max(fleet.nodes, number), share)) for number, column in totals.items()}
        for zone, terms in new.items():
            has = there.get(zone, 0)
            grows = self._column(1)
            self.rows.append(({**terms, grows: -float(most)}, -inf, 0))
            self.rows.append(({**terms, **caps, grows: most + has}, -inf, most))

    def _spread(
        self, new: Mapping[Zone, Sum], there: Mapping[Zone, int], skew: int, new_most: int, used: Mapping[Zone, int]
    ) -> None:
        """One level is chosen: no eligible zone ends below it, and none that grows ends more than the skew above."""
        most = new_most + max(there.values(), default=0)
        levels = [self._column(1) for _ in range(most + 1)]
        self.rows.append((dict.fromkeys(levels, 1.0), 1, 1))
        for zone, terms in new.items():
            has = there.get(zone, 0)
            floor = {column: -float(level) for level, column in enumerate(levels)}
            if zone in used:
                self.rows.append(({**terms, **floor, used[zone]: -most}, -most, inf))
            else:
                self.rows.append(({**terms, **floor}, -has, inf))
            grows = self._column(1)
            self.rows.append(({**terms, grows: -float(new_most)}, -inf, 0))
            self.rows.append(({**terms, **floor, grows: most}, -inf, skew - has + most))

    def _survive(self, new: Mapping[Zone, Sum], there: Mapping[Zone, int], fleet: FleetRequest) -> None:
        """For each loss, what is left."""
        zones = sorted({*new, *there})
        for lost in combinations(zones, min(fleet.placement.survive_zones, len(zones))):
            left = [zone for zone in zones if zone not in lost]
            terms = {column: 1.0 for zone in left for column in new.get(zone, {})}
            self.rows.append((terms, fleet.nodes - sum(there.get(zone, 0) for zone in left), inf))

    def _run(self, run: RunRequest) -> None:
        in_zone: dict[Zone, dict[int, float]] = defaultdict(dict)
        bare = [node for node in run.nodes if not node.mounts]
        groups = [[node] for node in run.nodes if node.mounts]
        for group in [bare, *groups] if bare else groups:
            self._nodes(run, group, in_zone)
        strategy = run.placement.strategy
        if len(run.nodes) == 1 or strategy is Strategy.ANY:
            self._zones_of(run, in_zone)
            return
        if strategy is Strategy.CLUSTER:
            self._one_zone(in_zone, len(run.nodes), None)
            return
        by_region: dict[tuple[str, str], list[Zone]] = defaultdict(list)
        for zone in {*in_zone, *rules.spread_over(run, self.documents, self.snapshot)}:
            by_region[zone.backend, zone.region].append(zone)
        chosen = {region: self._column(1) for region in by_region}
        self.rows.append((dict.fromkeys(chosen.values(), 1.0), 1, 1))
        for region, zones in by_region.items():
            terms = {column: 1.0 for zone in zones for column in in_zone.get(zone, {})}
            self.rows.append(({**terms, chosen[region]: -float(len(run.nodes))}, 0, 0))
        if strategy is Strategy.REGION:
            self._zones_of(run, in_zone)
            return
        for zones in by_region.values():
            least = self._column(len(run.nodes))
            for zone in set(zones) & set(rules.spread_over(run, self.documents, self.snapshot)):
                self.rows.append(({**in_zone.get(zone, {}), least: -1.0}, 0, run.placement.max_skew))

    def _zones_of(self, run: RunRequest, in_zone: Mapping[Zone, Sum]) -> None:
        """A column for each zone that holds nodes of the run."""
        for terms in in_zone.values() if len(run.nodes) > 1 else ():
            column = self._column(1)
            self.zones[column] = 1.0
            self.rows.append(({**terms, column: -float(len(run.nodes))}, -inf, 0))

    def _nodes(self, run: RunRequest, group: list[NodeRequest], in_zone: dict[Zone, dict[int, float]]) -> None:
        """Nodes without mounts stand together in whole numbers; a node with mounts stands for itself."""
        here: dict[Zone, dict[int, float]] = defaultdict(dict)
        on: dict[str, int] = {}
        size = len(group)
        for instance in rules.idle_for(run, self.snapshot):
            column = on[instance.id] = self._column(1)
            self.sources[column] = 0.0
            here[instance.zone][column] = 1.0
            self._use(("instance", instance.id), column, 1, 1)
        for fleet, columns in self.bought.items():
            for bought, offer in columns if rules.may_use_fleet(run, fleet) else ():
                fits = rules.machine_allowed(offer.instance_type, offer.market, offer.price, run.requirements)
                if fits and rules.zone_allowed(offer.zone, run.requirements, self.snapshot):
                    column = self._column(size)
                    self.sources[column] = 1.0
                    here[offer.zone][column] = 1.0
                    self.used["planned", bought][column] = 1.0
                    self.used["planned", bought][bought] = -1.0
                    self.limits["planned", bought] = 0
        for number, offer in rules.buyable(run.requirements, self.snapshot) if rules.may_buy(run) else ():
            here[offer.zone][self._machine(number, offer, size)] = 1.0
        self.rows.append(({column: 1.0 for terms in here.values() for column in terms}, size, size))
        for zone, terms in here.items():
            in_zone[zone].update(terms)
        for mount in group[0].mounts:
            self._mount(mount.volumes, here, on)

    def _mount(self, names: Iterable[str], here: Mapping[Zone, Sum], on: Mapping[str, int]) -> None:
        """In whatever zone the node stands, one of the volumes is there for it."""
        taken: dict[Zone, dict[int, float]] = {zone: {} for zone in here}
        for name in names:
            for zone, home in self._homes(name).items():
                if zone not in here:
                    continue
                column = self._column(1)
                taken[zone][column] = 1.0
                self.mounted[name][column] = 1.0
                self.rows.append(({column: 1.0, home: -1.0}, -inf, 0))
                existing = next((v for v in self.snapshot.volumes if v.name == name), None)
                if existing is not None and existing.attached_to and not existing.multi_attach:
                    holders = [on[i] for i in existing.attached_to if i in on]
                    self.rows.append(({column: 1.0, **dict.fromkeys(holders, -1.0)}, -inf, 0))
        for zone, terms in here.items():
            self.rows.append(({**taken[zone], **dict.fromkeys(terms, -1.0)}, 0, 0))

    def _homes(self, name: str) -> dict[Zone, int]:
        """A column for each zone where the volume is or may be; unknown volumes are nowhere."""
        if name not in self.homes:
            existing = [v.zone for v in self.snapshot.volumes if v.name == name]
            asked = [d for d in self.documents if isinstance(d, VolumeRequest) and d.name == name]
            zones = existing or [zone for volume in asked for zone in rules.volume_homes(volume, self.snapshot)]
            self.homes[name] = {zone: self._column(1) for zone in zones}
            if zones:
                self.rows.append((dict.fromkeys(self.homes[name].values(), 1.0), 1, 1))
        return self.homes[name]

    def _solve(self, objective: Sum) -> float | None:
        if not self.tops:
            return 0.0
        highs = highspy.Highs()  # type: ignore[no-untyped-call]
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        highs.setOptionValue("presolve", "off")
        highs.setOptionValue("mip_rel_gap", 0.0)
        highs.setOptionValue("mip_abs_gap", 1e-7)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.tops), len(self.rows)
        lp.col_cost_ = np.array([objective.get(i, 0.0) for i in range(len(self.tops))])
        lp.col_lower_, lp.col_upper_ = np.zeros(len(self.tops)), np.array(self.tops, dtype=float)
        lp.row_lower_ = np.array([low for _, low, _ in self.rows], dtype=float)
        lp.row_upper_ = np.array([high for _, _, high in self.rows], dtype=float)
        lp.integrality_ = [highspy.HighsVarType.kInteger] * len(self.tops)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.cumsum([0, *(len(terms) for terms, _, _ in self.rows)]).astype(np.int32)
        lp.a_matrix_.index_ = np.array([i for terms, _, _ in self.rows for i in terms], dtype=np.int32)
        lp.a_matrix_.value_ = np.array([v for terms, _, _ in self.rows for v in terms.values()], dtype=float)
        highs.passModel(lp)
        highs.run()
        status = highs.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        assert status == highspy.HighsModelStatus.kOptimal, status
        values = highs.getSolution().col_value
        return float(sum(value * round(values[column]) for column, value in objective.items()))
