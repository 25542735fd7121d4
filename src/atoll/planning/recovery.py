"""What comes back of fleets that lost nodes, where not all that they lack fits at once.

A fleet that is new is placed as a whole or not at all. One that exists gets what fits within its limits: a zone that is
back takes its share, although the nodes that `survive_zones` adds still find no place.
"""

from collections.abc import Iterator
from dataclasses import replace

from atoll.planning.growth import PlanFunction
from atoll.planning.plan import DocumentKind, DocumentPlan, Plan, ShortfallCode
from atoll.planning.replacement import plan_replacing
from atoll.planning.request import FleetRequest, Request
from atoll.planning.snapshot import Snapshot


def recovering(made: Plan, request: Request, snapshot: Snapshot, plan: PlanFunction) -> Plan:
    """The plan with as many nodes as fit for existing fleets of which it places none.

    Their shortfalls stay: what they lack is still to come. A plan that a user confirms is unchanged.
    """
    if request.confirmed:
        return made
    for part in made.documents:
        if part.kind is not DocumentKind.FLEET or part.placements or part.shortfall is None:
            continue
        if part.shortfall.code == ShortfallCode.UNDECIDED:
            continue
        fleet = next(
            document
            for document in request.documents
            if isinstance(document, FleetRequest) and document.name == part.name
        )
        lesser = _most(fleet, request, snapshot, plan)
        if lesser is not None:
            request = _instead(request, fleet, lesser)
            made = _merged(made, plan_replacing(request, snapshot, plan), part)
    return made


def _most(fleet: FleetRequest, request: Request, snapshot: Snapshot, plan: PlanFunction) -> FleetRequest | None:
    """The fleet with as many nodes as fit beside all else; None where no new one does."""
    staying = sum(instance.fleet == fleet.name and not instance.outdated for instance in snapshot.instances)

    def fits(lesser: FleetRequest) -> bool:
        trial = plan(_instead(request, fleet, lesser), snapshot, explained=False)
        found = _of_fleet(trial, fleet.name)
        return found.shortfall is None and len(trial.documents) == len(request.documents)

    if not 0 < staying < fleet.nodes:
        return None
    for safe in _less_safe(fleet):
        if fits(safe):
            return safe
    low, high = staying, fleet.nodes - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(_of_fewer(fleet, middle)) else (low, middle - 1)
    return _of_fewer(fleet, low) if low > staying else None


def _less_safe(fleet: FleetRequest) -> Iterator[FleetRequest]:
    """The fleet with all its nodes, of which fewer lost zones leave enough."""
    for zones in reversed(range(fleet.placement.survive_zones)):
        yield replace(fleet, placement=replace(fleet.placement, survive_zones=zones))


def _of_fewer(fleet: FleetRequest, nodes: int) -> FleetRequest:
    placement = replace(fleet.placement, survive_zones=0).of_fewer(nodes, fleet.nodes)
    return replace(fleet, nodes=nodes, placement=placement)


def _instead(request: Request, fleet: FleetRequest, lesser: FleetRequest) -> Request:
    return replace(
        request, documents=tuple(lesser if document is fleet else document for document in request.documents)
    )


def _merged(made: Plan, lesser: Plan, short: DocumentPlan) -> Plan:
    """The plan with the lesser fleet, which lacks what it lacked before; what else fits lies as it does beside it."""
    found = _of_fleet(lesser, short.name)
    assert short.shortfall is not None
    shortfall = replace(short.shortfall, placed=short.shortfall.placed + len(found.placements))
    part = replace(short, placements=found.placements, price=found.price, shortfall=shortfall)
    beside = {(document.kind, document.name): document for document in lesser.documents if document.shortfall is None}
    documents = (
        part if document is short else beside.get((document.kind, document.name), document)
        for document in made.documents
    )
    return replace(made, documents=tuple(documents))


def _of_fleet(plan: Plan, name: str) -> DocumentPlan:
    return next(
        document for document in plan.documents if document.kind is DocumentKind.FLEET and document.name == name
    )
