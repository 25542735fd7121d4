"""Why a fleet gets no node for a run, and which single change of the run's requirements would get it one.

The fleet's nodes are planned alone, under what the fleet and the run ask for together; what would help then is planned
with the run, whose volumes and placement count too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from atoll.model.offer import UNKNOWN_PRICE
from atoll.planning.combined import Contradictory, combined
from atoll.planning.growth import Growth, part
from atoll.planning.plan import Cure, DocumentKind, DocumentPlan, Fact, NodePlacement, Source
from atoll.planning.reasons.cures import looser, looser_placement
from atoll.planning.reasons.words import lower_limit, upper_limit
from atoll.planning.request import FleetRequest, Request, Requirements, RunRequest


@dataclass(frozen=True, slots=True)
class RunNodes:
    """Nodes of fleets for one run of a request."""

    run: RunRequest
    growth: Growth

    def of(self, fleet: FleetRequest, requirements: Requirements | None = None) -> DocumentPlan | None:
        """The fleet's plan where its new nodes have to suit the run, too; None where none could suit it.

        `requirements` stand for the run's.
        """
        snapshot = self.growth.snapshot
        zones = [info.zone for info in snapshot.zones] or list(snapshot.catalog.zones)
        try:
            both = combined(fleet.requirements, requirements or self.run.requirements, zones)
        except Contradictory:
            return None
        alone = Request(fleet.name, (replace(fleet, requirements=both),))
        return self.growth.plan(alone, snapshot).documents[0]

    def cures(self, fleet: FleetRequest) -> Iterator[Cure]:
        """The changes of one of the run's requirements, or of its placement, with which it gets the fleet's nodes."""
        asked = self.run.requirements
        changes = list(looser(asked))
        if asked.max_price is not None and (nodes := self._fitting(fleet, replace(asked, max_price=None))):
            price = max(node.price for node in nodes)
            limit = None if price == UNKNOWN_PRICE else upper_limit(price)
            changes.append(("max_price", limit, replace(asked, max_price=limit)))
        for requirement, value, changed in changes:
            run = replace(self.run, requirements=changed)
            if self._fitting(fleet, changed) and (nodes := self._grown(run)):
                yield _cure(requirement, _amount(requirement, nodes, value), nodes)
        for requirement, value, run in looser_placement(self.run):
            if nodes := self._grown(run):
                yield _cure(requirement, value, nodes)
                return

    def _fitting(self, fleet: FleetRequest, requirements: Requirements) -> tuple[NodePlacement, ...]:
        made = self.of(fleet, requirements)
        return () if made is None or made.shortfall is not None else made.placements

    def _grown(self, run: RunRequest) -> tuple[NodePlacement, ...]:
        """The nodes of fleets on which the run stands in this form, existing and new; none where it does not fit."""
        request = self.growth.request
        same = [isinstance(document, RunRequest) and document.name == run.name for document in request.documents]
        documents = tuple(run if here else one for here, one in zip(same, request.documents, strict=True))
        grown = Growth.of(replace(request, documents=documents), self.growth.snapshot, self.growth.plan)
        one = part(grown.made, DocumentKind.RUN, self.run.name)
        planned: dict[tuple[str | None, int | None], NodePlacement] = {
            (document.name, node.node): node
            for document in grown.made.documents
            if document.kind is DocumentKind.FLEET
            for node in document.placements
        }
        return tuple(planned.get((node.fleet, node.fleet_node), node) for node in one.placements)


def _amount(requirement: str, nodes: tuple[NodePlacement, ...], value: Fact) -> Fact:
    """What the machines have at least, of what has a default: to drop it is not to ask for nothing."""
    match requirement:
        case "resources.cpu":
            return f"{lower_limit(min(node.instance_type.cpus for node in nodes)):.12g}.."
        case "resources.memory":
            return f"{lower_limit(min(node.instance_type.memory_gb for node in nodes)):.12g}GB.."
        case _:
            return value


def _cure(requirement: str, value: Fact, nodes: tuple[NodePlacement, ...]) -> Cure:
    zones = tuple(sorted({node.zone for node in nodes}))
    new = [node.price for node in nodes if node.source is Source.NEW]
    return Cure(requirement, value, zones, min(new, default=0.0))
