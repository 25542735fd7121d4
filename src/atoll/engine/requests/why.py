"""Why a fleet, volume or run is where it is, or waits: its demand, planned as the engine plans it.

What has its place is planned as if it had none, so that each other zone has a reason. What waits is planned as it
waits.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.placing.batching import Demand, elastic_fleets
from atoll.engine.placing.demand import (
    fleet_request,
    nodes_of,
    run_request,
    spec_of,
    volume_names,
    volume_request,
)
from atoll.engine.requests.planned import Planned
from atoll.engine.requests.submission import asker
from atoll.engine.snapshots.world import take_snapshot
from atoll.model.error_codes import ErrorCode
from atoll.model.records import Fleet, Kind, Run
from atoll.model.states import JobState
from atoll.planning.request import ElasticFleet, Request, VolumeRequest
from atoll.planning.whatif import without
from atoll.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class _Question:
    """What is planned of a record, and what counts as gone for it: instances and runs by their ids, and a volume."""

    demand: Demand
    instances: Collection[str] = ()
    runs: Collection[str] = ()
    volume: str = ""
    unplaced: tuple[VolumeRequest, ...] = ()
    elastic: tuple[ElasticFleet, ...] = ()


async def explain_place(context: Context, project: str, kind: Kind, name: str) -> Planned:
    """The plan of one record as of now. Nothing changes. Raises Refused: not-found."""
    world = await context.worlds.world()
    async with context.database.read() as tx:
        question = await _question(tx, project, kind, name)
        snapshot = await take_snapshot(tx, world, context.backends, project, question.runs)
        instances = {instance.id: f"{instance.fleet}-{instance.node}" for instance in snapshot.instances}
    snapshot = without(snapshot, question.instances)
    volumes = tuple(volume for volume in snapshot.volumes if volume.name != question.volume)
    request = Request(project, (question.demand, *question.unplaced), question.elastic)
    plan = await context.planner.plan(request, replace(snapshot, volumes=volumes), asker(project))
    asked = tuple(document for document in plan.documents if (document.kind.value, document.name) == (kind.value, name))
    unlisted = {} if plan.complete else world.errors
    return Planned(
        (), replace(plan, documents=asked), instance_names=instances, patient=frozenset({(kind.value, name)}),
        unlisted=unlisted,
    )  # fmt: skip


async def _question(tx: Transaction, project: str, kind: Kind, name: str) -> _Question:
    if kind is Kind.FLEET:
        fleet = await tx.fleets.named(project, name)
        if fleet is not None:
            return await _of_fleet(tx, fleet)
    elif kind is Kind.VOLUME:
        volume = await tx.volumes.named(project, name)
        if volume is not None:
            return _Question(volume_request(name, spec_of(volume)), volume=name)
    else:
        run = await tx.runs.named(project, name)
        if run is not None:
            return await _of_run(tx, run)
    raise not_found(kind.value, name)


async def _of_fleet(tx: Transaction, fleet: Fleet) -> _Question:
    """A fleet with all its nodes is planned as if it had none; one that lacks some, with those that it has."""
    if fleet.auto_created:
        message = f"fleet `{fleet.name}` holds machines that were bought for runs"
        raise Refused(ErrorCode.MADE_FOR_RUNS, message, help="its runs say why they are there: `atoll why RUN`")
    instances = [instance for instance in await tx.fleets.instances(fleet) if not instance.end_reason]
    demand = fleet_request(fleet.name, spec_of(fleet), fleet.nodes)
    lacking = len(instances) < fleet.nodes or fleet.waiting_since is not None
    return _Question(demand, () if lacking else {instance.id for instance in instances})


async def _of_run(tx: Transaction, run: Run) -> _Question:
    """The nodes of a run that wait, else all of them; machines that were bought for it count as gone."""
    spec = spec_of(run)
    jobs = await tx.runs.jobs(run)
    waiting = tuple(job.rank for job in jobs if job.state is JobState.SUBMITTED)
    demand = run_request(run.name, spec, waiting or tuple(range(nodes_of(spec))), run.project)
    own: set[str] = set()
    if not waiting:
        on = {job.instance_id for job in jobs}
        for fleet in await tx.fleets.listing(run.project):
            if fleet.auto_created:
                own |= {instance.id for instance in await tx.fleets.instances(fleet) if instance.id in on}
    found = [await tx.volumes.named(run.project, volume) for volume in volume_names(spec)]
    volumes = [one for one in found if one is not None and one.zone is None and not one.end_reason]
    unplaced = tuple(volume_request(one.name, spec_of(one)) for one in volumes)
    return _Question(
        demand, own, () if waiting else {run.id}, unplaced=unplaced, elastic=await elastic_fleets(tx, run.project)
    )
