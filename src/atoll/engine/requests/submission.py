"""Plan and apply: files in, one plan for all their documents; apply keeps it with its work in one transaction."""

import asyncio
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from atoll.configuration import Document
from atoll.configuration.checks.zoning import Ground, homes
from atoll.configuration.types.disruption import Disruption
from atoll.configuration.types.fleet import Fleet as FleetSpec
from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused
from atoll.engine.parts.turns import Asker
from atoll.engine.parts.vault import Vault, WrongKey, has_secrets, wrong_key
from atoll.engine.parts.versions import DIGEST_BYTES, version_of
from atoll.engine.placing.demand import demand_of, elastic_fleet, run_of, spec_of, volume_names, volume_request
from atoll.engine.placing.disruption import limits_of
from atoll.engine.placing.hosts import SSH
from atoll.engine.placing.placement import PlacementRaced, claim_epoch
from atoll.engine.placing.restraint import uncreated
from atoll.engine.requests.acceptance import accept
from atoll.engine.requests.change import IN_PLACE, Standing, change_of, changed_keys
from atoll.engine.requests.check import Scene, check, failure_of, home_of, trouble_of
from atoll.engine.requests.disks import shared_disk, with_disks
from atoll.engine.requests.draft import Draft
from atoll.engine.requests.hosts import (
    declares_hosts,
    kept_hosts,
    look_at_hosts,
    needs_engine,
    shared_hosts,
    with_hosts,
)
from atoll.engine.requests.meaning import SELECTION, misfits, respelled
from atoll.engine.requests.parsing import in_order, live_directory, parse_submission, refuse_errors, with_zones
from atoll.engine.requests.planned import Planned
from atoll.engine.requests.replay import replay
from atoll.engine.snapshots.saved import Saved, Settled, digest
from atoll.engine.snapshots.world import World, take_snapshot
from atoll.engine.snapshots.writing import write_snapshot
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.error_codes import ErrorCode
from atoll.model.reasons import RetryEvent
from atoll.model.records import Fleet, Instance, Run, Volume
from atoll.model.states import FleetState, VolumeState
from atoll.planning.plan import DocumentKind, NodePlacement, Plan
from atoll.planning.reasons import explain
from atoll.planning.request import Document as Demand
from atoll.planning.request import ElasticFleet, FleetRequest, Request, RunRequest, VolumeRequest
from atoll.planning.snapshot import Snapshot
from atoll.store.actor import acting
from atoll.store.errors import Conflict
from atoll.store.transaction import Transaction
from atoll.wire.api import ChangeAction, Submission
from atoll.zones.directory import Directory

RACES = 8
"""How often a plan is recomputed because the state changed while it was computed."""
REPLAY_SECONDS = 60.0
"""How long a replay may compute: reading a large snapshot takes a part of it."""


@dataclass(frozen=True, slots=True)
class _Proposal:
    planned: Planned
    drafts: tuple[Draft, ...]
    epoch: str | None
    saved: Saved


async def plan_submission(context: Context, project: str, submission: Submission) -> Planned:
    """What applying would do. Nothing changes. Raises Refused with diagnostics for wrong files."""
    return (await _propose(context, await context.worlds.world(), project, submission)).planned


async def save_submission(context: Context, project: str, submission: Submission) -> tuple[Planned, bytes]:
    """What applying would do, and the snapshot file of the world in which it would. Raises Refused."""
    proposal = await _propose(context, await context.worlds.world(), project, submission)
    return proposal.planned, await context.planner.run(asker(project), write_snapshot, proposal.saved)


async def replay_submission(context: Context, project: str, snapshot: bytes, submission: Submission) -> Planned:
    """The plan in the world of a snapshot file, and of nothing else. Raises Refused."""
    return await context.planner.run(asker(project), replay, snapshot, submission, seconds=REPLAY_SECONDS)


def asker(project: str) -> Asker:
    """The project and user of the present request."""
    return Asker(project, acting.get() or "-")


async def apply_submission(context: Context, project: str, submission: Submission) -> Planned:
    """Store the files' documents as the desired state; the work itself follows in the background.

    Raises Refused, with nothing kept, for wrong files and for what does not fit.
    """
    for _ in range(RACES):
        world = await context.worlds.world()
        with suppress(PlacementRaced, Conflict):
            async with context.planner.brief_turn(asker(project)):
                return await _apply(context, world, project, submission)
    raise Refused(ErrorCode.BUSY, "the state kept changing while planning", help="run the command again", status=503)


