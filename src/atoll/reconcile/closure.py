"""What to do about the closure of a zone: empty the zone where it asks for that, and end the closure at its time."""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.records import Closure, ClosureKind
from atoll.model.states import ClosureState
from atoll.model.waits import STEADY_SECONDS
from atoll.reconcile.action import ClosureAction, EmptyZone, Finished, Mark, Step, StopRest, Wait

LOOK_SECONDS = 2.0
"""How often a zone that is being emptied is looked at: jobs end, volumes are detached, successors become active."""


@dataclass(frozen=True, slots=True)
class ClosureSight:
    """A closure, and for one that empties the zone: how many instances are `here`, and what is to happen to them.

    `replace` and `release` are ids of instances that are not marked yet, `left` those of all that have not been ended;
    `message` says what remains, and why.
    """

    closure: Closure
    now: datetime
    here: int = 0
    replace: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    message: str = ""


def decide(sight: ClosureSight) -> ClosureAction:
    """The next action for a closure."""
    closure = sight.closure
    if closure.state is ClosureState.ENDED:
        return Finished()
    remaining = (closure.until - sight.now).total_seconds()
    if remaining <= 0:
        return Step(ClosureState.ENDED, "expired", {"ended_at": sight.now, "message": ""})
    if closure.operation is ClosureKind.CORDON:
        return Wait(min(remaining, STEADY_SECONDS))
    if closure.state is ClosureState.ACTIVE:
        return Step(ClosureState.EMPTYING, changes={"total": sight.here})
    if closure.state is ClosureState.EMPTY:
        return Step(ClosureState.EMPTYING) if sight.here else Wait(min(remaining, STEADY_SECONDS))
    return _empty(sight) or Wait(min(remaining, LOOK_SECONDS))


def _empty(sight: ClosureSight) -> ClosureAction | None:
    closure = sight.closure
    if not sight.here:
        return Step(ClosureState.EMPTY, changes={"gone": closure.total, "message": ""})
    if sight.replace or sight.release:
        return EmptyZone(sight.replace, sight.release)
    if closure.deadline is not None and sight.now >= closure.deadline and sight.left:
        return StopRest(sight.left)
    seen = {"gone": max(0, closure.total - sight.here), "message": sight.message}
    return None if seen == {"gone": closure.gone, "message": closure.message} else Mark(seen)
