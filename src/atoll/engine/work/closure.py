"""Closures: a zone that an operator closed is opened at the closure's end."""

from typing import Never, assert_never

from atoll.engine.placing.batching import wake_waiting
from atoll.engine.work.handler import Reconciling
from atoll.model.records import Closure
from atoll.model.states import ClosureState
from atoll.reconcile.closure import ClosureSight, decide
from atoll.store.transaction import Transaction
from atoll.store.work import Lease


class ClosureHandler(Reconciling[Closure, ClosureSight, Never]):
    """Works on closures."""

    decide = staticmethod(decide)

    async def look(self, id: str) -> tuple[Closure, ClosureSight] | None:
        """The closure."""
        async with self.context.database.read() as tx:
            closure = await tx.get(Closure, id)
            return None if closure is None else (closure, ClosureSight(closure, tx.now))

    async def effect(self, lease: Lease, sight: ClosureSight, action: Never) -> Never:
        """A closure has no effects outside its record."""
        assert_never(action)

    async def after(self, tx: Transaction, record: Closure) -> None:
        """Wake what waits for a place, once the zone takes work again."""
        if record.state is ClosureState.ENDED:
            await wake_waiting(tx)
