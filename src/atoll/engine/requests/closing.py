"""Closing and opening zones."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.placing.emptying import end_closure, moves_in, occupants_of
from atoll.engine.placing.placement import forget_plans
from atoll.engine.snapshots.world import World
from atoll.model.error_codes import ErrorCode
from atoll.model.records import Closure, ClosureKind
from atoll.model.states import ClosureState
from atoll.model.zone import Zone
from atoll.store.actor import acting
from atoll.store.transaction import Transaction

LONGEST = timedelta(days=90)
"""How long a zone may be closed at once: a closure that is forgotten ends by itself."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A request to close a zone: until a time, or for a number of seconds; for one project, or for all.

    Of the project, a drain or an evacuation concerns at most the `agreed` instances (names); None: any.
    """

    until: datetime | None = None
    seconds: float | None = None
    server_wide: bool = False
    cause: str = ""
    operation: ClosureKind = ClosureKind.CORDON
    max_unavailable: int = 0
    deadline_seconds: float | None = None
    agreed: frozenset[str] | None = None

    @property
    def empties(self) -> bool:
        """Whether what is in the zone is to leave it."""
        return self.operation is not ClosureKind.CORDON

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

    def deadline(self, now: datetime, end: datetime) -> datetime | None:
        """When an evacuation stops what is left, before the closure's `end`. Raises Refused: invalid-request."""
        if (self.deadline_seconds is None) == (self.operation is ClosureKind.EVACUATE):
            raise _invalid("an evacuation, and nothing else, has a deadline")
        if self.deadline_seconds is None:
            return None
        if not 0 <= self.deadline_seconds < (end - now).total_seconds():
            raise _invalid("the deadline of an evacuation lies before the closure's end")
        return now + timedelta(seconds=self.deadline_seconds)


def _invalid(message: str) -> Refused:
    return Refused(
        ErrorCode.INVALID_REQUEST, message, help="`--for 2h` or `--until 16:00` says when it ends", status=422
    )


async def close_zone(context: Context, project: str, zone: Zone, closing: Closing) -> Closure:
    """Close a zone for new work, and empty it where that is asked.

    Raises Refused: zone-closed, invalid-request, changed-since-shown.
    """
    async with context.database.write() as tx:
        closure = await new_closure(tx, context.new_id(), project, zone, closing)
        if closing.empties and closing.agreed is not None:
            await _refuse_more(tx, context.worlds.known(), closure, closing.agreed)
        await forget_plans(tx)
        return await tx.add(closure, reason=closing.cause or "closed")


async def _refuse_more(tx: Transaction, world: World, closure: Closure, agreed: Collection[str]) -> None:
    """Raises Refused where instances of the project would leave, or be stopped, that the user has not been shown."""
    ours = [each for each in await occupants_of(tx, closure) if each.project == closure.project]
    found = await moves_in(tx, world, closure, ours)
    concerned = {*found.replace, *found.release, *(stay.occupant.id for stay in found.stays)}
    more = sorted({each.name for each in ours if each.id in concerned}.difference(agreed))
    if more:
        message = f"changed since it was shown: now it would end {', '.join(more)} too"
        help = "the zone was not closed; look at it, then run the command again"
        raise Refused(ErrorCode.CHANGED_SINCE_SHOWN, message, help=help)


async def new_closure(tx: Transaction, id: str, project: str, zone: Zone, closing: Closing) -> Closure:
    """The closure that a request asks for, not stored. Raises Refused: zone-closed, only-zone, invalid-request."""
    until = closing.end(tx.now)
    deadline = closing.deadline(tx.now, until)
    await _refuse_closed(tx, project, zone, closing)
    return Closure(
        id,
        project,
        ClosureState.ACTIVE,
        zone,
        acting.get() or "-",
        tx.now,
        until,
        closing.server_wide,
        closing.cause,
        operation=closing.operation,
        max_unavailable=closing.max_unavailable,
        deadline=deadline,
    )


async def open_zone(context: Context, project: str, id: str) -> Closure:
    """End a closure now; one that has ended is unchanged. Raises Refused: not-found."""
    async with context.database.write() as tx:
        closure = await find_closure(tx, project, id)
        if closure.state is ClosureState.ENDED:
            return closure
        closure = await tx.step(closure, ClosureState.ENDED, reason="opened", ended_at=tx.now, message="")
        await tx.wake(closure)
        await end_closure(tx, closure)
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


async def _refuse_closed(tx: Transaction, project: str, zone: Zone, closing: Closing) -> None:
    """Raises Refused where a closure of the zone does all that the new one would: a cordoned zone may be emptied."""
    for closure in await tx.closures.in_force(None if closing.server_wide else project):
        narrower = closing.server_wide and not closure.server_wide
        weaker = closing.empties and closure.operation is ClosureKind.CORDON
        if closure.zone != zone or closure.until <= tx.now or narrower or weaker:
            continue
        whom = "all projects" if closure.server_wide else f"project `{closure.project}`"
        why = f": {closure.cause}" if closure.cause else ""
        message = (
            f"zone `{zone}` is closed already for {whom}, until {closure.until:%Y-%m-%d %H:%M:%S} UTC, "
            f"by {closure.actor}{why}"
        )
        raise Refused(ErrorCode.ZONE_CLOSED, message, help=f"`atoll zone open {zone}` ends that closure")
