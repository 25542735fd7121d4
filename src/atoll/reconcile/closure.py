"""What to do about the closure of a zone: end it at its time."""

from dataclasses import dataclass
from datetime import datetime

from atoll.model.records import Closure
from atoll.model.states import ClosureState
from atoll.model.waits import STEADY_SECONDS
from atoll.reconcile.action import ClosureAction, Finished, Step, Wait


@dataclass(frozen=True, slots=True)
class ClosureSight:
    """A closure."""

    closure: Closure
    now: datetime


def decide(sight: ClosureSight) -> ClosureAction:
    """The next action for a closure."""
    closure = sight.closure
    if closure.state is ClosureState.ENDED:
        return Finished()
    left = (closure.until - sight.now).total_seconds()
    if left <= 0:
        return Step(ClosureState.ENDED, "expired", {"ended_at": sight.now})
    return Wait(min(left, STEADY_SECONDS))