async def _apply(context: Context, world: World, project: str, submission: Submission) -> Planned:
    proposal = await _propose(context, world, project, submission)
    if submission.basis and submission.basis != proposal.planned.basis:
        raise Refused(
            ErrorCode.CHANGED_SINCE_PLAN,
            "what these files change is not what the plan showed any more",
            help="`atoll plan` shows the new plan; nothing was applied",
        )
    for document in proposal.planned.plan.documents:
        if document.shortfall is not None and not proposal.planned.waits(document):
            text = explain.shortfall_text(document.kind, document.name, document.shortfall)
            raise Refused(ErrorCode.DOES_NOT_FIT, text, help="`atoll plan` shows why, zone by zone")
    _refuse_failed(proposal.drafts)
    if all(draft.change.action is ChangeAction.UNCHANGED for draft in proposal.drafts):
        return proposal.planned
    await asyncio.shield(_store(context, project, proposal))  # a client that leaves now has applied
    return proposal.planned


async def _store(context: Context, project: str, proposal: _Proposal) -> None:
    async with context.database.write() as tx:
        await claim_epoch(tx, proposal.epoch)
        drafts = await _sealed(tx, context.vault, proposal.drafts)
        in_turns = context.disruption is not None and context.disruption.in_turns
        await accept(tx, project, drafts, proposal.planned.plan, context.new_id, in_turns=in_turns)


def _refuse_failed(drafts: Sequence[Draft]) -> None:
    """Raises Refused for a volume that failed: it is not unchanged, and only the user may give up its data."""
    for draft in drafts:
        kept = draft.kept
        if isinstance(kept, Volume) and _is_lost(kept):
            message, help = failure_of(kept)
            raise Refused(ErrorCode.VOLUME_FAILED, message, help=help)


async def _propose(context: Context, world: World, project: str, submission: Submission) -> _Proposal:
    async with context.database.read() as tx:
        kept = {volume.name: volume for volume in await tx.volumes.listing(project)}
        held = {*await tx.listing.instances_by_zone(project), *await tx.listing.volumes_by_zone(project)}
    directory = live_directory(world, held)
    infos = {name: backend.info for name, backend in context.backends.items()}
    ground = Ground(directory, with_zones(infos, world.zones))
    parsed = await context.planner.run(asker(project), parse_submission, submission, ground)
    documents, unusable = await with_disks(context, parsed.documents, kept, world.zones)
    parsed = replace(parsed, documents=documents)
    seen, looked = await _with_own_hosts(context, world, parsed.documents)
    if seen is not world:
        world, directory = seen, live_directory(seen, held)
    async with context.database.read() as tx:
        if not await tx.access.project_exists(project):
            raise Refused(ErrorCode.NOT_FOUND, f"there is no project `{project}`", status=404)
        epoch = await tx.settings.get("placements")
        drafts = [
            await _draft(tx, context, world, project, document, submission.rerun) for document in parsed.documents
        ]
        volumes, fleets = await tx.volumes.listing(project), await tx.fleets.listing(project)
        secrets = frozenset(secret.name for secret in await tx.secrets.listing(project))
        conflicts = [conflict for draft in drafts for conflict in await _conflicts(tx, draft, project)]
        conflicts += [one for one in looked if not _is_kept(one, drafts)]
        snapshot = await take_snapshot(tx, world, context.backends, project, _leaving(drafts))
        leaving = await tx.fleets.leaving(project)
        snapshot = _marked(snapshot, [draft for draft in drafts if draft.kind == "fleet"], leaving)
        paces = {draft.name: await _pace(tx, context.disruption, draft) for draft in drafts if draft.outdated}
        event = await tx.newest_event()
    here = replace(world, zones=snapshot.zones)
    scene = replace(
        _scene(context, project, drafts, here, directory, (volumes, fleets)), secrets=secrets, unread=parsed.unread
    )
    checked = [*(draft.document for draft in drafts if _asks(draft)), *parsed.partial]
    found = [*parsed.diagnostics, *await _checked(checked, scene), *conflicts, *unusable]
    findings = in_order(found, submission)
    refuse_errors(findings)
    names = {instance.id: f"{instance.fleet}-{instance.node}" for instance in snapshot.instances}
    demands = [draft.demand(project) for draft in drafts if _asks(draft)]
    waiting = tuple(volume_request(volume.name, spec_of(volume)) for volume in volumes if volume.zone is None)
    saved = Saved(snapshot, project, waiting, tuple(fleet.name for fleet in fleets), _settled(project, drafts))
    request = Request(project, (*demands, *_wanted(waiting, drafts)), _elastic(fleets, drafts, project), confirmed=True)
    answer = _paced(await context.planner.plan(request, snapshot, asker(project)), paces)
    changes = tuple(draft.change for draft in drafts)
    patient = frozenset((draft.kind, draft.name) for draft in drafts if _is_patient(draft))
    planned = Planned(
        changes,
        answer,
        findings,
        event,
        parsed.default_profile,
        names,
        patient,
        _basis(drafts, answer, _used(demands, (*volumes, *fleets))),
        {} if answer.complete else world.errors,
        world.stale,
    )
    return _Proposal(planned, tuple(drafts), epoch, saved)


