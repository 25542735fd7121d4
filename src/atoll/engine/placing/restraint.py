"""What keeps fleets and runs from trying again at once: a refusal of the request itself, and early failures in a row.

A held fleet or run launches nothing until its configuration or the backend's changes, or until a user requests a
retry. After early failures the next try waits, longer each time (`atoll.reconcile.backoff`).
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from atoll.backends.base import BackendError, InvalidRequest, NotFound, ZoneMismatch
from atoll.engine.placing.demand import spec_of
from atoll.model.failure import Scope
from atoll.model.reasons import ChangeReason
from atoll.model.records import GAVE_UP, Attachment, Fleet, Instance, Job, Kind, Run, Volume
from atoll.model.states import RUN, FleetState, JobState, VolumeState
from atoll.reconcile.backoff import early_failure, early_pause
from atoll.store.transaction import Transaction

R = TypeVar("R", Fleet, Run)

FREE = {"hold": "", "early_failures": 0, "failed_early_at": None, "message": ""}
"""The fields of a fleet or run that nothing keeps from trying."""
FREE_FLEET = {**FREE, "waiting_since": None}
WAKEN = 1000
"""How many waiting items of each kind a changed configuration wakes at once; the others follow by themselves."""


REFUSED = (InvalidRequest, ZoneMismatch, NotFound)
"""Errors that refuse the request itself: the same request would be refused again."""


async def hold(tx: Transaction, instance: Instance, refusal: str, digests: Mapping[str, str]) -> None:
    """Hold the fleet of an instance whose launch request was refused as such; for a run's own fleet, the run.

    `refusal` is the provider's message; `digests` are those of the backends' configurations.
    """
    for owner in await _owners(tx, instance):
        await _hold(tx, owner, instance.zone.backend, refusal, digests)


async def hold_run(tx: Transaction, tie: Attachment, error: BackendError, digests: Mapping[str, str]) -> None:
    """Hold the run for whose job a volume could not be attached, because the provider refused the request as such."""
    job = await tx.get(Job, tie.job_id)
    run = await tx.get(Run, job.run_id) if job is not None else None
    if run is not None and run.state not in RUN.final and not run.stop:
        await _hold(tx, run, tie.zone.backend, error.message, digests)


async def hold_with_fleets(tx: Transaction, run: Run, message: str) -> bool:
    """Hold a run whose named fleets are all on hold: it continues with any of them. Returns whether it is held."""
    fleets = [await tx.fleets.named(run.project, name) for name in spec_of(run).fleets or ()]
    marks = [fleet.hold for fleet in fleets if fleet is not None]
    if not marks or not all(marks):
        return False
    await _set_hold(tx, run, marks[0], message)
    return True


async def held(tx: Transaction, record: Fleet | Run) -> bool:
    """Whether a fleet or run has been put on hold since it was looked at."""
    now = await tx.get(type(record), record.id)
    return now is not None and bool(now.hold)


async def count_machine(tx: Transaction, instance: Instance) -> None:
    """Count the end of a machine that ended by itself, for its fleet; for a run's own fleet, for the run."""
    for owner in await _owners(tx, instance):
        changes = early_failure(owner, instance.created_at, instance.started_at, tx.now)
        if changes:
            await _count(tx, owner, changes, f"its machines ended soon after their start: {instance.message}")


async def count_job(tx: Transaction, job: Job) -> None:
    """Count a failed attempt of a job for its run."""
    run = await tx.get(Run, job.run_id)
    if run is not None and job.state is JobState.FAILED and run.state not in RUN.final:
        changes = early_failure(run, job.created_at, job.started_at, tx.now)
        if changes:
            await _count(tx, run, changes, f"it failed soon after its start: {job.message or job.reason}")


async def _count(tx: Transaction, owner: Fleet | Run, changes: Mapping[str, Any], cause: str) -> None:
    counted = await tx.update(owner, **changes)
    pause = early_pause(counted, tx.now)
    if pause and not owner.hold:
        await tx.update(counted, message=f"{counted.early_failures} times in a row {cause}; retried in {pause:.0f} s")


