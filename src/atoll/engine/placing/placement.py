"""Plans become records: instances that shall be launched, jobs that claim them, volumes that get their zone."""

from collections.abc import Callable, Collection, Mapping, Sequence

from atoll.model.blocks import free_blocks
from atoll.model.reasons import ChangeReason
from atoll.model.records import Attachment, Fleet, Instance, Job, Run, Volume
from atoll.model.states import AttachmentState, FleetState, InstanceState, JobState
from atoll.planning.plan import DocumentKind, DocumentPlan, NodePlacement, Plan, Source
from atoll.store.errors import Conflict
from atoll.store.transaction import Transaction

NewId = Callable[[], str]


class PlacementRaced(Exception):  # noqa: N818 - an expected race: it is planned again
    """The world changed between the plan and its record."""


async def claim_epoch(tx: Transaction, seen: str | None) -> str:
    """Make sure that nothing was placed since the snapshot was taken; returns the next epoch. Raises PlacementRaced."""
    following = str(int(seen or 0) + 1)
    if not await tx.settings.swap("placements", seen, following):
        raise PlacementRaced
    return following


async def forget_plans(tx: Transaction) -> None:
    """Make the plans worthless that others have made and not kept yet: they saw another world. Raises Conflict."""
    seen = await tx.settings.get("placements")
    if not await tx.settings.swap("placements", seen, str(int(seen or 0) + 1)):
        raise Conflict("something was placed at the same time")


async def keep_instances(
    tx: Transaction, fleet: Fleet, placements: Sequence[NodePlacement], new_id: NewId
) -> dict[int, Instance]:
    """New instances of a fleet as planned, by node."""
    kept = {
        placement.node: Instance(
            new_id(),
            fleet.project,
            fleet.id,
            fleet.name,
            placement.node,
            InstanceState.PENDING,
            placement.zone,
            placement.instance_type,
            placement.market,
            placement.price,
            tx.now,
            blocks=placement.blocks,
        )
        for placement in placements
    }
    await tx.add_all(list(kept.values()), reason=ChangeReason.PLANNED)
    return kept


async def keep_grown(
    tx: Transaction, project: str, plan: Plan, names: Collection[str], new_id: NewId
) -> dict[tuple[str, int], Instance]:
    """The planned nodes of these kept fleets, which grow for runs, by fleet and number. Raises PlacementRaced.

    All nodes of a fleet are kept together: only together do they keep its placement. The fleets' sizes follow.
    """
    kept: dict[tuple[str, int], Instance] = {}
    for document in plan.documents:
        placements = document.placements
        if document.kind is not DocumentKind.FLEET or document.name not in names or not placements:
            continue
        fleet = await tx.fleets.named(project, document.name)
        if fleet is None or fleet.state is not FleetState.ACTIVE or fleet.hold:
            raise PlacementRaced
        instances = await keep_instances(tx, fleet, placements, new_id)
        kept |= {(fleet.name, node): instance for node, instance in instances.items()}
        nodes = plan.grown.get(fleet.name, 0)
        if nodes > fleet.nodes:
            fleet = await tx.update(fleet, nodes=nodes)
        await tx.wake(fleet)
    return kept


def planned_fleets(plan: DocumentPlan) -> frozenset[str]:
    """The fleets of the same plan whose new nodes a run's jobs claim."""
    return frozenset(placement.fleet or "" for placement in plan.placements if placement.source is Source.PLANNED)