async def _with_own_hosts(
    context: Context, world: World, documents: Sequence[Document]
) -> tuple[World, list[Diagnostic]]:
    """The world with what is known now of the user's own hosts, and why some that the documents name cannot serve."""
    if declares_hosts(documents):
        looked = await look_at_hosts(context.own_hosts, documents)
        context.worlds.invalidate([SSH])
        return with_hosts(await context.worlds.world(), context.own_hosts, documents), looked
    if context.own_hosts is not None and needs_engine(documents):
        await context.own_hosts.look_for_engines()
        context.worlds.invalidate([SSH])
        return await context.worlds.world(), []
    return world, []


async def _pace(tx: Transaction, common: Disruption | None, draft: Draft) -> str:
    """How long disruption budgets make the replacement of a fleet's outdated nodes last; empty without one."""
    assert isinstance(draft.kept, Fleet)
    fleet = replace(draft.kept, config=draft.config)
    leaving = [instance.zone for instance in await tx.fleets.instances(fleet) if instance.id in draft.outdated]
    return (await limits_of(tx, common, fleet)).pace(leaving, tx.now).text


def _paced(plan: Plan, paces: Mapping[str, str]) -> Plan:
    """The plan with notes about fleets whose nodes are replaced one after the other."""
    documents = tuple(
        replace(document, notes=(*document.notes, f"the replacement {paces[document.name]}"))
        if document.kind is DocumentKind.FLEET and paces.get(document.name) and not document.replaced_first
        else document
        for document in plan.documents
    )
    return replace(plan, documents=documents)


def _marked(snapshot: Snapshot, drafts: Sequence[Draft], leaving: Collection[str]) -> Snapshot:
    """The snapshot with the instances as outdated that the new configurations of their fleets do not ask for.

    So are those that leave a zone.
    """
    fleets = {draft.name for draft in drafts}
    outdated = {*leaving, *(id for draft in drafts for id in draft.outdated)}
    instances = (
        replace(instance, outdated=instance.id in outdated) if instance.fleet in fleets else instance
        for instance in snapshot.instances
    )
    return replace(snapshot, instances=tuple(instances))


def _is_kept(finding: Diagnostic, drafts: Sequence[Draft]) -> bool:
    """Whether a finding about a host concerns a fleet that is there and stays as it is."""
    unchanged = [draft for draft in drafts if draft.kind == "fleet" and not _asks(draft)]
    spans = {draft.document.span(("ssh_config", "hosts", i)) for draft in unchanged for i in range(1000)}
    return finding.span in spans


async def _checked(documents: Sequence[Document], scene: Scene) -> list[Diagnostic]:
    """The findings of the checks against the world; other requests are answered between two documents."""
    found: list[Diagnostic] = []
    for document in documents:
        found += check(document, scene)
        await asyncio.sleep(0)
    return found


def _elastic(fleets: Sequence[Fleet], drafts: Sequence[Draft], project: str) -> tuple[ElasticFleet, ...]:
    """The fleets that may grow for runs: those of the submission as they will be, and the other kept ones."""
    applied = {draft.name: draft for draft in drafts if draft.kind == "fleet" and _asks(draft)}
    found = [
        elastic_fleet(fleet)
        for fleet in fleets
        if fleet.name not in applied and fleet.state is FleetState.ACTIVE and not fleet.auto_created
    ]
    for draft in applied.values():
        demand, spec = draft.demand(project), draft.document.spec
        if isinstance(demand, FleetRequest) and isinstance(spec, FleetSpec):
            found.append(ElasticFleet(demand, spec.nodes.max))
    return tuple(found)


def _is_patient(draft: Draft) -> bool:
    """Whether the document waits for capacity: a volume always does, others where their `retry` says so."""
    if draft.kind == "volume":
        return True
    retry = getattr(draft.document.spec, "retry", None)
    return retry is not None and RetryEvent.NO_CAPACITY in retry.on_events


