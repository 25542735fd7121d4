"""A fleet that is being rebalanced: whether its moves still help, and how a rebalance ends."""

from collections import Counter

from atoll.configuration.types.disruption import Disruption
from atoll.engine.placing.demand import fleet_request, spec_of
from atoll.engine.placing.disruption import held_back, limits_of
from atoll.engine.snapshots.closures import zones_for
from atoll.engine.snapshots.world import World
from atoll.model.records import REBALANCE, Fleet
from atoll.planning.filters.eligible import usable_zones
from atoll.planning.plan import DocumentPlan
from atoll.planning.reasons import explain
from atoll.planning.rebalance import better
from atoll.planning.snapshot import Snapshot
from atoll.store.transaction import Transaction


async def in_vain(tx: Transaction, world: World, fleet: Fleet, plan: DocumentPlan, common: Disruption | None) -> str:
    """Why the fleet's rebalance no longer helps with this plan of what it lacks; empty where it does, or has none."""
    staying = [instance for instance in await tx.fleets.instances(fleet) if not instance.end_reason]
    moving = [each for each in staying if each.leaving_for == REBALANCE]
    if not moving:
        return ""
    if plan.shortfall is not None:
        return explain.shortfall_reason(plan.kind, plan.shortfall)
    request = fleet_request(fleet.name, spec_of(fleet), fleet.nodes)
    zones = await zones_for(tx, world.zones, fleet.project)
    usable = usable_zones(request.requirements, Snapshot(world.catalog, zones, tx.now))
    held = await held_back(tx, common, fleet, await limits_of(tx, common, fleet), zones)
    fitting = Counter(each.zone for each in staying if not each.leaves or each.id in held.ids)
    after = fitting + Counter(node.zone for node in plan.placements)
    before = fitting + Counter(each.zone for each in moving if each.id not in held.ids)
    helps = better(fleet.nodes, request.placement, before, after, usable)
    return "" if helps else "the zones that had too few nodes take none now"


async def end_rebalance(tx: Transaction, fleet: Fleet, message: str = "") -> Fleet:
    """End the rebalance of a fleet; what has not left stays. `message` says why it ends early."""
    await tx.fleets.stop_leaving(REBALANCE, fleet.id)
    ended = await tx.update(fleet, rebalancing_until=None)
    tx.requested(ended, "rebalance-ended", message)
    await tx.wake(ended)
    return ended
