"""What to do about a fleet: keep as many instances as it asks for, or let them all go."""

from collections.abc import Collection
from dataclasses import dataclass

from atoll.model.records import Fleet, Instance
from atoll.model.states import FleetState
from atoll.reconcile.action import EndInstances, Finished, FleetAction, PlanNodes, Step


@dataclass(frozen=True, slots=True)
class FleetSight:
    """A fleet and its instances that are not terminated; `claimed` are the ids of those that jobs hold."""

    fleet: Fleet
    instances: Collection[Instance]
    claimed: Collection[str] = ()


def decide(sight: FleetSight) -> FleetAction:
    """The next action for a fleet."""
    staying = [instance for instance in sight.instances if not instance.end_reason]
    match sight.fleet.state:
        case FleetState.DELETED:
            return Finished()
        case FleetState.DELETING:
            if staying:
                return EndInstances(tuple(instance.id for instance in staying), "fleet-deleted")
            return Finished() if sight.instances else Step(FleetState.DELETED)
        case FleetState.ACTIVE:
            return _size(sight, staying)


def _size(sight: FleetSight, staying: list[Instance]) -> FleetAction:
    fleet = sight.fleet
    if fleet.auto_created:
        return Finished() if sight.instances else Step(FleetState.DELETING, "unused")
    if len(staying) < fleet.nodes:
        return PlanNodes()
    surplus = len(staying) - fleet.nodes
    if surplus:
        # Idle ones first, and of those the newest: what was there first stays.
        order = sorted(staying, key=lambda instance: (instance.id in sight.claimed, -instance.node))
        return EndInstances(tuple(instance.id for instance in order[:surplus]), "fleet-resized")
    return Finished()
