"""Existing fleets whose placement could never be kept: a changed fleet is refused for what a new one is refused for.

Nodes that exist stay where they are, so a changed fleet may have all its nodes and exceed its limits. That is accepted
where other zones, or what time brings, let the nodes be moved. Where a new fleet would not fit into an empty world
either, it is not.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from atoll.planning.filters.eligible import eligible_zones
from atoll.planning.growth import PlanFunction
from atoll.planning.plan import DocumentKind, DocumentPlan, Plan, Shortfall, ShortfallCode
from atoll.planning.request import FleetRequest, Request
from atoll.planning.shape import excess
from atoll.planning.snapshot import Snapshot

Emptied = Callable[[], Snapshot]
"""Makes the world without any instance, once everything has passed that can."""


def refusing_impossible(made: Plan, request: Request, snapshot: Snapshot, emptied: Emptied, plan: PlanFunction) -> Plan:
    """The plan without the changed fleets that could not keep their placement in an `emptied` world.

    What the engine plans by itself is unchanged: a fleet that was accepted keeps what it has.
    """
    if not request.confirmed:
        return made
    fleets = {document.name: document for document in request.documents if isinstance(document, FleetRequest)}
    documents = tuple(
        _judged(part, fleets[part.name], request, snapshot, (emptied, plan))
        if part.kind is DocumentKind.FLEET and part.name in fleets and part.shortfall is None
        else part
        for part in made.documents
    )
    return replace(made, documents=documents, price=sum(part.price for part in documents))


def _judged(
    part: DocumentPlan,
    fleet: FleetRequest,
    request: Request,
    snapshot: Snapshot,
    trial: tuple[Emptied, PlanFunction],
) -> DocumentPlan:
    """The fleet's plan, or why it never fits; `trial` is how that is found out."""
    going = {removal.id for removal in part.removals}
    existing = [instance for instance in snapshot.instances if instance.fleet == fleet.name]
    counts = Counter(one.zone for one in existing if one.id not in going and not one.outdated)
    if not counts:
        return part
    counts.update(node.zone for node in part.placements)
    if not any(excess(fleet.nodes, fleet.placement, counts, eligible_zones(fleet.requirements, snapshot))):
        return part
    emptied, plan = trial
    [fresh] = plan(Request(request.id, (fleet,)), emptied()).documents
    if fresh.shortfall is None or fresh.shortfall.code == ShortfallCode.UNDECIDED:
        return part
    return replace(fresh, placements=(), price=0, shortfall=_of_existing(fresh.shortfall, counts.total(), part))


def _of_existing(shortfall: Shortfall, held: int, part: DocumentPlan) -> Shortfall:
    """The shortfall of a new fleet as the one of a fleet that has nodes, which its cures need not buy."""
    cures = shortfall.cures
    if not part.placements:
        cures = tuple(replace(cure, price=0.0) for cure in cures)
    return replace(shortfall, placed=held, cures=cures)
