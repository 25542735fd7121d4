"""Fleets whose nodes are to be replaced: after their successors work, or before where there is no room for both.

An outdated node takes the room and the quota of its machine as long as it is there. Where its fleet does not fit beside
it, the fleet is planned once more as if its outdated nodes were gone: that costs capacity for a time, so only a plan
that a user confirms may say so.
"""

from collections.abc import Collection
from dataclasses import replace

from atoll.model.zone import Capacity, Zone
from atoll.planning.elastic import plan_elastic
from atoll.planning.growth import PlanFunction
from atoll.planning.plan import DocumentKind, DocumentPlan, Plan
from atoll.planning.request import Request
from atoll.planning.snapshot import ExistingInstance, Snapshot, Usage


def plan_replacing(request: Request, snapshot: Snapshot, plan: PlanFunction) -> Plan:
    """The plan of a request; fleets that fit only without their outdated nodes are `replaced_first`."""
    made = plan_elastic(request, snapshot, plan)
    if not request.confirmed or not (crowded := _crowded(made, snapshot)):
        return made
    second = plan_elastic(request, _without_outdated(snapshot, crowded), plan)
    fitting = {
        document.name
        for document in second.documents
        if document.kind is DocumentKind.FLEET and document.shortfall is None
    }
    if not (first := crowded & fitting):
        return made
    if first != crowded:
        second = plan_elastic(request, _without_outdated(snapshot, first), plan)
    return replace(second, documents=tuple(_replaced_first(document, first, snapshot) for document in second.documents))


def _crowded(made: Plan, snapshot: Snapshot) -> frozenset[str]:
    """The fleets that do not fit and have outdated nodes."""
    short = {
        document.name
        for document in made.documents
        if document.kind is DocumentKind.FLEET and document.shortfall is not None
    }
    return frozenset(instance.fleet for instance in snapshot.instances if instance.outdated and instance.fleet in short)


def _replaced_first(document: DocumentPlan, first: Collection[str], snapshot: Snapshot) -> DocumentPlan:
    if document.kind is not DocumentKind.FLEET or document.name not in first:
        return document
    outdated = tuple(
        instance for instance in snapshot.instances if instance.outdated and instance.fleet == document.name
    )
    return replace(document, removals=(*outdated, *document.removals), replaced_first=True)


def _without_outdated(snapshot: Snapshot, fleets: Collection[str]) -> Snapshot:
    """The world without the outdated nodes of some fleets, whose room is free."""
    going = [instance for instance in snapshot.instances if instance.outdated and instance.fleet in fleets]
    ids = {each.id for each in going}
    instances = tuple(instance for instance in snapshot.instances if instance.id not in ids)
    return replace(snapshot, instances=instances, usage=_freed(snapshot.usage, going))


def _freed(usage: Collection[Usage], going: Collection[ExistingInstance]) -> tuple[Usage, ...]:
    freed: dict[Zone, Capacity] = {}
    for each in going:
        freed[each.zone] = freed.get(each.zone, Capacity()) + each.instance_type.capacity
    return tuple(Usage(one.zone, _less(one.used, freed.get(one.zone, Capacity()))) for one in usage)


def _less(used: Capacity, freed: Capacity) -> Capacity:
    return Capacity(
        max(0, used.cpus - freed.cpus), max(0, used.memory_gb - freed.memory_gb), max(0, used.gpus - freed.gpus)
    )