def _used(demands: Sequence[Demand], kept: Sequence[Volume | Fleet]) -> list[tuple[str, str, str]]:
    """The kind, name and version of the volumes that the runs mount, and of the fleets that they name."""
    runs = [demand for demand in demands if isinstance(demand, RunRequest)]
    names = {name for run in runs for name in run.fleets or ()}
    names |= {name for run in runs for node in run.nodes for mount in node.mounts for name in mount.volumes}
    return [(one.kind, one.name, version_of(one)) for one in kept if one.name in names]


def _basis(drafts: Sequence[Draft], plan: Plan, used: Sequence[tuple[str, str, str]]) -> str:
    """Stands for what the plan shows: the records that the drafts change or use, the absence of those that they create,
    what ends, and what is created in which zone at which price.
    """
    kept = [
        (draft.kind, draft.name, draft.change.action, draft.kept and version_of(draft.kept), draft.change.ending)
        for draft in drafts
    ]
    removed = sorted(instance.id for document in plan.documents for instance in document.removals)
    placed = [
        (document.name, str(document.zone), document.price, sorted(Counter(map(_place, document.placements)).items()))
        for document in plan.documents
    ]
    return blake2b(json.dumps([kept, removed, placed, *used]).encode(), digest_size=DIGEST_BYTES).hexdigest()


def _place(node: NodePlacement) -> str:
    return f"{node.zone.backend}/{node.zone.region}/{node.zone} {node.instance_type.name} {node.market}"


async def _draft(
    tx: Transaction, context: Context, world: World, project: str, document: Document, rerun: bool
) -> Draft:
    config = document.to_json()
    kept: Fleet | Volume | Run | None
    if document.kind == "fleet":
        kept = await tx.fleets.named(project, document.name)
    elif document.kind == "volume":
        kept = await tx.volumes.named(project, document.name)
    else:
        kept = await tx.runs.named(project, document.name)
    former = None if kept is None else respelled(document.type, _opened(context.vault, kept.config), config)
    instances = await tx.fleets.instances(kept) if isinstance(kept, Fleet) else ()
    zones = {info.zone for info in world.zones} | {instance.zone for instance in instances}
    outdated: frozenset[str] = frozenset()
    if former is not None and instances:
        keys = set(changed_keys(document.kind, former, config, zones))
        staying = [each for each in instances if not each.end_reason]
        moved: frozenset[str] = frozenset()
        if "ssh_config" in keys and (hosts := kept_hosts(former, config)) is not None:
            keys.discard("ssh_config")
            moved = frozenset(each.id for each in staying if each.instance_type.name not in hosts)
        outdated = _outdated(keys, staying, demand_of(document, project)) | moved
    standing = Standing(former, zones, outdated, rerun)
    change = change_of(document.type, document.kind, document.name, config, kept, standing)
    if outdated:
        change = replace(change, ending=tuple(sorted(outdated)))
    fitting = sum(not each.end_reason and each.id not in outdated for each in instances)
    return Draft(document, config, kept, change, outdated, _size(document.spec, kept, fitting))


def _size(spec: object, kept: Fleet | Volume | Run | None, fitting: int) -> int:
    """The size that a fleet is to have: of the `fitting` nodes beyond its target, as many as it may have stay."""
    if not isinstance(spec, FleetSpec):
        return 0
    held = min(kept.nodes, fitting) if isinstance(kept, Fleet) else 0
    return max(spec.nodes.target, held if spec.nodes.max is None else min(held, spec.nodes.max))


def _outdated(keys: Collection[str], staying: Sequence[Instance], demand: Demand) -> frozenset[str]:
    """The instances of a fleet that its new configuration does not ask for; `keys` are those that change."""
    assert isinstance(demand, FleetRequest)
    if IN_PLACE["fleet"].issuperset(keys):
        return frozenset(instance.id for instance in staying if instance.outdated)
    if not (IN_PLACE["fleet"] | SELECTION).issuperset(keys):
        return frozenset(instance.id for instance in staying)
    return frozenset(instance.id for instance in misfits(staying, demand))


