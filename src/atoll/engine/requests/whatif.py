"""What would happen if zones were lost or closed, prices were others, or fleets were gone. Nothing changes."""

from collections.abc import Sequence

from atoll.engine.context import Context
from atoll.engine.parts.refusal import not_found
from atoll.engine.placing.demand import (
    elastic_fleet,
    fleet_request,
    retry_policy,
    run_request,
    spec_of,
    volume_request,
)
from atoll.engine.requests.submission import asker
from atoll.engine.snapshots.world import World, take_snapshot
from atoll.model.reasons import RetryEvent
from atoll.model.records import Fleet, Job, Run
from atoll.model.states import JOB, FleetState, JobState
from atoll.model.zone import Zone
from atoll.planning.budget import USERS, Budget
from atoll.planning.outcome import Holdings, KeptFleet, KeptRun, Outcome, each_zone, outcome
from atoll.planning.plan import Plan
from atoll.planning.planner import Planner
from atoll.planning.request import Request
from atoll.planning.snapshot import Snapshot
from atoll.planning.waiting import answer
from atoll.planning.whatif import Edits
from atoll.store.transaction import Transaction

Answer = tuple[tuple[Zone | None, Outcome], ...]
"""One outcome; or one for the loss of each zone."""


async def what_if(context: Context, project: str, edits: Edits, *, every_zone: bool) -> Answer:
    """What follows from these changes; with `every_zone` from the loss of each zone that holds something, too.

    Nothing changes. Raises Refused: not-found for a fleet or an instance type that does not exist.
    """
    world = await context.worlds.world()
    async with context.database.read() as tx:
        snapshot = await take_snapshot(tx, world, context.backends, project)
        holdings = await _holdings(tx, project)
    _refuse_unknown(edits, holdings, snapshot, world)
    return await context.planner.run(asker(project), computed, holdings, snapshot, edits, every_zone)


def computed(holdings: Holdings, snapshot: Snapshot, edits: Edits, every_zone: bool) -> Answer:
    """The answer; the function that a worker process computes."""

    def plan(request: Request, snapshot: Snapshot, *, explained: bool = True) -> Plan:
        return answer(request, snapshot, Planner(Budget(USERS)))

    if every_zone:
        return each_zone(holdings, snapshot, edits, plan)
    return ((None, outcome(holdings, snapshot, edits, plan)),)


async def _holdings(tx: Transaction, project: str) -> Holdings:
    fleets = [
        one for one in await tx.fleets.listing(project) if one.state is FleetState.ACTIVE and not one.auto_created
    ]
    runs = [run for run in await tx.runs.unfinished(project) if not run.stop]
    jobs = await tx.runs.jobs_of([run.id for run in runs])
    volumes = [one for one in await tx.volumes.listing(project) if one.zone is None and not one.end_reason]
    return Holdings(
        project,
        tuple(_fleet(fleet) for fleet in fleets),
        tuple(_run(run, jobs.get(run.id, ()), tx) for run in runs),
        tuple(elastic_fleet(fleet) for fleet in fleets),
        tuple(volume_request(volume.name, spec_of(volume)) for volume in volumes),
    )


def _fleet(fleet: Fleet) -> KeptFleet:
    spec = spec_of(fleet)
    return KeptFleet(
        fleet_request(fleet.name, spec, fleet.nodes), spec.nodes.target, fleet.message if fleet.hold else ""
    )


def _run(run: Run, jobs: Sequence[Job], tx: Transaction) -> KeptRun:
    spec, ranks = spec_of(run), tuple(job.rank for job in jobs)
    policy = retry_policy(spec)
    submitted = tuple(job.rank for job in jobs if job.state is JobState.SUBMITTED)
    return KeptRun(
        run_request(run.name, spec, ranks, run.project),
        tuple(job.instance_id for job in jobs if job.instance_id is not None and job.state not in JOB.final),
        policy.allows(RetryEvent.INTERRUPTION, run.created_at, tx.now),
        policy.allows(RetryEvent.NO_CAPACITY, run.created_at, tx.now),
        run_request(run.name, spec, submitted, run.project) if submitted else None,
    )


def _refuse_unknown(edits: Edits, holdings: Holdings, snapshot: Snapshot, world: World) -> None:
    names = {fleet.request.name for fleet in holdings.fleets} | {instance.fleet for instance in snapshot.instances}
    for name in sorted(edits.fleets - names):
        raise not_found("fleet", name)
    zones = {info.zone for info in world.zones}
    for zone in sorted((edits.lost | edits.closed) - zones):
        raise not_found("zone", str(zone))
    for edit in edits.prices:
        types = snapshot.catalog.table.by_name.get(edit.instance_type.casefold(), [])
        if not types or (edit.zone is not None and edit.zone not in zones):
            raise not_found(
                "instance type" if not types else "zone", edit.instance_type if not types else str(edit.zone)
            )
