"""Closures, laid over the zones as their backends list them: a zone that an operator closed takes no new work."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from atoll.model.records import Closure
from atoll.model.zone import Zone, ZoneInfo, ZoneState

if TYPE_CHECKING:  # worker processes read and plan files without the store
    from atoll.store.transaction import Transaction

_OVERRIDDEN = frozenset({ZoneState.AVAILABLE, ZoneState.IMPAIRED, ZoneState.DRAINED})
"""States that may pass while the zone stays closed; the account's own limits are not an operator's to lift."""


async def zones_for(tx: "Transaction", zones: Sequence[ZoneInfo], project: str) -> tuple[ZoneInfo, ...]:
    """The zones as they are for one project: closed where a closure binds it."""
    return laid_over(zones, await tx.closures.in_force(project), tx.now)


def laid_over(zones: Sequence[ZoneInfo], closures: Collection[Closure], now: datetime) -> tuple[ZoneInfo, ...]:
    """The zones, closed where one of these closures is in force; of several, the one that ends last is shown."""
    last: dict[Zone, Closure] = {}
    for closure in closures:
        if closure.until > now and (closure.zone not in last or last[closure.zone].until < closure.until):
            last[closure.zone] = closure
    return tuple(_closed(info, last.get(info.zone)) for info in zones) if last else tuple(zones)


def out_of_service(zones: Collection[ZoneInfo]) -> frozenset[Zone]:
    """The zones in which nothing is ended without need: closed, impaired or drained ones."""
    states = (ZoneState.CLOSED, ZoneState.IMPAIRED, ZoneState.DRAINED)
    return frozenset(info.zone for info in zones if info.state in states)


def _closed(info: ZoneInfo, closure: Closure | None) -> ZoneInfo:
    if closure is None or info.state not in _OVERRIDDEN:
        return info
    reason = f"{closure.cause} ({closure.actor})" if closure.cause else f"by {closure.actor}"
    if info.state is not ZoneState.AVAILABLE:
        reason = f"{reason}; {info.state}" + (f": {info.reason}" if info.reason else "")
    return replace(info, state=ZoneState.CLOSED, reason=reason, until=closure.until)
