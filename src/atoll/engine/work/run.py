"""Runs: their jobs are placed by the planner, retried as configured, and summed up."""

from collections.abc import Iterator
from contextlib import suppress
from typing import assert_never

from atoll.configuration.types.run import Run as RunSpec
from atoll.engine.context import Context
from atoll.engine.placing.batching import Placer, Placing
from atoll.engine.placing.demand import retry_policy, run_request, spec_of, volume_names, volume_request
from atoll.engine.placing.placement import PlacementRaced, keep_grown, keep_jobs, keep_zones, planned_fleets
from atoll.engine.placing.restraint import held, hold_with_fleets
from atoll.engine.work.handler import Due, Reconciling
from atoll.model.failure import FailureKind
from atoll.model.reasons import ChangeReason, JobReason, RetryEvent
from atoll.model.records import Job, Kind, Run
from atoll.model.states import RUN, JobState, RunState, VolumeState
from atoll.planning.plan import DocumentKind, Plan, ShortfallCode
from atoll.planning.reasons import explain
from atoll.planning.request import VolumeRequest
from atoll.reconcile.action import PlaceJobs, Resubmit, RunEffect, StopJobs
from atoll.reconcile.run import RunSight, decide
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

CAPACITY_SECONDS = 5.0
"""How soon a run that waits for capacity is planned again; the pause grows each time."""


