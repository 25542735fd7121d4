"""Why a run does not fit where a machine for it could be: too few machines, or a volume that another run uses."""

from dataclasses import dataclass

from atoll.planning.facts import Facts
from atoll.planning.filters.feasibility import PASSED, Feasibility
from atoll.planning.plan import Fact, RefusalCode
from atoll.planning.reasons.remainder import Remainder
from atoll.planning.request import FleetRequest, RunRequest, Strategy
from atoll.planning.solving.components import may_use
from atoll.planning.solving.joint import Decider, Decision
from atoll.planning.solving.limits import Limits


@dataclass(frozen=True, slots=True)
class Lack:
    """What a decision leaves too little of."""

    decider: Decider
    decision: Decision
    remainder: Remainder

    def of(self, run: RunRequest, feasibility: Feasibility, zone: int, reuses: bool) -> tuple[RefusalCode, Facts]:
        """Why the run does not fit although machines for it could be in this zone.

        `reuses` says that there are idle or planned machines that it may use.
        """
        used = self._used_volume(run, zone)
        if used is not None:
            return RefusalCode.VOLUME_ATTACHED, {"volume": used, "run": True}
        terrain = self.decider.terrain
        wanted, region = len(run.nodes), terrain.zones[zone].zone.region
        data: dict[str, Fact] = {"wanted": wanted, "strategy": run.strategy.value, "region": region}
        others = reuses or any(node.mounts for node in run.nodes)
        if wanted == 1:
            return RefusalCode.CLUSTER, {**data, "spare": self._has_spare(run, zone)}
        if others or run.strategy is Strategy.SPREAD:
            return RefusalCode.CLUSTER, data
        options = self.decider.run_group(run, (), Limits.of(terrain)).options
        places = {
            Strategy.CLUSTER: [option for option in options if option.zone == zone],
            Strategy.REGION: [option for option in options if terrain.region(option.zone) == terrain.region(zone)],
        }
        within = places.get(run.strategy, list(options))
        fits = self.remainder.most(within, wanted)
        refused = self.remainder.refusal_after(feasibility, zone, within, fits) if fits < wanted else None
        if refused is None:
            return RefusalCode.CLUSTER, data
        return RefusalCode.CLUSTER, {**data, **refused[1], "fits": fits, "then": refused[0].value}

    def _has_spare(self, run: RunRequest, zone: int) -> bool:
        """Whether a machine for the run is left in this zone: to be had, idle or planned."""
        solution = self.decision.solution
        taken = [(s.supply, len(s.ranks)) for shares in solution.runs.values() for s in shares if s.supply.zone == zone]
        pools = [pool for pool in self.decider.run_group(run, ()).pools if pool.zone == zone]
        ids = {ident for pool in pools for ident in pool.ids}
        idle = len(ids) - sum(count for supply, count in taken if supply.pool and ids.issuperset(supply.pool.ids))
        fleets = [d.name for d in self.decision.placed if isinstance(d, FleetRequest) and may_use(run, d.name)]
        bought = [entry for fleet in fleets for entry in solution.fleets.get(fleet, ())]
        planned = sum(count for option, count in bought if option.zone == zone)
        planned -= sum(count for supply, count in taken if supply.fleet in fleets)
        feasibility = self.decider.feasibility(run.requirements)
        return (run.buys and feasibility.zones[zone] == PASSED) or idle > 0 or planned > 0

    def _used_volume(self, run: RunRequest, zone: int) -> str | None:
        """A volume in this zone that the run needs, and that another run of the plan uses."""
        used = {name for shares in self.decision.solution.runs.values() for share in shares for name in share.volumes}
        for mount in (mount for node in run.nodes for mount in node.mounts):
            disks = [d for name in mount.volumes if (d := self.decider.disk_of(name)) is not None and zone in d.zones]
            if disks and all(disk.name in used and zone not in disk.shared for disk in disks):
                return disks[0].name
        return None
