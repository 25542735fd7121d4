"""Deleting and stopping, by name."""

from atoll.engine.context import Context
from atoll.engine.requests.refusal import Refused, not_found
from atoll.model.records import Fleet, Run, Volume
from atoll.model.states import RUN, FleetState


def _same(record: Fleet | Volume | Run, id: str | None) -> None:
    """Raises Refused where another thing bears the name than the one that was shown."""
    if id is not None and record.id != id:
        message = f"`{record.name}` is another {record.kind} than the one that was shown"
        raise Refused("changed-since-plan", message, help="look at it, then run the command again")


async def delete_fleet(context: Context, project: str, name: str, id: str | None = None) -> Fleet:
    """Delete a fleet, unless runs are on it; where `id` is given, only the one of that id."""
    async with context.database.write() as tx:
        fleet = await tx.fleets.named(project, name)
        if fleet is None:
            raise not_found("fleet", name)
        _same(fleet, id)
        ids = {instance.id for instance in await tx.fleets.instances(fleet)}
        runs = sorted({job.run for job in await tx.runs.claims() if job.instance_id in ids})
        if runs:
            message = f"fleet `{name}` is busy with {', '.join(f'`{run}`' for run in runs)}"
            raise Refused("fleet-busy", message, help=f"`atoll stop {runs[0]}` first")
        if fleet.state is FleetState.ACTIVE:
            fleet = await tx.step(fleet, FleetState.DELETING, reason="deleted", message="")
            await tx.wake(fleet)
        return fleet


async def delete_volume(context: Context, project: str, name: str, id: str | None = None) -> Volume:
    """Delete a volume, unless it is attached; where `id` is given, only the one of that id."""
    async with context.database.write() as tx:
        volume = await tx.volumes.named(project, name)
        if volume is None:
            raise not_found("volume", name)
        _same(volume, id)
        ties = await tx.attachments.live(volume=volume.id)
        if ties:
            names = []
            for job in await tx.runs.claims():
                if job.id in {tie.job_id for tie in ties}:
                    names.append(job.run)
            holder = f"run `{names[0]}`" if names else "an instance"
            help = f"`atoll stop {names[0]}` first" if names else "try again when it is detached"
            raise Refused("volume-attached", f"volume `{name}` is attached for {holder}", help=help)
        if not volume.end_reason:
            volume = await tx.update(volume, end_reason="deleted")
            tx.asked(volume, "delete-asked")
        await tx.wake(volume)
        return volume


async def delete_run(context: Context, project: str, name: str, id: str | None = None) -> Run:
    """Remove a finished run from the lists; where `id` is given, only the one of that id."""
    async with context.database.write() as tx:
        run = await tx.runs.named(project, name)
        if run is None:
            raise not_found("run", name)
        _same(run, id)
        if run.state not in RUN.final:
            raise Refused("run-active", f"run `{name}` is {run.state}", help=f"`atoll stop {name}` first")
        await tx.release_name(run)
        tx.asked(run, "removed")
        return run


async def stop_run(context: Context, project: str, name: str, abort: bool) -> Run:
    """Stop a run; a finished one is unchanged."""
    async with context.database.write() as tx:
        run = await tx.runs.named(project, name)
        if run is None:
            raise not_found("run", name)
        if run.state not in RUN.final:
            mode = "abort" if abort or run.stop == "abort" else "stop"
            if mode != run.stop:
                run = await tx.update(run, stop=mode)
                tx.asked(run, f"{mode}-asked")
            await tx.wake(run)
        return run
