"""Fleets: kept in shape by planning the instances that are missing and ending those that are surplus."""

from typing import Any

from atoll.engine.context import Context
from atoll.engine.placing.batching import Placer, tell_waiting
from atoll.engine.placing.demand import fleet_request, members_of, spec_of
from atoll.engine.placing.placement import PlacementRaced, keep_instances
from atoll.engine.work.handler import Due, Reconciling
from atoll.engine.work.restraint import held
from atoll.model.records import Fleet, Kind
from atoll.model.states import FleetState
from atoll.planning.filters.eligible import usable_zones
from atoll.planning.reasons import explain
from atoll.planning.shape import missing, shape
from atoll.planning.snapshot import Snapshot
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
        """The fleet with what is missing and what is surplus; its instances only where some may have to go."""
        now = self.context.now()
        async with self.context.database.read() as tx:
            fleet = await tx.get(Fleet, id)
            if fleet is None:
                return None
            demand = None if fleet.auto_created else fleet_request(fleet.name, spec_of(fleet), fleet.nodes)
            target = fleet.nodes if demand is None else spec_of(fleet).nodes.target
            alive, counts = await tx.fleets.counts(fleet.id)
            if fleet.state is FleetState.ACTIVE and demand is not None and sum(counts.values()) <= fleet.nodes:
                lack = missing(fleet.nodes, demand.placement, counts)
                return fleet, FleetSight(fleet, alive, counts, now, target, lack)
            if demand is None and fleet.state is FleetState.ACTIVE:
                return fleet, FleetSight(fleet, alive, counts, now, target)
            members = members_of(await tx.fleets.instances(fleet), await tx.runs.claims())
        if fleet.state is not FleetState.ACTIVE or demand is None:
            return fleet, FleetSight(fleet, alive, counts, now, target, 0, [member.id for member in members])
        world = await self.context.worlds.world()
        usable = usable_zones(demand.requirements, Snapshot(world.catalog, world.zones, now))
        seen = shape(fleet.nodes, demand.placement, members, usable)
        return fleet, FleetSight(fleet, alive, counts, now, target, seen.missing, seen.removals)

    async def effect(self, lease: Lease, sight: FleetSight, action: Any) -> Due | None:
        """Plan missing instances, or end surplus ones."""
        if isinstance(action, PlanNodes):
            return await self._plan(lease, sight.fleet)
        assert isinstance(action, EndInstances)
        async with self.context.database.write(lease) as tx:
            if await tx.fleets.counts(sight.fleet.id) != (sight.alive, sight.counts) or (
                await tx.get(Fleet, sight.fleet.id) != sight.fleet
            ):
                return Due(0)  # changed meanwhile: other nodes may be surplus now
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
                message = explain.waiting_text(answer.kind, answer.shortfall)
            try:
                async with placing.write(lease) as tx:
                    if await tx.get(Fleet, fleet.id) != fleet:
                        return Due(0)  # it was changed while it waited for its turn: what is missing may be less now
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
