"""How fleets lie over their zones now, for lists: what is spare, how uneven they are, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from atoll.engine.placing.demand import fleet_request, spec_of
from atoll.engine.snapshots.world import World
from atoll.model.records import Fleet
from atoll.model.zone import Zone, ZoneState
from atoll.planning.filters.eligible import closed_zones, eligible_zones
from atoll.planning.reasons import explain
from atoll.planning.request import Placement, Requirements, Strategy
from atoll.planning.shape import Member, shape, skew_of
from atoll.planning.snapshot import Snapshot

_NAMED = 3
"""Zones that a note names; more are counted."""


@dataclass(frozen=True, slots=True)
class FleetShape:
    """A fleet's `skew` over its eligible zones, its nodes beyond the requested ones, and what is worth a note.

    `spare` nodes stay, so that enough survive a lost zone; `surplus` ones are about to go.
    """

    skew: int
    spare: int
    surplus: int = 0
    note: str = ""


class Shapes:
    """Computes the shapes of fleets; which zones are eligible is found once for each requirements and world."""

    def __init__(self) -> None:
        self._world: World | None = None
        self._eligible: dict[Requirements, frozenset[Zone]] = {}

    def of(self, fleet: Fleet, counts: Mapping[Zone, int], world: World, now: datetime) -> FleetShape:
        """The shape of a fleet whose staying instances are counted by zone; `world` is as its project sees it."""
        if fleet.auto_created:
            return FleetShape(max(counts.values(), default=0) - min(counts.values(), default=0), 0)
        request = fleet_request(fleet.name, spec_of(fleet), fleet.nodes)
        surplus = _surplus(fleet.nodes, request.placement, counts)
        spare = max(0, sum(counts.values()) - fleet.nodes - surplus)
        # While nodes are to come or to go, what is there is not how the fleet stays.
        settled = sum(counts.values()) >= fleet.nodes and not surplus
        # A rebalance of one on hold, or of one that has grown for runs, is refused.
        moves = settled and not fleet.hold and fleet.nodes <= spec_of(fleet).nodes.target
        bounds = list(explain.bounds_notes(fleet.nodes, request.placement, counts))
        snapshot = Snapshot(world.catalog, world.zones, now)
        eligible = self._of(request.requirements, world, snapshot)
        hint = explain.rebalance_note(fleet.name, fleet.nodes, request.placement, len(eligible))
        if request.placement.strategy is not Strategy.SPREAD:
            skew = max(counts.values(), default=0) - min(counts.values(), default=0)
            return FleetShape(skew, spare, surplus, "; ".join([*bounds, hint] if bounds and moves else bounds))
        skew, emptiest = skew_of(request.placement, counts, eligible)
        closed = closed_zones(request.requirements, snapshot)
        notes = [
            _closed(state, [str(zone) for zone, each in closed if each is state]) for state in dict(closed).values()
        ]
        if skew > request.placement.max_skew and emptiest is not None:
            bounds.append(explain.uneven_note(skew, request.placement.max_skew, emptiest, counts.get(emptiest, 0)))
        hints = [hint] if bounds and moves else []
        return FleetShape(skew, spare, surplus, "; ".join(dict.fromkeys((*notes, *bounds, *hints))))

    def _of(self, requirements: Requirements, world: World, snapshot: Snapshot) -> frozenset[Zone]:
        former = self._world
        if former is None or world.catalog is not former.catalog or world.zones != former.zones:
            self._world, self._eligible = world, {}
        if requirements not in self._eligible:
            self._eligible[requirements] = eligible_zones(requirements, snapshot)
        return self._eligible[requirements]


def _surplus(nodes: int, placement: Placement, counts: Mapping[Zone, int]) -> int:
    """How many nodes go, whichever they are."""
    if sum(counts.values()) <= nodes:
        return 0
    members = [Member(f"{zone}/{node}", zone, node) for zone, count in counts.items() for node in range(count)]
    return len(shape(nodes, placement, members, counts).removals)


def _closed(state: ZoneState, zones: list[str]) -> str:
    named = ", ".join(zones[:_NAMED]) + (f" and {len(zones) - _NAMED} more" if len(zones) > _NAMED else "")
    return f"{named} {'is' if len(zones) == 1 else 'are'} {state}"
