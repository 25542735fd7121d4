"""Closures: the zone is emptied where they ask for that, and open again at their end."""

from typing import Any

from atoll.engine.placing.emptying import end_closure, moves_in, occupants_of, remains_text, stop_rest
from atoll.engine.work.handler import Due, Reconciling
from atoll.model.reasons import EndReason
from atoll.model.records import Closure, ClosureKind, Instance, Kind
from atoll.model.states import ClosureState
from atoll.reconcile.action import EmptyZone, StopRest
from atoll.reconcile.closure import ClosureSight, decide
from atoll.store.transaction import Transaction
from atoll.store.work import Lease


class ClosureHandler(Reconciling[Closure, ClosureSight]):
    """Works on closures."""

    decide = staticmethod(decide)

    async def look(self, id: str) -> tuple[Closure, ClosureSight] | None:
        """The closure, and what is in its zone where that is to be emptied."""
        async with self.context.database.read() as tx:
            closure = await tx.get(Closure, id)
            return None if closure is None else (closure, await self._seen(tx, closure))

    async def effect(self, lease: Lease, sight: ClosureSight, action: Any) -> Due | None:
        """Mark instances for replacement or their end."""
        async with self.context.database.write(lease) as tx:
            closure = await tx.get(Closure, sight.closure.id)
            if closure is None or self.decide(await self._seen(tx, closure)) != action:
                return Due(0)  # the zone was opened, or something else is in it now
            if isinstance(action, StopRest):
                await stop_rest(tx, action.ids)
                return None
            assert isinstance(action, EmptyZone)
            await tx.fleets.mark_leaving(action.replace, closure.id)
            await tx.fleets.end(action.release, EndReason.ZONE_DRAINED)
            await tx.work.wake(Kind.INSTANCE, action.release, tx.now)
            instances = [each for id in action.replace if (each := await tx.get(Instance, id)) is not None]
            await tx.work.wake(Kind.FLEET, sorted({each.fleet_id for each in instances}), tx.now)
        return None

    async def after(self, tx: Transaction, record: Closure) -> None:
        """Once the zone takes work again, what was to leave it stays, and what waits for a place tries at once."""
        if record.state is ClosureState.ENDED:
            await end_closure(tx, record)

    async def _seen(self, tx: Transaction, closure: Closure) -> ClosureSight:
        if closure.operation is ClosureKind.CORDON or closure.state is ClosureState.ENDED:
            return ClosureSight(closure, tx.now)
        instances = await occupants_of(tx, closure)
        found = await moves_in(tx, self.context.worlds.known(), closure, instances)
        marked = {each.id for each in instances if each.leaving_for}
        return ClosureSight(
            closure,
            tx.now,
            len(instances),
            tuple(id for id in found.replace if id not in marked),
            found.release,
            tuple(each.id for each in instances if not each.end_reason),
            await remains_text(tx, found, instances),
        )
