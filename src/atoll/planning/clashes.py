"""Which rule of a fleet keeps it from nodes that a run could use: each is dropped in turn, and all is planned again."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from atoll.planning.growth import Growth, part
from atoll.planning.plan import DocumentKind, Fact, NodePlacement
from atoll.planning.request import FleetRequest, Placement, Request, Requirements, RunRequest, Strategy


def clash(trial: Request, name: str, run: RunRequest, growth: Growth) -> Mapping[str, Fact] | None:
    """The first rule of a fleet without which the run would get its nodes, as facts: the rule, its value, and where.

    `trial` is a request in which the fleet is as large as it may get for the run. None where no rule is in the way, or
    where the run would only take the place of another.
    """
    fleet = next(
        document for document in trial.documents if isinstance(document, FleetRequest) and document.name == name
    )
    for rule, value, changed in _rules(fleet):
        documents = tuple(changed if document is fleet else document for document in trial.documents)
        made = growth.plan(replace(trial, documents=documents), growth.snapshot, explained=False)
        if growth.is_better(made, [run]) and part(made, DocumentKind.FLEET, name).shortfall is None:
            new = _new_nodes(changed, run, growth)
            zones = tuple(sorted({str(node.zone) for node in new}))
            if new:
                return {"fleet": name, "rule": rule, "value": value, "nodes": len(new), "zones": zones}
    return None


def _new_nodes(fleet: FleetRequest, run: RunRequest, growth: Growth) -> list[NodePlacement]:
    """The new nodes of a fleet with other rules for the run, as few as it needs, beside all that is placed."""
    request = growth.beside(run)
    documents = tuple(
        replace(fleet, nodes=document.nodes)
        if isinstance(document, FleetRequest) and document.name == fleet.name
        else document
        for document in request.documents
    )
    elastic = tuple(
        replace(one, fleet=replace(fleet, nodes=one.fleet.nodes)) if one.fleet.name == fleet.name else one
        for one in request.elastic
    )
    grown = Growth.of(replace(request, documents=documents, elastic=elastic), growth.snapshot, growth.plan)
    nodes = part(grown.made, DocumentKind.RUN, run.name).placements
    return [node for node in nodes if node.fleet == fleet.name and node.instance is None]


def _rules(fleet: FleetRequest) -> Iterator[tuple[str, Fact, FleetRequest]]:
    """The fleet without each of its rules about zones, and without all of them."""
    placement, asked = fleet.placement, fleet.requirements
    of_placement: dict[str, tuple[Fact, Placement]] = {
        "max_zones": (placement.max_zones, replace(placement, max_zones=None)),
        "max_share": (placement.max_share, replace(placement, max_share=None)),
        "min_zones": (placement.min_zones, replace(placement, min_zones=None)),
        "survive_zones": (placement.survive_zones, replace(placement, survive_zones=0)),
        "placement": (placement.strategy.value, replace(placement, strategy=Strategy.ANY)),
    }
    of_requirements: dict[str, Requirements] = {
        "availability_zones": replace(asked, availability_zones=None),
        "regions": replace(asked, regions=None),
        "backends": replace(asked, backends=None),
    }
    for rule, (value, looser) in of_placement.items():
        if looser != placement:
            yield rule, value, replace(fleet, placement=looser)
    for rule, anywhere in of_requirements.items():
        if anywhere != asked:
            yield rule, None, replace(fleet, requirements=anywhere)
    everywhere = replace(asked, availability_zones=None, regions=None, backends=None)
    yield "zones", None, replace(fleet, placement=Placement(), requirements=everywhere)
