"""Rebalancing a fleet: what it would move, and the request to move it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.placing.demand import fleet_request, spec_of
from atoll.engine.placing.disruption import Pace, limits_of
from atoll.engine.placing.rebalancing import end_rebalance
from atoll.engine.requests.submission import asker
from atoll.engine.snapshots.world import take_snapshot
from atoll.model.error_codes import ErrorCode
from atoll.model.records import REBALANCE, Fleet, Instance
from atoll.model.states import FleetState
from atoll.planning.budget import USERS, Budget
from atoll.planning.planner import Planner
from atoll.planning.rebalance import Rebalance, rebalance
from atoll.planning.request import Request
from atoll.planning.snapshot import Snapshot
from atoll.store.transaction import Transaction

LONGEST = timedelta(hours=1)
"""How long a rebalance takes at most, beside what disruption budgets make it wait: what has not left by then stays."""


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """What a rebalance of a fleet would do; `leaving` are the instances that others take the place of, at this pace."""

    fleet: Fleet
    found: Rebalance
    leaving: tuple[Instance, ...] = ()
    pace: Pace = Pace()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to rebalance: whether `busy` nodes move, too, and at most how many; `agreed` names those that may."""

    busy: bool = False
    most: int | None = None
    agreed: frozenset[str] | None = None


def rebalanced(request: Request, snapshot: Snapshot, busy: bool, most: int | None) -> Rebalance:
    """The answer for a request of a user; the function that a worker process computes."""
    return rebalance(request, snapshot, Planner(Budget(USERS)), busy=busy, most=most)


async def preview_rebalance(context: Context, project: str, name: str, wanted: Wanted) -> Rebalancing:
    """What a rebalance would do. Nothing changes. Raises Refused: not-found, not-rebalanced, being-rebalanced."""
    world = await context.worlds.world()
    async with context.database.read() as tx:
        fleet = await _fleet(tx, project, name)
        limits = await limits_of(tx, context.disruption, fleet)
        snapshot = await take_snapshot(tx, world, context.backends, project)
        instances = {instance.id: instance for instance in await tx.fleets.instances(fleet)}
    request = Request(project, (fleet_request(fleet.name, spec_of(fleet), fleet.nodes),))
    found = await context.planner.run(asker(project), rebalanced, request, snapshot, wanted.busy, wanted.most)
    leaving = tuple(instances[id] for id in found.leaving)
    return Rebalancing(fleet, found, leaving, limits.pace([each.zone for each in leaving], snapshot.now))


async def start_rebalance(context: Context, project: str, name: str, wanted: Wanted) -> Rebalancing:
    """Have nodes of a fleet replaced so that it is balanced; a balanced fleet is unchanged.

    Raises Refused: not-found, not-rebalanced, being-rebalanced, changed-since-shown.
    """
    planned = await preview_rebalance(context, project, name, wanted)
    names = [each.name for each in planned.leaving]
    if wanted.agreed is not None and wanted.agreed != set(names):
        raise _changed(f"it would replace {', '.join(names) or 'nothing'} now")
    if not names:
        return planned
    async with context.database.write() as tx:
        fleet = await _fleet(tx, project, name)
        if fleet != planned.fleet or not await _as_planned(tx, planned.leaving, wanted):
            raise _changed("its nodes changed meanwhile")
        fleet = await tx.update(fleet, rebalancing_until=tx.now + LONGEST + planned.pace.least)
        await tx.fleets.mark_leaving([each.id for each in planned.leaving], REBALANCE)
        tx.requested(fleet, "rebalance-asked", f"replaces {', '.join(names)}")
        await tx.wake(fleet)
    return planned


async def stop_rebalance(context: Context, project: str, name: str) -> Fleet:
    """End a fleet's rebalance: what has not left stays. One without is unchanged. Raises Refused: not-found."""
    async with context.database.write() as tx:
        fleet = await tx.fleets.named(project, name)
        if fleet is None:
            raise not_found("fleet", name)
        return fleet if fleet.rebalancing_until is None else await end_rebalance(tx, fleet, "stopped")


async def _fleet(tx: Transaction, project: str, name: str) -> Fleet:
    """The fleet, if it may be rebalanced."""
    fleet = await tx.fleets.named(project, name)
    if fleet is None:
        raise not_found("fleet", name)
    if fleet.state is not FleetState.ACTIVE:
        raise Refused(ErrorCode.NOT_REBALANCED, f"fleet `{name}` is being deleted")
    if fleet.rebalancing_until is not None:
        raise Refused(
            ErrorCode.BEING_REBALANCED,
            f"fleet `{name}` is being rebalanced, until {fleet.rebalancing_until:%H:%M:%S} UTC at most",
            help=f"`atoll fleet rebalance {name} --stop` ends that",
        )
    if fleet.auto_created:
        raise Refused(ErrorCode.NOT_REBALANCED, f"fleet `{name}` belongs to a run, and ends after it: its nodes stay")
    if fleet.hold:
        help = f"`atoll fleet retry {name}`, then rebalance it"
        raise Refused(ErrorCode.NOT_REBALANCED, f"fleet `{name}` is on hold: {fleet.message}", help=help)
    target = spec_of(fleet).nodes.target
    if fleet.nodes > target:
        message = f"fleet `{name}` has grown to {fleet.nodes} nodes for its runs, and asks for {target} without them"
        raise Refused(
            ErrorCode.NOT_REBALANCED, message, help="nodes beyond that end when they are idle; rebalance it then"
        )
    return fleet


async def _as_planned(tx: Transaction, leaving: Collection[Instance], wanted: Wanted) -> bool:
    """Whether these instances are still there to be replaced, and idle where only idle ones move."""
    claimed = {job.instance_id for job in await tx.runs.claims()}
    for each in leaving:
        now = await tx.get(Instance, each.id)
        if now is None or now.end_reason or now.leaves or (now.id in claimed and not wanted.busy):
            return False
    return True


def _changed(message: str) -> Refused:
    return Refused(ErrorCode.CHANGED_SINCE_SHOWN, message, help="look at it again, then repeat the command")