async def keep_jobs(
    tx: Transaction,
    run: Run,
    jobs: Sequence[Job],
    plan: DocumentPlan,
    planned: Mapping[tuple[str, int], Instance],
    new_id: NewId,
) -> None:
    """Claim for each job the instance that the plan names; what has to be bought becomes a fleet of the run's own."""
    bought = [placement for placement in plan.placements if placement.source is Source.NEW]
    own = await _own_instances(tx, run, bought, new_id)
    places = {placement.node: placement for placement in plan.placements}
    for job in jobs:
        placement = places[job.rank]
        instance = await _instance(tx, placement, planned, own)
        placed = await tx.step(
            job,
            JobState.PLACED,
            reason=placement.source,
            instance_id=instance.id,
            zone=instance.zone,
            volumes=placement.volumes,
            blocks=await _blocks(tx, run, instance, placement.blocks),
        )
        await tx.update(instance, idle_since=None)
        await tx.wake(placed)
        for name in placement.volumes:
            await _keep_attachment(tx, placed, name, instance, new_id)


async def keep_zones(tx: Transaction, project: str, plan: Plan, names: Collection[str]) -> None:
    """Give those of these volumes their zones that have none and are part of a plan."""
    for document in plan.documents:
        if document.kind is DocumentKind.VOLUME and document.name in names:
            volume = await tx.volumes.named(project, document.name)
            if volume is not None:
                await keep_zone(tx, volume, document)


async def keep_zone(tx: Transaction, volume: Volume, plan: DocumentPlan) -> None:
    """Give a volume that had none the zone that was planned."""
    if volume.zone is None and plan.zone is not None:
        await tx.update(volume, zone=plan.zone)
        await tx.wake(volume)


async def _own_instances(
    tx: Transaction, run: Run, placements: Sequence[NodePlacement], new_id: NewId
) -> dict[int, Instance]:
    if not placements:
        return {}
    id = new_id()
    name = run.name if await tx.fleets.named(run.project, run.name) is None else f"{run.name}-{id[:6]}"
    keys = ("resources", "idle_duration", "max_price")
    config = {"type": "fleet", "nodes": len(placements)} | {key: run.config[key] for key in keys if key in run.config}
    placement = run.config.get("placement")
    if (placement.get("strategy") if isinstance(placement, Mapping) else placement) == "cluster":
        config["placement"] = "cluster"  # its machines are close to each other within the zone, too
    fleet = Fleet(id, run.project, name, FleetState.ACTIVE, config, len(placements), tx.now, auto_created=True)
    return await keep_instances(tx, await tx.add(fleet, reason=ChangeReason.RUN), placements, new_id)


async def _instance(
    tx: Transaction,
    placement: NodePlacement,
    planned: Mapping[tuple[str, int], Instance],
    own: Mapping[int, Instance],
) -> Instance:
    if placement.source is Source.NEW:
        return own[placement.node]
    if placement.source is Source.PLANNED:
        return planned[(placement.fleet or "", placement.fleet_node or 0)]
    instance = await tx.get(Instance, placement.instance or "")
    if instance is None or instance.end_reason:
        raise PlacementRaced
    return instance


async def _blocks(tx: Transaction, run: Run, instance: Instance, count: int) -> tuple[int, ...]:
    """The numbers of as many free blocks of an instance; none for all of them. Raises PlacementRaced.

    Those that runs hold which end for this one are taken where nothing else is free.
    """
    if count >= instance.blocks:
        return ()
    claims = await tx.runs.claims(instance.id)
    leaving = {job.id for job in claims if job.stop or job.run_id == run.replaces}
    free = free_blocks(instance.blocks, [job.blocks for job in claims])
    later = free_blocks(instance.blocks, [job.blocks for job in claims if job.id not in leaving])
    numbers = (*free, *(number for number in later if number not in free))
    if len(numbers) < count:
        raise PlacementRaced
    return tuple(sorted(numbers[:count]))


async def _keep_attachment(tx: Transaction, job: Job, volume_name: str, instance: Instance, new_id: NewId) -> None:
    volume = await tx.volumes.named(job.project, volume_name)
    if volume is None or volume.end_reason:
        raise PlacementRaced
    await tx.add(
        Attachment(
            new_id(),
            job.project,
            volume.id,
            instance.id,
            job.id,
            volume.name,
            AttachmentState.ATTACHING,
            instance.zone,
        )
    )