def _opened(vault: Vault, config: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return vault.open_config(config)
    except WrongKey as error:
        raise wrong_key() from error


async def _sealed(tx: Transaction, vault: Vault, drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts as they are kept: what may hold secrets is sealed."""
    if any(has_secrets(draft.config) for draft in drafts):
        vault = await vault.claim(tx)
    return [replace(draft, config=vault.seal_config(draft.config)) for draft in drafts]


def _is_lost(volume: Volume) -> bool:
    """Whether the volume's disk, and its data, are gone."""
    return volume.state is VolumeState.FAILED and not volume.end_reason and not uncreated(volume)


async def _conflicts(tx: Transaction, draft: Draft, project: str) -> list[Diagnostic]:
    """Why a document cannot be what it asks for beside what exists: its own record, hosts and disks of others."""
    document = draft.document
    return [
        *_own_conflicts(draft),
        *await shared_hosts(tx, document, project),
        *await shared_disk(tx, document, project),
    ]


def _own_conflicts(draft: Draft) -> list[Diagnostic]:
    span = draft.document.span(("name",))
    if isinstance(draft.kept, Volume):
        if draft.kept.end_reason:
            return [Diagnostic("being-deleted", f"volume `{draft.name}` is being deleted", span=span, help="try again")]
        if _is_lost(draft.kept):
            message, help = failure_of(draft.kept)
            return [Diagnostic("volume-failed", message, Severity.WARNING, span, help=help)]
        if draft.change.action is ChangeAction.REPLACE:
            keys = ", ".join(f"`{field.key}`" for field in draft.change.fields)
            message = f"volume `{draft.name}` exists, and {keys} cannot change without losing its data"
            help = f"give it another name, or `atoll delete volume {draft.name}` first: that deletes its data"
            return [Diagnostic("volume-immutable", message, span=span, help=help)]
    spec = draft.document.spec
    if isinstance(spec, FleetSpec) and spec.nodes.max == 0 and spec.ssh_config is None and _asks(draft):
        message = f"fleet `{draft.name}` can never have a node: the most that `nodes` allows is 0"
        help = "`nodes: 1`, or `nodes: 0..4` for a fleet that gets nodes when runs need them"
        return [Diagnostic("fleet-without-nodes", message, span=draft.document.span(("nodes",)), help=help)]
    if isinstance(draft.kept, Fleet) and draft.kept.state is not FleetState.ACTIVE:
        return [Diagnostic("being-deleted", f"fleet `{draft.name}` is being deleted", span=span, help="try again")]
    return []


def _scene(
    context: Context,
    project: str,
    drafts: Sequence[Draft],
    world: World,
    directory: Directory,
    kept: tuple[Sequence[Volume], Sequence[Fleet]],
) -> Scene:
    submitted = [draft.document for draft in drafts if draft.kind == "volume" and draft.kept is None]
    placed = homes(submitted, directory) | {one.name: home_of(one) for one in kept[0] if not one.end_reason}
    fleets = {fleet.name for fleet in kept[1]} | {draft.name for draft in drafts if draft.kind == "fleet"}
    infos = {name: backend.info for name, backend in context.backends.items()}
    retried = {draft.name for draft in drafts if draft.change.action is ChangeAction.RETRY}
    found = {one.name: trouble_of(one, infos) for one in kept[0] if one.name not in retried}
    troubles = {name: trouble for name, trouble in found.items() if trouble is not None}
    return Scene(project, infos, directory, world.zones, world.catalog, placed, fleets, troubles)


def _wanted(waiting: Sequence[VolumeRequest], drafts: Sequence[Draft]) -> list[VolumeRequest]:
    """Kept volumes that got no zone yet, and that a run of this submission brings one."""
    wanted = {
        name
        for draft in drafts
        if draft.kind == "run" and draft.document.type == "task"
        for name in volume_names(run_of(draft.document))
    }
    submitted = {draft.name for draft in drafts if draft.kind == "volume"}
    return [volume for volume in waiting if volume.name in wanted and volume.name not in submitted]


def _settled(project: str, drafts: Sequence[Draft]) -> frozenset[Settled]:
    documents = [draft.document for draft in drafts if not _asks(draft)]
    return frozenset(
        Settled(document.kind, document.name, digest(demand_of(document, project))) for document in documents
    )


def _leaving(drafts: Sequence[Draft]) -> frozenset[str]:
    """The ids of the runs that end for their successors."""
    replaced = (ChangeAction.REPLACE, ChangeAction.RERUN)
    runs = (draft for draft in drafts if isinstance(draft.kept, Run) and draft.change.action in replaced)
    return frozenset(draft.kept.id for draft in runs if draft.kept is not None)


def _asks(draft: Draft) -> bool:
    """True when something of the document is to be placed."""
    if draft.kind == "volume":
        kept = draft.kept
        return not isinstance(kept, Volume) or kept.zone is None or draft.change.action is ChangeAction.RETRY
    return draft.change.action is not ChangeAction.UNCHANGED
