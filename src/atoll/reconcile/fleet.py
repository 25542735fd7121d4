"""What to do about a fleet: keep as many instances as it asks for, or let them all go."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from atoll.model.records import Fleet, Instance
from atoll.model.states import FleetState
from atoll.reconcile.action import EndInstances, Finished, FleetAction, Mark, PlanNodes, Step, Wait
from atoll.reconcile.backoff import early_pause


@dataclass(frozen=True, slots=True)
class FleetSight:
    """A fleet: how many of its instances are not terminated (`alive`), and how many of those shall stay (`staying`).

    `target` is the size that its configuration asks for; what is more came for runs. `instances` and the ids of those
    that jobs hold (`claimed`) are looked up only where some may have to go.
    """

    fleet: Fleet
    alive: int
    staying: int
    now: datetime
    target: int
    instances: Collection[Instance] = ()
    claimed: Collection[str] = ()


def decide(sight: FleetSight) -> FleetAction:
    """The next action for a fleet."""
    match sight.fleet.state:
        case FleetState.DELETED:
            return Finished()
        case FleetState.DELETING:
            if sight.staying:
                return EndInstances(tuple(instance.id for instance in _staying(sight)), "fleet-deleted")
            return Finished() if sight.alive else Step(FleetState.DELETED)
        case FleetState.ACTIVE:
            return _size(sight)


def _staying(sight: FleetSight) -> list[Instance]:
    return [instance for instance in sight.instances if not instance.end_reason]


def _size(sight: FleetSight) -> FleetAction:
    fleet = sight.fleet
    if fleet.auto_created:
        return Finished() if sight.alive else Step(FleetState.DELETING, "unused")
    if sight.staying < fleet.nodes:
        return _grow(sight)
    surplus = sight.staying - fleet.nodes
    if surplus:
        # Idle ones first, and of those the newest: what was there first stays.
        order = sorted(_staying(sight), key=lambda instance: (instance.id in sight.claimed, -instance.node))
        return EndInstances(tuple(instance.id for instance in order[:surplus]), "fleet-resized")
    return Finished()


def _grow(sight: FleetSight) -> FleetAction:
    if sight.fleet.nodes > sight.target:
        # What it had grown to for runs is not replaced: those that still need it let it grow again.
        return Mark({"nodes": max(sight.target, sight.staying)})
    if sight.fleet.hold:
        return Finished()
    pause = early_pause(sight.fleet, sight.now)
    return Wait(pause) if pause else PlanNodes()