class RunHandler(Reconciling[Run, RunSight, RunEffect]):
    """Works on runs."""

    decide = staticmethod(decide)

    def __init__(self, context: Context, placer: Placer) -> None:
        super().__init__(context)
        self.placer = placer

    async def look(self, id: str) -> tuple[Run, RunSight] | None:
        """The run and its jobs."""
        async with self.context.database.read() as tx:
            run = await tx.get(Run, id)
            if run is None or run.state in RUN.final:
                return None
            jobs = await tx.runs.jobs(run)
            replaced = await tx.get(Run, run.replaces) if run.replaces else None
        spec = spec_of(run)
        blocked = replaced is not None and replaced.state not in RUN.final
        master_decides = spec.stop_criteria == "master-done"
        return run, RunSight(run, jobs, self.context.now(), retry_policy(spec), master_decides, blocked)

    async def effect(self, lease: Lease, sight: RunSight, action: RunEffect) -> Due | None:
        """Place, stop or resubmit jobs."""
        match action:
            case PlaceJobs():
                return await self._place(lease, sight)
            case StopJobs(ids, mode):
                async with self.context.database.write(lease) as tx:
                    for job in sight.jobs:
                        if job.id in ids:
                            await tx.wake(await tx.update(job, stop=mode))
                return Due(None)
            case Resubmit():
                async with self.context.database.write(lease) as tx:
                    await self._resubmit(tx, sight)
                return None
            case _:
                assert_never(action)

    async def after(self, tx: Transaction, record: Run) -> None:
        """Wake the run that takes this one's place, with its jobs."""
        if record.state not in RUN.final:
            return
        for successor in await tx.runs.replaced_by(record.id):
            await tx.wake(successor)
            await tx.work.wake(Kind.JOB, [job.id for job in await tx.runs.jobs(successor)], tx.now)

    async def _resubmit(self, tx: Transaction, sight: RunSight) -> None:
        for job in sight.jobs:
            if job.state is JobState.DONE and len(sight.jobs) == 1:
                continue
            fresh = Job(
                self.context.new_id(),
                job.project,
                job.run_id,
                job.run,
                job.rank,
                job.submission + 1,
                JobState.SUBMITTED,
                tx.now,
            )
            await tx.add(fresh, reason=ChangeReason.RETRY)
        if sight.run.state is not RunState.SUBMITTED:
            await tx.step(sight.run, RunState.SUBMITTED, reason=ChangeReason.RETRY)

    async def _place(self, lease: Lease, sight: RunSight) -> Due | None:
        run, spec = sight.run, spec_of(sight.run)
        waiting = [job for job in sight.jobs if job.state is JobState.SUBMITTED]
        demand = run_request(run.name, spec, tuple(job.rank for job in waiting), run.project)
        async with self.placer.placing(run, demand, volumes=await self._unplaced(run, spec)) as placing:
            if placing.plan.shortfall is None:
                with suppress(PlacementRaced):
                    await self._keep(lease, sight, waiting, placing)
                return None
        return await self._short(lease, sight, waiting, placing)

    async def _failed_volume(self, run: Run, spec: RunSpec) -> str:
        """What became of the first failed volume that the run mounts."""
        async with self.context.database.read() as tx:
            found = [await tx.volumes.named(run.project, name) for name in volume_names(spec)]
        failed = [one for one in found if one is not None and one.state is VolumeState.FAILED]
        return f"volume `{failed[0].name}` failed: {failed[0].message or 'its disk is gone'}" if failed else ""

    async def _unplaced(self, run: Run, spec: RunSpec) -> tuple[VolumeRequest, ...]:
        """The volumes that the run may mount and that have no zone yet: they go where it goes."""
        async with self.context.database.read() as tx:
            found = [await tx.volumes.named(run.project, name) for name in volume_names(spec)]
        volumes = [one for one in found if one is not None and one.zone is None and not one.end_reason]
        return tuple(volume_request(volume.name, spec_of(volume)) for volume in volumes)

    async def _keep(self, lease: Lease, sight: RunSight, waiting: list[Job], placing: Placing) -> None:
        async with placing.write(lease) as tx:
            if await held(tx, sight.run):
                return
            mounted = {name for placement in placing.plan.placements for name in placement.volumes}
            await keep_zones(tx, sight.run.project, placing.whole, mounted)
            growing = planned_fleets(placing.plan) - {name for name, _ in placing.grown}
            fresh = await keep_grown(tx, sight.run.project, placing.whole, growing, self.context.new_id)
            await keep_jobs(tx, sight.run, waiting, placing.plan, placing.grown | fresh, self.context.new_id)
            # Those that are placed already wait for these: where the machine is there, nothing else wakes them.
            await tx.work.wake(Kind.JOB, [job.id for job in sight.jobs], tx.now)
            if sight.run.message:
                await tx.update(sight.run, message="")
        placing.grown.update(fresh)

    async def _short(self, lease: Lease, sight: RunSight, waiting: list[Job], placing: Placing) -> Due | None:
        """Nothing fits now: fail, unless `retry` allows it to wait, its fleet rests, credentials were refused or the
        budget of the plan left it open."""
        run, shortfall = sight.run, placing.plan.shortfall
        assert shortfall is not None
        text = explain.shortfall_text(DocumentKind.RUN, run.name, shortfall)
        if shortfall.code == ShortfallCode.UNKNOWN_VOLUME:
            text = await self._failed_volume(run, spec_of(run)) or text
        if shortfall.code == ShortfallCode.UNPLACED_VOLUME:
            text = next((short for short in _of_volumes(placing.whole)), text)
        refused = shortfall.data.get("kind") == FailureKind.AUTH_FAILED
        async with self.context.database.write(lease) as tx:
            resting = shortfall.code == ShortfallCode.FLEET_HELD and bool(spec_of(run).fleets)
            if resting and await hold_with_fleets(tx, run, text):
                return None
            open_yet = shortfall.code == ShortfallCode.UNDECIDED
            if refused or resting or open_yet or sight.retry.allows(RetryEvent.NO_CAPACITY, run.created_at, sight.now):
                waits = explain.waiting_text(placing.plan)
                if shortfall.code == ShortfallCode.UNPLACED_VOLUME:
                    waits = f"waits: {text}"
                if run.message != waits:
                    await tx.update(run, message=waits)
                pause = min(CAPACITY_SECONDS * 2.0 ** min(lease.attempts, 4), 60)
                left = sight.retry.left(run.created_at, sight.now)
                return Due(pause if left is None else min(pause, left), failed=True)
            for job in waiting:
                await tx.step(job, JobState.FAILED, reason=JobReason.NO_CAPACITY, message=text, finished_at=tx.now)
        return None


def _of_volumes(plan: Plan) -> Iterator[str]:
    """Why volumes of the plan go nowhere."""
    for document in plan.documents:
        if document.kind is DocumentKind.VOLUME and document.shortfall is not None:
            yield explain.shortfall_text(document.kind, document.name, document.shortfall)
