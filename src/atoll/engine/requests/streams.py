"""Streams to the ports of running jobs: what every front opens that passes bytes to a job."""

from atoll.backends.base import InvalidRequest
from atoll.engine.context import Context, machine_of
from atoll.engine.parts.provider_calls import in_time
from atoll.engine.parts.refusal import Refused, not_found
from atoll.model.error_codes import ErrorCode
from atoll.model.records import Instance, Job
from atoll.model.states import JOB, JobState
from atoll.tunnels.stream import Stream


async def open_port(context: Context, project: str, run: str, rank: int, port: int) -> Stream:
    """A stream to a port that a job of a run listens on; the caller closes it.

    Raises BackendError, and Refused: not-found, run-finished, not-running, nothing-listens.
    """
    job, instance = await _running(context, project, run, rank)
    backend = context.backends.get(instance.zone.backend)
    if backend is None:
        raise Refused(ErrorCode.NOT_RUNNING, f"the backend `{instance.zone.backend}` is not configured", status=409)
    try:
        return await in_time(backend.agent(machine_of(instance)).open_port(job.id, port))
    except InvalidRequest as error:
        help = "the job may still be starting: look at its log"
        message = f"job {rank} of run `{run}`: {error.message}"
        raise Refused(ErrorCode.NOTHING_LISTENS, message, help=help, status=502) from error


async def _running(context: Context, project: str, run: str, rank: int) -> tuple[Job, Instance]:
    """The newest attempt of a job, while it runs, and its instance."""
    async with context.database.read() as tx:
        found = await tx.runs.named(project, run)
        if found is None:
            raise not_found("run", run)
        job = next((job for job in await tx.runs.jobs(found) if job.rank == rank), None)
        instance = None if job is None or job.instance_id is None else await tx.get(Instance, job.instance_id)
    if job is None:
        raise Refused(ErrorCode.NOT_FOUND, f"run `{run}` has no job {rank}", status=404)
    if job.state in JOB.final:
        message = f"job {rank} of run `{run}` has ended: it is {job.state.value}"
        raise Refused(ErrorCode.RUN_FINISHED, message, status=409)
    if instance is None or job.state is not JobState.RUNNING:
        message = f"job {rank} of run `{run}` does not run yet: it is {job.state.value}"
        raise Refused(ErrorCode.NOT_RUNNING, message, status=409)
    return job, instance
