"""Keeping an accepted submission: records and work of all its documents, in one transaction."""

from collections.abc import Sequence

from atoll.configuration.types.fleet import Fleet as FleetSpec
from atoll.configuration.types.run import Run as RunSpec
from atoll.configuration.types.volume import Volume as VolumeSpec
from atoll.engine.parts.archive_storage import refuse_missing
from atoll.engine.placing.demand import digests_of, nodes_of, size_of
from atoll.engine.placing.placement import (
    NewId,
    keep_grown,
    keep_instances,
    keep_jobs,
    keep_zone,
    keep_zones,
    planned_fleets,
)
from atoll.engine.placing.restraint import FREE_FLEET, recreate, release_runs
from atoll.engine.requests.draft import Draft
from atoll.model.reasons import ChangeReason, EndReason
from atoll.model.records import Fleet, Instance, Job, Kind, Run, Volume
from atoll.model.states import FleetState, JobState, RunState, VolumeState
from atoll.planning.plan import DocumentKind, DocumentPlan, Plan
from atoll.planning.reasons import explain
from atoll.store.transaction import Transaction
from atoll.wire.api import ChangeAction

UNCHANGED = ChangeAction.UNCHANGED
_ORDER = {"volume": 0, "fleet": 1, "run": 2}


async def accept(
    tx: Transaction, project: str, drafts: Sequence[Draft], plan: Plan, new_id: NewId, *, in_turns: bool
) -> None:
    """Keep every document that changes, volumes before fleets before runs. Raises Refused (files-missing).

    With `in_turns` the server's disruption budget lets nodes go one after the other.
    """
    specs = [draft.document.spec for draft in drafts if draft.kind == "run" and draft.change.action != UNCHANGED]
    needed = {digest for spec in specs if isinstance(spec, RunSpec) for digest in digests_of(spec)}
    await refuse_missing(tx, project, needed)
    plans = {(document.kind, document.name): document for document in plan.documents}
    planned: dict[tuple[str, int], Instance] = {}
    applied = {draft.name for draft in drafts if draft.kind == "fleet" and draft.change.action != UNCHANGED}
    used = {name for document in plan.documents for name in planned_fleets(document)}
    grown = used - applied
    planned |= await keep_grown(tx, project, plan, grown, new_id)
    for draft in sorted(drafts, key=lambda draft: _ORDER[draft.kind]):
        placed = plans.get((DocumentKind(draft.kind), draft.name), DocumentPlan(DocumentKind(draft.kind), draft.name))
        if draft.kind == "volume":
            await _accept_volume(tx, project, draft, placed, new_id)
        elif draft.change.action is UNCHANGED:
            continue
        elif draft.kind == "fleet":
            fleet = await _accept_fleet(tx, project, draft, placed, plan.grown.get(draft.name, 0), new_id)
            now = placed.placements
            if draft.outdated and fleet.name not in used and (in_turns or _in_turns(draft)):
                now = ()  # successors are planned when it is the turn of those whose place they take
            instances = await keep_instances(tx, fleet, now, new_id)
            planned |= {(fleet.name, node): instance for node, instance in instances.items()}
        else:
            await keep_zones(tx, project, plan, {one.name for one in plan.documents})
            await _accept_run(tx, project, draft, placed, planned, new_id)


def _in_turns(draft: Draft) -> bool:
    spec = draft.document.spec
    return isinstance(spec, FleetSpec) and spec.disruption is not None and spec.disruption.in_turns


async def _accept_volume(tx: Transaction, project: str, draft: Draft, placed: DocumentPlan, new_id: NewId) -> None:
    spec = draft.document.spec
    assert isinstance(spec, VolumeSpec)
    if isinstance(draft.kept, Volume):
        volume = await tx.update(draft.kept, config=draft.config)
        if draft.change.action is ChangeAction.RETRY:
            volume = await recreate(tx, volume)
        elif draft.change.action is not UNCHANGED:
            tx.requested(volume, "changed")
        await keep_zone(tx, volume, placed)
        return
    await tx.add(
        Volume(
            new_id(),
            project,
            draft.name,
            VolumeState.SUBMITTED,
            draft.config,
            size_of(spec),
            placed.zone.backend if placed.zone else spec.backend,
            tx.now,
            placed.zone,
        ),
        reason=ChangeReason.APPLIED,
    )


async def _accept_fleet(
    tx: Transaction, project: str, draft: Draft, placed: DocumentPlan, grown: int, new_id: NewId
) -> Fleet:
    kept, message, nodes = draft.kept, waiting_text(placed), max(draft.nodes, grown)
    if not isinstance(kept, Fleet):
        fleet = Fleet(new_id(), project, draft.name, FleetState.ACTIVE, draft.config, nodes, tx.now, message=message)
        return await tx.add(fleet, reason=ChangeReason.APPLIED)
    await tx.fleets.mark_outdated(kept.id, draft.outdated)
    if placed.replaced_first:
        await tx.fleets.end(draft.outdated, EndReason.REPLACED)
        await tx.work.wake(Kind.INSTANCE, draft.outdated, tx.now)
    fleet = await tx.update(kept, config=draft.config, nodes=nodes, **{**FREE_FLEET, "message": message})
    await release_runs(tx, fleet)
    tx.requested(fleet, "changed", fleet.message)
    await tx.wake(fleet)
    return fleet


def waiting_text(placed: DocumentPlan) -> str:
    """What a document that is accepted and does not fit yet waits for."""
    if placed.shortfall is None:
        return ""
    return explain.waiting_text(placed)


async def _accept_run(
    tx: Transaction,
    project: str,
    draft: Draft,
    placed: DocumentPlan,
    planned: dict[tuple[str, int], Instance],
    new_id: NewId,
) -> None:
    replaced = None
    if isinstance(draft.kept, Run):
        await tx.release_name(draft.kept)
        if draft.change.action is ChangeAction.REPLACE:
            replaced = draft.kept.id
            await tx.wake(await tx.update(draft.kept, stop=draft.kept.stop or "stop"))
            tx.requested(draft.kept, "replaced")
    run = await tx.add(
        Run(
            new_id(),
            project,
            draft.name,
            draft.document.type,
            RunState.SUBMITTED,
            draft.config,
            tx.now,
            replaces=replaced,
            message=waiting_text(placed),
        ),
        reason=ChangeReason.APPLIED,
    )
    spec = draft.document.spec
    assert isinstance(spec, RunSpec)
    await tx.archives.use(run.id, project, digests_of(spec))
    jobs = [
        await tx.add(Job(new_id(), project, run.id, run.name, rank, 0, JobState.SUBMITTED, tx.now))
        for rank in range(nodes_of(spec))
    ]
    if placed.shortfall is None:
        await keep_jobs(tx, run, jobs, placed, planned, new_id)
