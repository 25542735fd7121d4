"""A zone that is emptied: what is in it, what is to happen to each instance, and how the rest is stopped."""

from collections.abc import Collection, Sequence

from atoll.configuration.types.disruption import Disruption
from atoll.engine.placing.batching import wake_waiting
from atoll.engine.placing.demand import fleet_request, spec_of
from atoll.engine.placing.disruption import Held, held_back, limits_of
from atoll.engine.snapshots.closures import zones_for
from atoll.engine.snapshots.world import World
from atoll.model.reasons import EndReason, RetryEvent
from atoll.model.records import Closure, Fleet, Instance, Job, Kind, Run
from atoll.model.states import RUN, FleetState
from atoll.planning.moves import Moves, Occupant, moves
from atoll.planning.request import FleetRequest
from atoll.planning.snapshot import Snapshot
from atoll.store.transaction import Transaction

_NAMED = 5
"""Reasons that a message names; more are counted."""


async def moves_in(tx: Transaction, world: World, closure: Closure, instances: Sequence[Instance]) -> Moves:
    """What is to happen to the instances of the closure's zone that have not been ended."""
    fleets = [await tx.get(Fleet, id) for id in dict.fromkeys(instance.fleet_id for instance in instances)]
    active = {fleet.id: fleet for fleet in fleets if fleet is not None and fleet.state is FleetState.ACTIVE}
    staying = [
        instance for instance in instances if not instance.end_reason and instance.fleet_id in active
    ]  # others end anyway
    requests: dict[str, FleetRequest] = {
        id: fleet_request(fleet.name, spec_of(fleet), fleet.nodes)
        for id, fleet in active.items()
        if not fleet.auto_created
    }
    occupants = await _occupants(tx, staying)
    found = Moves()
    for project in sorted({each.project for each in staying}):
        zones = await zones_for(tx, world.zones, project)
        ours = [occupants[each.id] for each in staying if each.project == project]
        one = moves(closure.zone, ours, requests, Snapshot(world.catalog, zones, tx.now))
        found = Moves(
            found.replace + one.replace, found.release + one.release, found.stays + one.stays, found.busy + one.busy
        )
    return found


async def _occupants(tx: Transaction, instances: Collection[Instance]) -> dict[str, Occupant]:
    runs: dict[str, list[str]] = {}
    for job in await tx.runs.claims():
        runs.setdefault(job.instance_id or "", []).append(job.run)
    volumes: dict[str, list[str]] = {}
    for tie in await tx.attachments.live():
        volumes.setdefault(tie.instance_id, []).append(tie.name)
    return {
        instance.id: Occupant(
            instance.id,
            instance.name,
            instance.fleet_id,
            tuple(sorted(set(runs.get(instance.id, ())))),
            tuple(sorted(set(volumes.get(instance.id, ())))),
        )
        for instance in instances
    }


async def remains_text(tx: Transaction, found: Moves, instances: Sequence[Instance], common: Disruption | None) -> str:
    """What remains in a zone that is emptied, and why: instances that stay, and fleets that wait for their turn."""
    texts: dict[str, list[str]] = {}
    for stay in found.stays:
        texts.setdefault(stay.text, []).append(stay.occupant.name)
    lines = [f"{', '.join(names)} stay{'s' if len(names) == 1 else ''}: {text}" for text, names in texts.items()]
    for id in dict.fromkeys(
        instance.fleet_id for instance in instances if instance.leaving_for and not instance.end_reason
    ):
        fleet = await tx.get(Fleet, id)
        if fleet is not None and fleet.message:
            lines.append(f"fleet `{fleet.name}` waits for successors: {fleet.message}")
        elif fleet is not None:
            held = await held_back(tx, common, fleet, await limits_of(tx, common, fleet), ())
            if held.why:
                lines.append(f"fleet `{fleet.name}` keeps to {held.why}{_next(held)}")
    more = len(lines) - _NAMED
    return "; ".join(lines[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _next(held: Held) -> str:
    return "" if held.resumes is None else f", next at {held.resumes:%Y-%m-%d %H:%M:%S} UTC"


async def empty_zone(tx: Transaction, closure: Closure, replaced: Collection[str], released: Collection[str]) -> None:
    """Mark instances of a closed zone for replacement, and end those that none needs."""
    await tx.fleets.mark_leaving(replaced, closure.id)
    await tx.fleets.end(released, EndReason.ZONE_DRAINED)
    await tx.work.wake(Kind.INSTANCE, released, tx.now)
    instances = [each for id in replaced if (each := await tx.get(Instance, id)) is not None]
    await tx.work.wake(Kind.FLEET, sorted({instance.fleet_id for instance in instances}), tx.now)


async def stop_rest(tx: Transaction, ids: Collection[str]) -> None:
    """End instances of an evacuated zone with the jobs on them.

    A run that is retried after an interruption goes on elsewhere; another one is stopped.
    """
    await tx.fleets.end(ids, EndReason.ZONE_EVACUATED)
    stopped = {job.run_id for job in await tx.runs.claims() if job.instance_id in ids}
    jobs = await tx.runs.jobs_of(sorted(stopped))
    for id in sorted(stopped):
        run = await tx.get(Run, id)
        if run is None or run.state in RUN.final or run.stop:
            continue
        retry = spec_of(run).retry
        if retry is not None and RetryEvent.INTERRUPTION in retry.on_events:
            await _stop_jobs(tx, jobs.get(id, ()))
        else:
            await tx.wake(await tx.update(run, stop="stop", message="its zone was evacuated"))
            tx.requested(run, EndReason.ZONE_EVACUATED)
    await tx.work.wake(Kind.INSTANCE, ids, tx.now)


async def _stop_jobs(tx: Transaction, jobs: Collection[Job]) -> None:
    for job in jobs:
        if not job.stop:
            await tx.wake(await tx.update(job, stop="stop"))


async def occupants_of(tx: Transaction, closure: Closure) -> Sequence[Instance]:
    """The instances that a closure's zone is to be emptied of."""
    return await tx.fleets.in_zone(closure.zone, None if closure.server_wide else closure.project)


async def end_closure(tx: Transaction, closure: Closure) -> None:
    """What follows the end of a closure: its zone's instances stay, and what waits is retried."""
    leaving = [each for each in await occupants_of(tx, closure) if each.leaving_for == closure.id]
    await tx.fleets.stop_leaving(closure.id)
    for id in sorted({each.fleet_id for each in leaving}):
        fleet = await tx.get(Fleet, id)
        if fleet is not None and not fleet.hold:
            await tx.wake(await tx.update(fleet, message="", waiting_since=None))
    await wake_waiting(tx)
