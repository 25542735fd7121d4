"""Fleets: kept in shape by planning the instances that are missing and ending those that are surplus."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from atoll.configuration.types.fleet import Fleet as FleetSpec
from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused
from atoll.engine.placing.batching import Placer, tell_waiting
from atoll.engine.placing.demand import fleet_request, members_of, spec_of
from atoll.engine.placing.disruption import held_back, limits_of, take_turn
from atoll.engine.placing.placement import PlacementRaced, keep_instances
from atoll.engine.placing.rebalancing import end_rebalance, in_vain
from atoll.engine.placing.restraint import held
from atoll.engine.requests.rebalancing import Wanted, start_rebalance
from atoll.engine.snapshots.closures import out_of_service, zones_for
from atoll.engine.work.handler import Due, Reconciling
from atoll.model.reasons import ChangeReason, EndReason
from atoll.model.records import GAVE_UP, REBALANCE, Fleet, Kind
from atoll.model.states import FleetState
from atoll.model.waits import CHANGING_SECONDS, STEADY_SECONDS
from atoll.model.zone import Zone, ZoneInfo
from atoll.planning.filters.eligible import usable_zones
from atoll.planning.reasons import explain
from atoll.planning.request import Placement
from atoll.planning.shape import Excess, Member, excess, missing, shape
from atoll.planning.snapshot import Snapshot
from atoll.reconcile.action import EndInstances, EndRebalance, FleetEffect, PlanNodes, StartRebalance
from atoll.reconcile.fleet import FleetSight, decide
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

SHORTAGE_SECONDS = 10.0
"""How soon a fleet that could not be filled is planned again; the pause grows each time."""


class FleetHandler(Reconciling[Fleet, FleetSight, FleetEffect]):
    """Works on fleets."""

    decide = staticmethod(decide)

    def __init__(self, context: Context, placer: Placer) -> None:
        super().__init__(context)
        self.placer = placer

    async def look(self, id: str) -> tuple[Fleet, FleetSight] | None:
        """The fleet with what is missing and what is surplus; its instances only where some may have to go."""
        await self.context.worlds.world()
        async with self.context.database.read() as tx:
            return await self._look(tx, id, self.context.now())

    async def effect(self, lease: Lease, sight: FleetSight, action: FleetEffect) -> Due | None:
        """Plan missing instances, end surplus ones, or begin or end a rebalance."""
        match action:
            case EndRebalance():
                return await self._end_rebalance(lease, sight)
            case StartRebalance():
                return await self._rebalance(sight.fleet)
            case PlanNodes():
                return await self._plan(lease, sight.fleet)
            case EndInstances(ids, reason):
                return await self._end(lease, sight, ids, reason)
            case _:
                assert_never(action)

    async def _end(self, lease: Lease, sight: FleetSight, ids: tuple[str, ...], reason: EndReason) -> Due | None:
        async with self.context.database.write(lease) as tx:
            if sight.in_turns:
                await take_turn(tx)
            if await self._look(tx, sight.fleet.id, sight.now) != (sight.fleet, sight):
                return Due(0)  # changed meanwhile: other nodes may be surplus now
            await tx.fleets.end(ids, reason)
            await tx.work.wake(Kind.INSTANCE, ids, tx.now)
        return None

    async def _end_rebalance(self, lease: Lease, sight: FleetSight) -> Due | None:
        async with self.context.database.write(lease) as tx:
            if await self._look(tx, sight.fleet.id, sight.now) != (sight.fleet, sight):
                return Due(0)
            early = "it launches nothing now" if sight.fleet.hold else "its time is over"
            await end_rebalance(tx, sight.fleet, early if sight.moving else "")
        return None

    async def _rebalance(self, fleet: Fleet) -> Due:
        """Begin a rebalance of idle nodes as a user's request does; without one that helps look again later."""
        try:
            planned = await start_rebalance(self.context, fleet.project, fleet.name, Wanted())
        except Refused:
            return Due(CHANGING_SECONDS)  # it changed meanwhile, or a user was quicker
        return Due(CHANGING_SECONDS if planned.leaving else STEADY_SECONDS)

    async def _look(self, tx: Transaction, id: str, now: datetime) -> tuple[Fleet, FleetSight] | None:
        fleet = await tx.get(Fleet, id)
        if fleet is None:
            return None
        census = await tx.fleets.census(fleet.id)
        sight = FleetSight(fleet, census.alive, sum(census.fitting.values()), now, fleet.nodes)
        if fleet.state is not FleetState.ACTIVE:
            return fleet, replace(sight, surplus=await self._staying(tx, fleet))
        if fleet.auto_created:
            return fleet, sight
        spec = spec_of(fleet)
        placement = fleet_request(fleet.name, spec, fleet.nodes).placement
        sight = replace(sight, target=spec.nodes.target, patience=patience(spec))
        if fleet.waiting_since is not None and sight.fitting >= fleet.nodes:
            sight = replace(sight, filled=all(member.ready for member in await self._members(tx, fleet)))
        if not census.leaving and sight.fitting <= fleet.nodes and spec.placement.rebalance == "manual":
            return fleet, replace(sight, missing=missing(fleet.nodes, placement, census.fitting))
        return fleet, await self._shaped(tx, sight, placement)

    async def after(self, tx: Transaction, record: Fleet) -> None:
        """Record that a fleet gave up; other holds are recorded where they begin."""
        if record.hold == GAVE_UP and record.state is FleetState.ACTIVE:
            tx.requested(record, ChangeReason.ON_HOLD, record.message)

    async def _shaped(self, tx: Transaction, sight: FleetSight, placement: Placement) -> FleetSight:
        """The fleet's shape where nodes are to go: surplus ones, outdated ones, and those of zones to be emptied."""
        fleet = sight.fleet
        instances = await tx.fleets.instances(fleet)
        members = members_of(instances, await tx.runs.claims())
        zones = await zones_for(tx, self.context.worlds.known().zones, fleet.project)
        closures = {closure.id: closure for closure in await tx.closures.in_force(fleet.project)}
        leaving = {
            instance.id: closures[instance.leaving_for] for instance in instances if instance.leaving_for in closures
        }
        limits = await limits_of(tx, self.context.disruption, fleet)
        waiting = await held_back(tx, self.context.disruption, fleet, limits, zones)
        members = [
            replace(member, outdated=False, busy=True) if member.id in waiting.ids else member for member in members
        ]
        away = limits.away(max((closure.max_unavailable for closure in leaving.values()), default=0))
        usable = self._usable(fleet, zones, tx.now)
        seen = shape(fleet.nodes, placement, members, usable, away)
        still = out_of_service(zones)
        kept = {
            member.id for member in members if member.outdated and member.ready and member.zone in still
        } - leaving.keys()
        moving = {
            instance.id for instance in instances if instance.leaving_for == REBALANCE and not instance.end_reason
        }
        allowed = [id for id in seen.released if id not in waiting.ids]
        released = [id for id in allowed if id not in leaving and id not in kept]
        return replace(
            sight,
            fitting=sight.fitting + len(waiting.ids),
            missing=seen.missing,
            surplus=tuple(id for id in released if id not in moving),
            drained=tuple(id for id in allowed if id in leaving),
            moved=tuple(id for id in released if id in moving),
            moving=bool(moving),
            settling=len(seen.removals) > len(seen.released) or not kept.isdisjoint(seen.released),
            filled=sight.filled or (bool(waiting.ids) and not seen.missing and all(member.ready for member in members)),
            held=waiting.why,
            resumes=waiting.resumes,
            in_turns=limits.bind,
            uneven=_rebalances(fleet)
            and not seen.missing
            and all(member.ready for member in members)
            and (seen.spare > 0 or excess(fleet.nodes, placement, seen.counts, usable) != Excess())
            and any(limits.allows(member, tx.now) for member in members if not member.busy),
        )

    async def _staying(self, tx: Transaction, fleet: Fleet) -> tuple[str, ...]:
        return tuple(member.id for member in await self._members(tx, fleet))

    async def _members(self, tx: Transaction, fleet: Fleet) -> list[Member]:
        return members_of(await tx.fleets.instances(fleet), await tx.runs.claims())

    def _usable(self, fleet: Fleet, zones: tuple[ZoneInfo, ...], now: datetime) -> frozenset[Zone]:
        world = self.context.worlds.known()
        requirements = fleet_request(fleet.name, spec_of(fleet), fleet.nodes).requirements
        return usable_zones(requirements, Snapshot(world.catalog, zones, now))

    async def _plan(self, lease: Lease, fleet: Fleet) -> Due | None:
        demand = fleet_request(fleet.name, spec_of(fleet), fleet.nodes)
        async with self.placer.placing(fleet, demand) as placing:
            answer, message = placing.plan, ""
            if answer.shortfall is not None:
                message = explain.waiting_text(answer)
            try:
                async with placing.write(lease) as tx:
                    if await tx.get(Fleet, fleet.id) != fleet:
                        return Due(0)  # it was changed while it waited for its turn: what is missing may be less now
                    if await held(tx, fleet):
                        return None
                    if why := await in_vain(tx, self.context.worlds.known(), fleet, answer, self.context.disruption):
                        await end_rebalance(tx, fleet, why)
                        return None
                    await keep_instances(tx, fleet, answer.placements, self.context.new_id)
                    if answer.placements:
                        await tell_waiting(tx)
                    since = fleet.waiting_since or (tx.now if message else None)
                    if (message, since) != (fleet.message, fleet.waiting_since):
                        await tx.update(fleet, message=message, waiting_since=since)
            except PlacementRaced:
                return None
        if answer.shortfall is None:
            return None
        return Due(
            min(SHORTAGE_SECONDS * 2.0 ** min(lease.attempts, 5), 180, *_left(fleet, since, self.context.now())),
            failed=True,
        )


def _rebalances(fleet: Fleet) -> bool:
    """Whether a rebalance may begin by itself."""
    spec = spec_of(fleet)
    settled = fleet.rebalancing_until is None and not fleet.hold and fleet.nodes == spec.nodes.target
    return settled and spec.placement.rebalance == "on-recovery"


def patience(spec: FleetSpec) -> timedelta | None:
    """How long a fleet's configuration lets it wait for nodes that could not be placed; None: without end."""
    if spec.retry is None or spec.retry.duration is None:
        return None
    return timedelta(seconds=spec.retry.duration)


def _left(fleet: Fleet, since: datetime | None, now: datetime) -> list[float]:
    """Seconds until a fleet that waits `since` gives up, where it does."""
    longest = patience(spec_of(fleet))
    return [] if longest is None or since is None else [max(0.0, (since + longest - now).total_seconds())]
