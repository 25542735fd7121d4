"""Records and plans in the shapes of the wire. No configuration is shown, so that no variable's value can be."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from atoll.engine.queries.shapes import FleetShape
from atoll.engine.requests.planned import Planned
from atoll.model.records import Event, Fleet, Instance, Job, Run, Volume
from atoll.model.resources import InstanceType
from atoll.model.states import FleetState, InstanceState, RunState
from atoll.model.zone import Zone
from atoll.planning.offers import FoundOffer
from atoll.planning.offers import OfferGroup as FoundGroup
from atoll.planning.plan import Cure, DocumentPlan, NodePlacement, Refusal, Shortfall
from atoll.planning.reasons import explain
from atoll.planning.reasons.sentences import refusal_text
from atoll.store.shown import ShownInstance
from atoll.wire.api import (
    ON_HOLD,
    EventView,
    FleetView,
    InstanceView,
    JobView,
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
    RunView,
    VolumeView,
)

_STARTING = (RunState.SUBMITTED, RunState.PROVISIONING)


def gpu_text(type_: InstanceType) -> str:
    """`H100:8`, or empty."""
    return f"{type_.gpu.name}:{type_.gpu.count}" if type_.gpu else ""


def instance_view(instance: ShownInstance, backends: Collection[str]) -> InstanceView:
    """One machine, idle or busy depending on its jobs; `unknown` where its backend is not configured."""
    status, message, silent_since = instance.state, instance.message, None
    if instance.zone.backend not in backends:
        status, message = "unknown", message or not_configured(instance.zone.backend)
    elif status == InstanceState.ACTIVE:
        status, silent_since = "busy" if instance.runs else "idle", instance.unreachable_since
    if silent_since is not None:
        status = "unreachable"
        message = message or f"its agent has not answered since {silent_since:%H:%M:%S %Z}"
    type_ = instance.instance_type
    return InstanceView(
        instance.id,
        instance.name,
        instance.fleet,
        instance.node,
        status,
        instance.zone,
        type_.name,
        type_.cpus,
        type_.memory_gb,
        gpu_text(type_),
        instance.market,
        instance.price,
        instance.created_at,
        instance.runs,
        instance.volumes,
        instance.backend_id,
        instance.end_reason,
        message,
        silent_since,
    )


def not_configured(backend: str) -> str:
    """Why the state of a backend's resources is unknown."""
    return f"backend `{backend}` is not configured"


def no_longer_offered(zones: Iterable[Zone]) -> list[str]:
    """A note for each zone that its backend no longer lists."""
    return [f"zone {zone} is no longer offered" for zone in sorted(zones)]


def fleet_view(
    fleet: Fleet,
    instances: Sequence[ShownInstance],
    shape: FleetShape,
    backends: Collection[str],
    gone: Collection[Zone] = (),
) -> FleetView:
    """A fleet with its machines and its shape.

    `backends` are those configured; `gone` are zones that are no longer offered.
    """
    away = sorted({instance.zone.backend for instance in instances} - {*backends})
    notes = no_longer_offered({instance.zone for instance in instances} & {*gone})
    placement = fleet.config.get("placement", "any")
    strategy = placement.get("strategy", "any") if isinstance(placement, dict) else str(placement)
    return FleetView(
        fleet.id,
        fleet.name,
        ON_HOLD if fleet.hold and fleet.state is FleetState.ACTIVE else fleet.state,
        fleet.nodes,
        strategy,
        shape.skew,
        sum(instance.price for instance in instances),
        fleet.created_at,
        fleet.auto_created,
        tuple(instance_view(instance, backends) for instance in instances),
        "; ".join(map(not_configured, away)) or fleet.message,
        shape.spare,
        shape.surplus,
        "; ".join(filter(None, [*notes, shape.note])),
    )


def volume_view(
    volume: Volume, holders: Sequence[str], backends: Collection[str], gone: Collection[Zone] = ()
) -> VolumeView:
    """A volume, and the names of the machines that hold it; `unknown` where its backend is not configured."""
    status, message = "deleting" if volume.end_reason else str(volume.state), volume.message
    if volume.backend not in backends:
        status = status if volume.end_reason else "unknown"
        message = not_configured(volume.backend)
    elif volume.zone is not None and volume.zone in gone:
        message = "; ".join(filter(None, [*no_longer_offered([volume.zone]), message]))
    return VolumeView(
        volume.id,
        volume.name,
        status,
        volume.size_gb,
        volume.backend,
        volume.zone,
        volume.created_at,
        tuple(holders),
        volume.backend_id,
        str(volume.config.get("binding_mode", "immediate")),
        message=message,
    )


def run_view(run: Run, jobs: Sequence[Job], instances: Mapping[str, Instance], earlier: Sequence[Job] = ()) -> RunView:
    """A run with the newest attempt of each job, and with `earlier` ones."""
    held = [instances[job.instance_id] for job in jobs if job.instance_id and job.instance_id in instances]
    views = tuple(_job_view(job, instances.get(job.instance_id or "")) for job in jobs)
    return RunView(
        run.id,
        run.name,
        run.type,
        ON_HOLD if run.hold and run.state in _STARTING else run.state,
        run.created_at,
        sum(instance.price for instance in held),
        views,
        run.exit_code,
        run.reason,
        run.message,
        run.finished_at,
        tuple(_job_view(job, instances.get(job.instance_id or "")) for job in earlier),
    )


def _job_view(job: Job, instance: Instance | None) -> JobView:
    return JobView(
        job.id,
        job.rank,
        job.submission,
        job.state,
        job.zone,
        instance.name if instance else None,
        instance.fleet if instance else None,
        instance.instance_type.name if instance else None,
        job.exit_code,
        job.reason,
        job.message,
        job.started_at,
        job.finished_at,
    )


def event_view(event: Event) -> EventView:
    """One change of state."""
    return EventView(
        event.seq,
        event.time,
        event.kind,
        event.name,
        event.from_state,
        event.to_state,
        event.zone,
        event.reason,
        event.message,
        event.actor,
    )


def plan_view(planned: Planned) -> PlanView:
    """A plan with a sentence for each of its reasons."""
    names = planned.instance_names
    documents = tuple(_document_view(one, names, planned.waits(one)) for one in planned.plan.documents)
    plan = planned.plan
    note = "" if plan.proven else explain.proof_note(plan.gap)
    return PlanView(documents, plan.price, planned.complete, plan.proven, plan.gap, note)


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
        tuple(Removal(f"{each.fleet}-{each.node}", each.zone, each.busy, each.id) for each in document.removals),
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


def offer_view(found: FoundOffer) -> OfferView:
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
