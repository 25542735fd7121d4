"""Retrying a fleet or run that waits or is on hold."""

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused, not_found
from atoll.engine.placing.demand import spec_of
from atoll.engine.placing.restraint import release
from atoll.model.error_codes import ErrorCode
from atoll.model.records import Fleet, Run
from atoll.model.states import RUN, FleetState


async def retry_fleet(context: Context, project: str, name: str) -> Fleet:
    """Let a fleet launch what it lacks at once. Raises Refused: not-found, being-deleted."""
    async with context.database.write() as tx:
        fleet = await tx.fleets.named(project, name)
        if fleet is None:
            raise not_found("fleet", name)
        if fleet.state is not FleetState.ACTIVE:
            raise Refused(ErrorCode.BEING_DELETED, f"fleet `{name}` is being deleted")
        tx.requested(fleet, "retry-asked")
        return await release(tx, fleet)


async def retry_run(context: Context, project: str, name: str) -> Run:
    """Let a run look for machines, or start its next attempt, at once, and release the fleets that it names.

    Raises Refused: not-found, run-finished.
    """
    async with context.database.write() as tx:
        run = await tx.runs.named(project, name)
        if run is None:
            raise not_found("run", name)
        if run.state in RUN.final:
            message = f"run `{name}` is {run.state}"
            raise Refused(ErrorCode.RUN_FINISHED, message, help="`atoll apply --rerun` starts a finished task again")
        tx.requested(run, "retry-asked")
        for fleet in [await tx.fleets.named(project, each) for each in spec_of(run).fleets or ()]:
            if fleet is not None and fleet.hold:
                await release(tx, fleet)
        current = await tx.get(Run, run.id)
        return await release(tx, current or run)
