"""Plans and offers in the shapes of the wire, with a sentence for each reason."""

from collections.abc import Iterable, Mapping

from atoll.engine.queries.fleets import gpu_text
from atoll.engine.queries.zones import stale_in
from atoll.engine.requests.planned import Planned
from atoll.model.market import StalePart
from atoll.planning.offers import FoundOffer
from atoll.planning.offers import OfferGroup as FoundGroup
from atoll.planning.plan import Cure, DocumentPlan, NodePlacement, Refusal, Shortfall
from atoll.planning.reasons import explain
from atoll.planning.reasons.sentences import refusal_text
from atoll.wire.api import (
    OfferGroup,
    OfferView,
    PlannedCure,
    PlannedDocument,
    PlannedNode,
    PlannedRefusal,
    PlannedShortfall,
    PlanView,
    RefusalScope,
    Removal,
)


def plan_view(planned: Planned) -> PlanView:
    """A plan with a sentence for each of its reasons."""
    names = planned.instance_names
    documents = tuple(_document_view(document, names, planned.waits(document)) for document in planned.plan.documents)
    plan = planned.plan
    notes = [] if plan.proven else [explain.proof_note(plan.gap)]
    notes += [f"{part.backend} {part.region}: {part.text}" for part in planned.stale]
    notes += [f"backend `{name}` could not be listed: {error}" for name, error in sorted(planned.unlisted.items())]
    return PlanView(documents, plan.price, planned.complete, plan.proven, plan.gap, "; ".join(notes))


def _document_view(document: DocumentPlan, names: Mapping[str, str], waits: bool) -> PlannedDocument:
    short = document.shortfall
    return PlannedDocument(
        document.kind,
        document.name,
        tuple(_node_view(document.name, placement, names) for placement in document.placements),
        document.zone,
        tuple(_refusal_view(refusal) for refusal in document.refusals),
        tuple(_refusal_view(refusal) for refusal in document.offers),
        None if short is None else _shortfall_view(document, short, waits),
        document.price,
        document.traffic,
        document.notes,
        tuple(
            Removal(f"{removal.fleet}-{removal.node}", removal.zone, removal.in_use, removal.id, removal.outdated)
            for removal in document.removals
        ),
        document.replaced_first,
    )


def _shortfall_view(document: DocumentPlan, short: Shortfall, waits: bool) -> PlannedShortfall:
    message = explain.shortfall_reason(document.kind, short)
    cures = tuple(_cure_view(cure) for cure in short.cures)
    return PlannedShortfall(short.wanted, short.placed, short.code, dict(short.data), message, cures, waits)


def _cure_view(cure: Cure) -> PlannedCure:
    zones = tuple(str(zone) for zone in cure.zones)
    return PlannedCure(cure.requirement, cure.value, zones, cure.price, explain.cure_text(cure))


def _node_view(document: str, placement: NodePlacement, names: Mapping[str, str]) -> PlannedNode:
    zone, type_ = placement.zone, placement.instance_type
    return PlannedNode(
        document,
        placement.node,
        zone.backend,
        zone.region,
        zone.name,
        zone.zone_id,
        type_.name,
        type_.cpus,
        type_.memory_gb,
        gpu_text(type_),
        placement.market,
        placement.price,
        placement.source,
        names.get(placement.instance or "", placement.instance),
        placement.fleet,
        placement.fleet_node,
        placement.volumes,
    )


def _refusal_view(refusal: Refusal) -> PlannedRefusal:
    zone = refusal.zone
    scope = RefusalScope(zone.backend, zone.region, zone.name, zone.zone_id, refusal.instance_type, refusal.market)
    return PlannedRefusal(scope, refusal.code, dict(refusal.data), refusal_text(refusal), refusal.count)


def offer_view(found: FoundOffer, stale: Iterable[StalePart]) -> OfferView:
    """One offer, and why it is unavailable now."""
    offer, refusal = found.offer, found.refusal
    type_ = offer.instance_type
    return OfferView(
        offer.zone,
        type_.name,
        type_.cpus,
        type_.memory_gb,
        gpu_text(type_),
        offer.market,
        offer.price,
        offer.availability,
        "" if refusal is None else refusal_text(refusal),
        "" if refusal is None else refusal.code,
        offer.count,
        stale_in(stale, offer.zone),
    )


def offer_group_view(found: FoundGroup) -> OfferGroup:
    """A group of offers."""
    best = found.cheapest
    return OfferGroup(
        found.name,
        found.backend,
        found.offers,
        found.available,
        found.zones,
        None if best is None else best.price,
        "" if best is None else best.instance_type.name,
        None if best is None else best.zone,
        "" if best is None else best.market,
    )
