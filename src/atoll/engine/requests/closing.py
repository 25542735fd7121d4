"""Closing and opening zones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.placing.batching import wake_waiting
from atoll.model.records import Closure
from atoll.model.states import ClosureState
from atoll.model.zone import Zone
from atoll.store.actor import acting
from atoll.store.transaction import Transaction

LONGEST = timedelta(days=90)
"""How long a zone may be closed at once: a closure that is forgotten ends by itself."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A request to close a zone: until a time, or for a number of seconds; for one project, or for all."""

    until: datetime | None = None
    seconds: float | None = None
    server_wide: bool = False
    cause: str = ""

    def end(self, now: datetime) -> datetime:
        """When the closure ends. Raises Refused: invalid-request."""
        if (self.until is None) == (self.seconds is None):
            raise _invalid("a closure needs either `until` or `seconds`")
        if self.seconds is not None and not 0 < self.seconds <= LONGEST.total_seconds():
            raise _invalid(f"a zone is closed for more than 0 s and at most {LONGEST.days} days")
        end = now + timedelta(seconds=self.seconds) if self.seconds is not None else self.until
        assert end is not None
        if end.tzinfo is None:
            raise _invalid("`until` needs its offset from UTC")
        if end <= now:
            raise _invalid(f"`until` is in the past: {end:%Y-%m-%d %H:%M:%S} {end.tzname()}")
        if end > now + LONGEST:
            raise _invalid(f"`until` is more than {LONGEST.days} days away")
        return end


def _invalid(message: str) -> Refused:
    return Refused("invalid-request", message, help="`--for 2h` or `--until 16:00` says when it ends", status=422)


async def close_zone(context: Context, project: str, zone: Zone, closing: Closing) -> Closure:
    """Close a zone for new work. Raises Refused: zone-closed, invalid-request."""
    async with context.database.write() as tx:
        until = closing.end(tx.now)
        await _refuse_closed(tx, project, zone, closing.server_wide)
        actor = acting.get() or "-"
        closure = Closure(
            context.new_id(), project, ClosureState.ACTIVE, zone, actor, tx.now, until, closing.server_wide,
            closing.cause,
        )  # fmt: skip
        return await tx.add(closure, reason=closing.cause or "closed")


async def open_zone(context: Context, project: str, id: str) -> Closure:
    """End a closure now; one that has ended is unchanged. Raises Refused: not-found."""
    async with context.database.write() as tx:
        closure = await find_closure(tx, project, id)
        if closure.state is ClosureState.ENDED:
            return closure
        closure = await tx.step(closure, ClosureState.ENDED, reason="opened", ended_at=tx.now)
        await tx.wake(closure)
        await wake_waiting(tx)
        return closure


async def get_closure(context: Context, project: str, id: str) -> Closure:
    """A closure that concerns the project. Raises Refused: not-found."""
    async with context.database.read() as tx:
        return await find_closure(tx, project, id)


async def find_closure(tx: Transaction, project: str, id: str) -> Closure:
    """The closure with this id, if it binds the project. Raises Refused: not-found."""
    closure = await tx.get(Closure, id)
    if closure is None or not closure.binds(project):
        raise not_found("closure", id)
    return closure


async def list_closures(context: Context, project: str, *, ended: bool, limit: int) -> Sequence[Closure]:
    """The closures that bind a project and have not ended; or with `ended` the newest `limit` of all."""
    async with context.database.read() as tx:
        return await tx.closures.newest(project, limit) if ended else await tx.closures.in_force(project)


async def _refuse_closed(tx: Transaction, project: str, zone: Zone, server_wide: bool) -> None:
    """Raises Refused where a closure of the zone binds everything that the new one would."""
    for closure in await tx.closures.in_force(project):
        if closure.zone != zone or closure.until <= tx.now or (server_wide and not closure.server_wide):
            continue
        whom = "all projects" if closure.server_wide else f"project `{closure.project}`"
        why = f": {closure.cause}" if closure.cause else ""
        message = (
            f"zone `{zone}` is closed already for {whom}, until {closure.until:%Y-%m-%d %H:%M:%S} UTC, "
            f"by {closure.actor}{why}"
        )
        raise Refused("zone-closed", message, help=f"`atoll zone open {zone}` ends that closure")