async def release(tx: Transaction, record: R) -> R:
    """Let a fleet or run try again now; with a fleet also the runs that are on hold because of it."""
    freed = await tx.update(record, **(FREE_FLEET if record.kind is Kind.FLEET else FREE))
    if record.hold:
        tx.requested(freed, ChangeReason.HOLD_ENDED)
    await tx.wake(freed)
    if isinstance(record, Fleet):
        await release_runs(tx, record)
    return freed


async def release_runs(tx: Transaction, fleet: Fleet) -> None:
    """Let the runs on hold that name a fleet try again now."""
    for run in await tx.runs.held():
        if run.project == fleet.project and fleet.name in (spec_of(run).fleets or ()):
            await release(tx, run)


async def release_changed(tx: Transaction, digests: Mapping[str, str]) -> None:
    """Release what is held by a refusal of a backend that is configured otherwise by now, or not at all."""
    for fleet in await tx.fleets.held():
        if fleet.hold != _mark(fleet.hold.partition(":")[0], digests):
            await release(tx, fleet)
    for run in await tx.runs.held():
        if run.hold != _mark(run.hold.partition(":")[0], digests):
            await release(tx, run)


async def forget_changed(tx: Transaction, digests: Mapping[str, str]) -> None:
    """Forget what failed on backends that are configured otherwise since the last start, and plan again at once."""
    changed = False
    for name, digest in digests.items():
        before = await tx.settings.get(f"configuration/{name}")
        await tx.settings.set(f"configuration/{name}", digest)
        if before in (None, digest):
            continue
        changed = True
        await tx.failures.forget(Scope(name))
        for volume in await tx.volumes.listing():
            if volume.backend == name and uncreated(volume):
                await recreate(tx, volume)
        for kind in (Kind.FLEET, Kind.RUN, Kind.VOLUME):
            await tx.work.wake(kind, await tx.work.retrying(kind, WAKEN), tx.now)
    for fleet in await tx.fleets.held() if changed else ():
        if fleet.hold == GAVE_UP:
            await release(tx, fleet)


def uncreated(volume: Volume) -> bool:
    """Whether a provider refused to create the volume's disk, so that no data can be lost by another try."""
    return volume.state is VolumeState.FAILED and volume.backend_id is None and not volume.end_reason


async def recreate(tx: Transaction, volume: Volume) -> Volume:
    """Let a volume whose disk was refused be placed and created again."""
    fresh = await tx.step(volume, VolumeState.SUBMITTED, reason=ChangeReason.RETRY, zone=None, message="")
    await tx.wake(fresh)
    return fresh


async def _hold(tx: Transaction, owner: Fleet | Run, backend: str, refusal: str, digests: Mapping[str, str]) -> None:
    await _set_hold(tx, owner, _mark(backend, digests), f"{backend} refused the request: {refusal}")


async def _set_hold(tx: Transaction, owner: Fleet | Run, mark: str, message: str) -> None:
    """Put a fleet or run on hold; the first time is an event, several refusals at once are one."""
    known = await tx.get(type(owner), owner.id)
    held = await tx.update(owner, hold=mark, message=message)
    if known is not None and not known.hold:
        tx.requested(held, ChangeReason.ON_HOLD, message)
    await tx.wake(held)


def _mark(backend: str, digests: Mapping[str, str]) -> str:
    return f"{backend}:{digests.get(backend, '')}"


async def _owners(tx: Transaction, instance: Instance) -> list[Fleet | Run]:
    fleet = await tx.get(Fleet, instance.fleet_id)
    if fleet is None or not fleet.auto_created:
        return [] if fleet is None or fleet.state is not FleetState.ACTIVE else [fleet]
    runs = [await tx.get(Run, id) for id in sorted({job.run_id for job in await tx.runs.claims(instance.id)})]
    return [run for run in runs if run is not None and run.state not in RUN.final]
