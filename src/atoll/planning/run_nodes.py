"""Why a fleet gets no node for a run, and which single change of the run's requirements would get it one.

The fleet's nodes are planned alone, under what the fleet and the run ask for together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from atoll.planning.combined import Contradictory, combined
from atoll.planning.growth import PlanFunction
from atoll.planning.plan import Cure, DocumentPlan, Fact, NodePlacement
from atoll.planning.reasons.cures import looser
from atoll.planning.request import FleetRequest, Request, Requirements, RunRequest
from atoll.planning.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class RunNodes:
    """Nodes of fleets for one run."""

    run: RunRequest
    snapshot: Snapshot
    plan: PlanFunction

    def of(self, fleet: FleetRequest, requirements: Requirements | None = None) -> DocumentPlan | None:
        """The fleet's plan where its new nodes have to suit the run, too; None where none could suit it.

        `requirements` stand for the run's.
        """
        zones = [info.zone for info in self.snapshot.zones] or list(self.snapshot.catalog.zones)
        try:
            both = combined(fleet.requirements, requirements or self.run.requirements, zones)
        except Contradictory:
            return None
        return self.plan(Request(fleet.name, (replace(fleet, requirements=both),)), self.snapshot).documents[0]

    def cures(self, fleet: FleetRequest) -> Iterator[Cure]:
        """The changes of one of the run's requirements with which the fleet gets its nodes."""
        asked = self.run.requirements
        for requirement, value, changed in looser(asked):
            if nodes := self._fitting(fleet, changed):
                yield _cure(requirement, _amount(requirement, nodes, value), nodes)
        if asked.max_price is not None and (nodes := self._fitting(fleet, replace(asked, max_price=None))):
            yield _cure("max_price", max(node.price for node in nodes), nodes)

    def _fitting(self, fleet: FleetRequest, requirements: Requirements) -> tuple[NodePlacement, ...]:
        made = self.of(fleet, requirements)
        return () if made is None or made.shortfall is not None else made.placements


def _amount(requirement: str, nodes: tuple[NodePlacement, ...], value: Fact) -> Fact:
    """What the machines have at least, of what has a default: to drop it is not to ask for nothing."""
    match requirement:
        case "resources.cpu":
            return f"{min(node.instance_type.cpus for node in nodes):g}.."
        case "resources.memory":
            return f"{min(node.instance_type.memory_gb for node in nodes):.12g}GB.."
        case _:
            return value


def _cure(requirement: str, value: Fact, nodes: tuple[NodePlacement, ...]) -> Cure:
    zones = tuple(sorted({node.zone for node in nodes}))
    return Cure(requirement, value, zones, min(node.price for node in nodes))
