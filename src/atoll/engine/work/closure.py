"""Closures: the zone is emptied where they ask for that, and open again at their end."""

from typing import assert_never

from atoll.engine.placing.emptying import empty_zone, end_closure, moves_in, occupants_of, remains_text, stop_rest
from atoll.engine.work.handler import Due, Reconciling
from atoll.model.records import REBALANCE, Closure, ClosureKind
from atoll.model.states import ClosureState
from atoll.reconcile.action import ClosureEffect, EmptyZone, StopRest
from atoll.reconcile.closure import ClosureSight, decide
from atoll.store.transaction import Transaction
from atoll.store.work import Lease


class ClosureHandler(Reconciling[Closure, ClosureSight, ClosureEffect]):
    """Works on closures."""

    decide = staticmethod(decide)

    async def look(self, id: str) -> tuple[Closure, ClosureSight] | None:
        """The closure, and what is in its zone where that is to be emptied."""
        async with self.context.database.read() as tx:
            closure = await tx.get(Closure, id)
            return None if closure is None else (closure, await self._seen(tx, closure))

    async def effect(self, lease: Lease, sight: ClosureSight, action: ClosureEffect) -> Due | None:
        """Mark instances for replacement or their end, unless the zone was opened or holds something else by now."""
        async with self.context.database.write(lease) as tx:
            closure = await tx.get(Closure, sight.closure.id)
            if closure is None or decide(await self._seen(tx, closure)) != action:
                return Due(0)
            match action:
                case StopRest(ids):
                    await stop_rest(tx, ids)
                case EmptyZone(replace, release):
                    await empty_zone(tx, closure, replace, release)
                case _:
                    assert_never(action)
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
        marked = {instance.id for instance in instances if instance.leaving_for not in ("", REBALANCE)}
        return ClosureSight(
            closure,
            tx.now,
            len(instances),
            tuple(id for id in found.replace if id not in marked),
            found.release,
            tuple(instance.id for instance in instances if not instance.end_reason),
            await remains_text(tx, found, instances, self.context.disruption),
        )
