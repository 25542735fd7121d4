"""Writes observations: what became of the launch of each instance."""

from datetime import datetime

from atoll.model.failure import FailureKind
from atoll.model.observation import Observation, Outcome
from atoll.model.reasons import EndReason
from atoll.model.records import Instance
from atoll.model.states import InstanceState
from atoll.store.transaction import Transaction

_REFUSALS = {kind.value for kind in FailureKind if kind is not FailureKind.INTERRUPTED}


async def record_step(tx: Transaction, instance: Instance) -> None:
    """Record the attempt, the launch or the end that an instance's step to its state is; other steps are none."""
    match instance.state:
        case InstanceState.LAUNCHING:
            await _add(tx, instance, Outcome.ATTEMPT)
        case InstanceState.ACTIVE:
            began = await tx.observations.attempted_at(instance.id)
            await _add(tx, instance, Outcome.LAUNCHED, _seconds(began, tx.now))
        case InstanceState.TERMINATED if instance.backend_id is not None and instance.end_reason not in _REFUSALS:
            outcome = Outcome.INTERRUPTED if instance.end_reason == EndReason.INTERRUPTED else Outcome.ENDED
            await _add(tx, instance, outcome, _seconds(instance.started_at, tx.now), instance.end_reason)
        case _:
            pass


async def record_refusal(tx: Transaction, instance: Instance, reason: str) -> None:
    """Record that the provider refused an instance; `reason` is the kind of its error."""
    await _add(tx, instance, Outcome.REFUSED, reason=reason)


async def _add(
    tx: Transaction, instance: Instance, outcome: Outcome, seconds: float | None = None, reason: str = ""
) -> None:
    kind = instance.instance_type.name
    await tx.observations.add(
        Observation(instance.id, outcome, instance.zone, kind, instance.market, tx.now, seconds, reason)
    )


def _seconds(start: datetime | None, end: datetime) -> float | None:
    """The time between two moments; clocks of several servers may differ by a little."""
    return None if start is None else max(0.0, (end - start).total_seconds())
