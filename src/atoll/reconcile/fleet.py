"""What to do about a fleet: keep its requested shape, or end all of its instances.

How many nodes are missing and which are surplus is `planning.shape`'s answer; nothing here decides about zones.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from atoll.model.reasons import ChangeReason, EndReason
from atoll.model.records import GAVE_UP, Fleet
from atoll.model.states import FleetState
from atoll.model.waits import CHANGING_SECONDS, STEADY_SECONDS
from atoll.reconcile.action import (
    EndInstances,
    EndRebalance,
    Finished,
    FleetAction,
    Mark,
    PlanNodes,
    StartRebalance,
    Step,
    Wait,
)
from atoll.reconcile.backoff import early_pause

SETTLING_SECONDS = 2.0
"""How often a fleet looks whether the nodes that take the place of others work: launches are limited in time."""
HELD_SECONDS = 0.1
"""The shortest pause before a node may go that a disruption budget keeps."""


@dataclass(frozen=True, slots=True)
class FleetSight:
    """A fleet: how many of its instances are not terminated (`alive`), and how many stay and fit it (`fitting`).

    `target` is the size in its configuration; nodes beyond it came for runs. `missing` nodes are to be added at
    least; `surplus` are the ids of nodes that may go now, which for a fleet that is being deleted are all that stay;
    `settling` while others go later, when those that take their place work. Of the nodes that may go now, `drained` are
    in zones that are emptied, and a rebalance replaces the `moved` ones, `moving` until all of these are gone. `filled`
    says that a fleet that has waited has all its nodes, and that they work. It waits for nodes for at most `patience`
    (None: without end).
    `held` says which disruption budget keeps nodes that would go now; the next one may go at `resumes` at the earliest.
    With `in_turns` there is such a budget. `uneven` says that a fleet that rebalances by itself has all its nodes, and
    may not keep its placement.
    """

    fleet: Fleet
    alive: int
    fitting: int
    now: datetime
    target: int
    missing: int = 0
    surplus: Collection[str] = ()
    settling: bool = False
    drained: Collection[str] = ()
    moved: Collection[str] = ()
    moving: bool = False
    filled: bool = False
    patience: timedelta | None = None
    held: str = ""
    resumes: datetime | None = None
    in_turns: bool = False
    uneven: bool = False


def decide(sight: FleetSight) -> FleetAction:
    """The next action for a fleet."""
    match sight.fleet.state:
        case FleetState.DELETED:
            return Finished()
        case FleetState.DELETING:
            if sight.surplus:
                return EndInstances(tuple(sight.surplus), EndReason.FLEET_DELETED)
            if sight.alive:
                return Wait(CHANGING_SECONDS)
            return Step(FleetState.DELETED, changes={"rebalancing_until": None})  # a rebalance ends with its fleet
        case FleetState.ACTIVE:
            return _size(sight)


def _size(sight: FleetSight) -> FleetAction:
    if sight.fleet.auto_created:
        return Wait(STEADY_SECONDS) if sight.alive else Step(FleetState.DELETING, ChangeReason.UNUSED)
    if sight.drained:
        return EndInstances(tuple(sight.drained), EndReason.ZONE_DRAINED)
    if sight.moved:
        return EndInstances(tuple(sight.moved), EndReason.REBALANCED)
    if sight.surplus:
        return EndInstances(tuple(sight.surplus), EndReason.FLEET_CHANGED)
    if _rebalanced(sight):
        return EndRebalance()
    if sight.missing:
        return _grow(sight)
    if sight.filled and sight.fleet.waiting_since is not None:
        return Mark({"waiting_since": None, "message": sight.fleet.message if sight.fleet.hold else ""})
    return _rest(sight)


def _rest(sight: FleetSight) -> FleetAction:
    """What a fleet does that has its nodes."""
    if sight.settling:
        return Wait(SETTLING_SECONDS)
    if sight.uneven:
        return StartRebalance()
    if sight.held:
        remaining = CHANGING_SECONDS if sight.resumes is None else (sight.resumes - sight.now).total_seconds()
        return Wait(min(max(remaining, HELD_SECONDS), STEADY_SECONDS))
    return Wait(STEADY_SECONDS if sight.fleet.waiting_since is None else CHANGING_SECONDS)


def _rebalanced(sight: FleetSight) -> bool:
    """Whether a rebalance ends: all that it moves has gone, its time is over, or the fleet launches nothing."""
    until = sight.fleet.rebalancing_until
    return until is not None and (not sight.moving or sight.now >= until or bool(sight.fleet.hold))


def _grow(sight: FleetSight) -> FleetAction:
    if sight.fleet.nodes > sight.target:
        # What it had grown to for runs is not replaced: those that still need it let it grow again.
        return Mark({"nodes": max(sight.target, min(sight.fitting, sight.fleet.nodes - 1))})
    if sight.fleet.hold:
        return Finished()
    since = sight.fleet.waiting_since
    if since is not None and sight.patience is not None and sight.now - since >= sight.patience:
        reason = sight.fleet.message.removeprefix("waits: ")
        return Mark({"hold": GAVE_UP, "message": f"`retry.duration` is over: {reason}"})
    pause = early_pause(sight.fleet, sight.now)
    return Wait(pause) if pause else PlanNodes()
