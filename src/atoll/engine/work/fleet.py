"""Fleets: kept at their size by planning the instances that are missing."""

from typing import Any

from atoll.engine.context import Context
from atoll.engine.placing.batching import Placer, tell_waiting
from atoll.engine.placing.demand import fleet_request, spec_of
from atoll.engine.placing.placement import PlacementRaced, keep_instances
from atoll.engine.work.handler import Due, Reconciling
from atoll.engine.work.restraint import held
from atoll.model.records import Fleet, Kind
from atoll.model.states import FleetState
from atoll.planning.reasons import explain
from atoll.reconcile.action import EndInstances, PlanNodes
from atoll.reconcile.fleet import FleetSight, decide
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

SHORTAGE_SECONDS = 10.0
"""How soon a fleet that could not be filled is planned anew; each further time it takes longer."""


class FleetHandler(Reconciling[Fleet, FleetSight]):
    """Works on fleets."""

    decide = staticmethod(decide)

    def __init__(self, context: Context, placer: Placer) -> None:
        super().__init__(context)
        self.placer = placer

    async def look(self, id: str) -> tuple[Fleet, FleetSight] | None:
        """The fleet and how many instances it has; which ones, and which of them jobs hold, where some may go."""
        async with self.context.database.read() as tx:
            fleet = await tx.get(Fleet, id)
            if fleet is None:
                return None
            target = fleet.nodes if fleet.auto_created else spec_of(fleet).nodes.target
            alive, staying = await tx.fleets.size(fleet.id)
            if staying <= (fleet.nodes if fleet.state is FleetState.ACTIVE else 0):
                return fleet, FleetSight(fleet, alive, staying, self.context.now(), target)
            instances = await tx.fleets.instances(fleet)
            claimed = {job.instance_id for job in await tx.runs.claims() if job.instance_id}
        return fleet, FleetSight(fleet, alive, staying, self.context.now(), target, instances, claimed)

    async def effect(self, lease: Lease, sight: FleetSight, action: Any) -> Due | None:
        """Plan missing instances, or ask surplus ones to go."""
        if isinstance(action, PlanNodes):
            return await self._plan(lease, sight.fleet)
        assert isinstance(action, EndInstances)
        async with self.context.database.write(lease) as tx:
            await tx.fleets.end(action.ids, action.reason)
            await tx.work.wake(Kind.INSTANCE, action.ids, tx.now)
        return None

    async def after(self, tx: Transaction, record: Fleet) -> None:
        """Wake the instances of the fleet that takes this one's place."""
        if record.state is FleetState.DELETED:
            successors = [fleet for fleet in await tx.fleets.listing(record.project) if fleet.replaces == record.id]
            ids = [instance.id for fleet in successors for instance in await tx.fleets.instances(fleet)]
            await tx.work.wake(Kind.INSTANCE, ids, tx.now)

    async def _plan(self, lease: Lease, fleet: Fleet) -> Due | None:
        demand = fleet_request(fleet.name, spec_of(fleet), fleet.nodes)
        leaving = (fleet.replaces,) if fleet.replaces else ()
        async with self.placer.placing(fleet, demand, leaving) as placing:
            answer, message = placing.plan, ""
            if answer.shortfall is not None:
                message = explain.shortfall_text(answer.kind, answer.name, answer.shortfall)
            try:
                async with placing.write(lease) as tx:
                    if await held(tx, fleet):
                        return None
                    await keep_instances(tx, fleet, answer.placements, self.context.new_id)
                    if answer.placements:
                        await tell_waiting(tx)
                    if message != fleet.message:
                        await tx.update(fleet, message=message)
            except PlacementRaced:
                return None
        if answer.shortfall is None:
            return None
        return Due(min(SHORTAGE_SECONDS * 2.0 ** min(lease.attempts, 5), 180), failed=True)
