"""Deleting and stopping, by name."""

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.placing.restraint import release_runs
from atoll.engine.requests.shown import ANY, Shown
from atoll.model.error_codes import ErrorCode
from atoll.model.reasons import EndReason
from atoll.model.records import Fleet, Run, Volume
from atoll.model.states import RUN, FleetState


async def delete_fleet(context: Context, project: str, name: str, shown: Shown = ANY) -> Fleet:
    """Delete a fleet, unless runs are on it; `shown` is what the user saw."""
    async with context.database.write() as tx:
        fleet = await tx.fleets.named(project, name)
        if fleet is None:
            raise not_found("fleet", name)
        shown.check(fleet)
        ids = {instance.id for instance in await tx.fleets.instances(fleet)}
        runs = sorted({job.run for job in await tx.runs.claims() if job.instance_id in ids})
        if runs:
            message = f"fleet `{name}` is busy with {', '.join(f'`{run}`' for run in runs)}"
            raise Refused(ErrorCode.FLEET_BUSY, message, help=f"`atoll stop {runs[0]}` first")
        if fleet.state is FleetState.ACTIVE:
            fleet = await tx.step(fleet, FleetState.DELETING, reason=EndReason.DELETED, message="")
            await tx.wake(fleet)
            await release_runs(tx, fleet)
        return fleet


async def delete_volume(context: Context, project: str, name: str, shown: Shown = ANY) -> Volume:
    """Delete a volume, unless it is attached; `shown` is what the user saw."""
    async with context.database.write() as tx:
        volume = await tx.volumes.named(project, name)
        if volume is None:
            raise not_found("volume", name)
        shown.check(volume)
        ties = await tx.attachments.live(volume=volume.id)
        if ties:
            names = []
            for job in await tx.runs.claims():
                if job.id in {tie.job_id for tie in ties}:
                    names.append(job.run)
            holder = f"run `{names[0]}`" if names else "an instance"
            help = f"`atoll stop {names[0]}` first" if names else "try again when it is detached"
            raise Refused(ErrorCode.VOLUME_ATTACHED, f"volume `{name}` is attached for {holder}", help=help)
        if not volume.end_reason:
            volume = await tx.update(volume, end_reason=EndReason.DELETED)
            tx.requested(volume, "delete-asked")
        await tx.wake(volume)
        return volume


async def delete_run(context: Context, project: str, name: str, shown: Shown = ANY) -> Run:
    """Remove a finished run from the lists; `shown` is what the user saw."""
    async with context.database.write() as tx:
        run = await tx.runs.named(project, name)
        if run is None:
            raise not_found("run", name)
        shown.check(run)
        if run.state not in RUN.final:
            help = (
                f"it is being stopped: `atoll run get {name}` shows why it waits"
                if run.stop
                else f"`atoll stop {name}` first"
            )
            raise Refused(ErrorCode.RUN_ACTIVE, f"run `{name}` is {run.state}", help=help)
        await tx.release_name(run)
        tx.requested(run, "removed")
        return run


async def stop_run(context: Context, project: str, name: str, abort: bool, shown: Shown = ANY) -> Run:
    """Stop a run; a finished one is unchanged; `shown` is what the user saw."""
    async with context.database.write() as tx:
        run = await tx.runs.named(project, name)
        if run is None:
            raise not_found("run", name)
        shown.check(run)
        if run.state not in RUN.final:
            mode = "abort" if abort or run.stop == "abort" else "stop"
            if mode != run.stop:
                run = await tx.update(run, stop=mode)
                tx.requested(run, f"{mode}-asked")
            await tx.wake(run)
        return run
