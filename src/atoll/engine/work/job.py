"""Jobs: handed to agents, followed with their logs, stopped."""

import math
from datetime import timedelta
from typing import assert_never

from atoll.backends.agent_client import AgentClient
from atoll.backends.base import BackendError, InvalidRequest, NotFound, Unavailable
from atoll.engine.context import Context, machine_of
from atoll.engine.following.logs import LogFollowing
from atoll.engine.parts.provider_calls import in_time
from atoll.engine.parts.sealed_environment import SecretMissing, open_environment
from atoll.engine.parts.vault import WrongKey
from atoll.engine.placing import restraint
from atoll.engine.placing.batching import tell_waiting
from atoll.engine.placing.demand import mount_paths, spec_of
from atoll.engine.work.handler import Due, Reconciling
from atoll.engine.work.job_container import container_of
from atoll.engine.work.job_environment import job_environment
from atoll.engine.work.job_files import FilesGone, files_of, folders_of, send_files
from atoll.engine.work.silence import health_of, interruption_in
from atoll.model.blocks import gpus_of, overlap, part_of
from atoll.model.reasons import EndReason, JobReason
from atoll.model.records import Instance, Job, Kind, Run, Volume
from atoll.model.states import JOB, RUN, AttachmentState, InstanceState, JobState, VolumeState
from atoll.reconcile.action import FollowJob, JobEffect, Step, StopJob, SubmitJob
from atoll.reconcile.job import JobSight, decide
from atoll.store.errors import Conflict
from atoll.store.transaction import Transaction
from atoll.store.work import Lease
from atoll.wire.agent import JobPhase, JobSubmission, Mount, Share
from atoll.wire.agent import JobReport as AgentJob

FOLLOW_SECONDS = 60.0
"""How often a running job's agent is called, where nothing wakes the job earlier, such as the end of its log."""
SILENT_PAUSE = 15.0
"""The longest pause between two turns of a running job whose agent does not answer."""
STOP_GRACE = 300.0
LAST_SECONDS = 15.0
"""What remains of a notice for the end of the log and for volumes, once the jobs have ended."""


_ON_MACHINE = (JobState.STARTING, JobState.RUNNING, JobState.STOPPING)


class JobHandler(Reconciling[Job, JobSight, JobEffect]):
    """Works on jobs."""

    decide = staticmethod(decide)

    def __init__(self, context: Context, following: LogFollowing) -> None:
        super().__init__(context)
        self._following = following

    async def look(self, id: str) -> tuple[Job, JobSight] | None:
        """The job, its instance, and whether everything that it needs is ready."""
        async with self.context.database.read() as tx:
            job = await tx.get(Job, id)
            if job is None or job.state in JOB.final:
                return None
            instance = await tx.get(Instance, job.instance_id) if job.instance_id else None
            ready = job.state is JobState.PLACED and await self._ready(tx, job)
            mounts = job.state is JobState.PLACED and bool(job.volumes)
            broken = await self._broken(tx, job) if mounts else ""
            moved = mounts and await _moved(tx, job)
            stranded = job.state is JobState.PLACED and not ready and await _stranded(tx, job)
            run = await tx.get(Run, job.run_id) if job.stop or job.state is JobState.STOPPING else None
        grace = STOP_GRACE
        if run is not None and (configured := spec_of(run).stop_duration) is not None:
            grace = configured
        if instance is not None and job.state is JobState.STOPPING and instance.end_reason == EndReason.INTERRUPTED:
            grace = min(grace, await self._left(instance))
        patience = self._patience(instance)
        return job, JobSight(job, instance, ready, grace, broken, moved, stranded, self.context.now(), patience)

    async def _left(self, instance: Instance) -> float:
        """How many seconds of a notice are left for the jobs of an instance."""
        ends = interruption_in(await health_of(self.backend(instance.zone), instance))
        return math.inf if ends is None else max(0.0, (ends - self.context.now()).total_seconds() - LAST_SECONDS)

    def _patience(self, instance: Instance | None) -> timedelta | None:
        backend = None if instance is None else self.context.backends.get(instance.zone.backend)
        seconds = None if backend is None else backend.limits.job_silence_seconds
        return None if seconds is None else timedelta(seconds=seconds)

    async def effect(self, lease: Lease, sight: JobSight, action: JobEffect) -> Due | None:
        """Submit, follow or stop the job on its agent."""
        assert sight.instance is not None
        try:
            agent = self.backend(sight.instance.zone).agent(machine_of(sight.instance))
            match action:
                case SubmitJob():
                    return await self._submit(lease, sight.job, sight.instance, agent)
                case StopJob(grace):
                    return await self._follow(lease, sight, await in_time(agent.stop(sight.job.id, grace)), agent)
                case FollowJob():
                    return await self._follow(lease, sight, await in_time(agent.state(sight.job.id)), agent)
                case _:
                    assert_never(action)
        except Unavailable as error:
            # The instance's own handler finds out what became of it, and wakes this job.
            async with self.context.database.write(lease) as tx:
                if isinstance(action, SubmitJob) and sight.job.message != error.message:
                    await tx.update(sight.job, message=error.message)
                await tx.work.wake(Kind.INSTANCE, [sight.instance.id], tx.now)
            pause = min(2.0**lease.attempts, SILENT_PAUSE) if isinstance(action, FollowJob) else 1
            return Due(pause, failed=True)
        except NotFound:
            await self._over(lease, sight.job, JobReason.INTERRUPTED, None, "its agent does not know it any more")
            return None

    async def after(self, tx: Transaction, record: Job) -> None:
        """Wake the run; once the job is over also its instance and attachments."""
        await tx.work.wake(Kind.RUN, [record.run_id], tx.now)
        if record.state is JobState.STARTING:
            await _take(tx, record)
        if record.state not in JOB.final and record.state is not JobState.SUBMITTED:
            return
        self._following.drop(record.id)
        await restraint.count_job(tx, record)
        ties = await tx.attachments.live(job=record.id)
        await tx.work.wake(Kind.ATTACHMENT, [tie.id for tie in ties], tx.now)
        if record.instance_id is not None:
            waiting = await tx.runs.claims(record.instance_id)
            await tx.work.wake(Kind.JOB, [job.id for job in waiting if job.id != record.id], tx.now)
            instance = await tx.get(Instance, record.instance_id)
            if instance is not None and instance.state is InstanceState.ACTIVE:
                await tx.wake(await tx.update(instance, idle_since=tx.now))
                await tell_waiting(tx)

    async def _ready(self, tx: Transaction, job: Job) -> bool:
        ties = await tx.attachments.live(job=job.id)
        if any(tie.state is not AttachmentState.ATTACHED for tie in ties) or len(ties) < len(job.volumes):
            return False
        run = await tx.get(Run, job.run_id)
        replaced = await tx.get(Run, run.replaces) if run is not None and run.replaces else None
        if run is None or (replaced is not None and replaced.state not in RUN.final):
            return False
        for other in await tx.runs.jobs(run):
            instance = await tx.get(Instance, other.instance_id) if other.instance_id else None
            if instance is None or instance.state is not InstanceState.ACTIVE:
                return False
        # A run that takes the place of another one's machine waits until that one is over there.
        return not await _others_on_machine(tx, job)

    async def _broken(self, tx: Transaction, job: Job) -> str:
        """Why a placed job's volumes will never be there; empty while they may."""
        ties = [tie for tie in await tx.attachments.live(job=job.id) if tie.instance_id == job.instance_id]
        for tie in ties:
            volume = await tx.get(Volume, tie.volume_id)
            if volume is None or volume.state is VolumeState.FAILED:
                return f"volume `{tie.name}` failed" + (f": {volume.message}" if volume and volume.message else "")
        if sum(tie.state is not AttachmentState.DETACHING for tie in ties) < len(job.volumes):
            return next((tie.message for tie in ties if tie.message), "a volume could not be attached")
        return ""

    async def _submit(self, lease: Lease, job: Job, instance: Instance, agent: AgentClient) -> Due | None:
        try:
            submission = await self._submission(job, instance)
            if not await send_files(self.context, job.project, submission.files, agent):
                return Due(0)
            await in_time(agent.submit(job.id, submission))
        except (InvalidRequest, SecretMissing, WrongKey, FilesGone) as error:
            await self._over(lease, job, JobReason.START_FAILED, None, str(error))
            return None
        async with self.context.database.write(lease) as tx:
            await self.after(tx, await tx.step(job, JobState.RUNNING, started_at=tx.now, message=""))
        return None

    async def _submission(self, job: Job, instance: Instance) -> JobSubmission:
        async with self.context.database.read() as tx:
            run = await tx.get(Run, job.run_id)
            assert run is not None
            jobs = await tx.runs.jobs(run)
            instances = [await tx.get(Instance, other.instance_id or "") or instance for other in jobs]
            ties = {tie.name: tie for tie in await tx.attachments.live(job=job.id)}
            spec = spec_of(run)
            env = await open_environment(self.context.vault, tx, run.project, spec.env)
            container = await container_of(self.context.vault, tx, run.project, spec)
        paths = mount_paths(run, job)
        mounts = tuple(Mount(name, ties[name].source, path) for name, path in zip(job.volumes, paths, strict=True))
        return JobSubmission(
            (*spec.setup, *spec.commands),
            job_environment(run, job, instances, instance, env),
            spec.shell or "/bin/sh",
            spec.working_dir,
            mounts,
            spec.max_duration,
            container,
            _share(job, instance),
            files_of(spec),
            folders_of(spec),
        )

    async def _follow(self, lease: Lease, sight: JobSight, state: AgentJob, agent: AgentClient) -> Due | None:
        """Have the log followed beside the worker; end the job once it has exited and its log is complete."""
        job, instance = sight.job, sight.instance
        assert instance is not None
        if state.phase is JobPhase.EXITED and await self.context.logs.size(job) >= state.log_bytes:
            await self._exited(lease, job, state, agent)
            return None
        self._following.keep(job, instance)
        return Due(FOLLOW_SECONDS)

    async def _exited(self, lease: Lease, job: Job, state: AgentJob, agent: AgentClient) -> None:
        code = state.exit_code
        if job.stop:
            await self._over(lease, job, JobReason.STOPPED, code, "")
        elif job.state is JobState.STOPPING and state.reason == JobReason.STOPPED:
            await self._over(lease, job, JobReason.INTERRUPTED, code, job.message)
        elif code == 0 and not state.reason:
            await self._over(lease, job, "", 0, "")
        else:
            message = state.message or (f"exit code {code}" if code is not None else "")
            await self._over(lease, job, state.reason or JobReason.EXIT_CODE, code, message)
        try:
            await in_time(agent.forget(job.id))
        except BackendError:
            return  # the agent keeps it a little longer; the machine's end removes it

    async def _over(self, lease: Lease, job: Job, reason: str, code: int | None, message: str) -> None:
        async with self.context.database.write(lease) as tx:
            state = JobState.FAILED if reason else JobState.DONE
            if job.state is JobState.STOPPING and job.stop:
                state = JobState.STOPPED
            changes = {"exit_code": code, "message": message, "finished_at": tx.now}
            await self.after(tx, await tx.step(job, state, reason=reason, **changes))

    async def step(self, lease: Lease, record: Job, action: Step) -> Job:
        """Record a step; the end of a job has its time."""
        if action.state in JOB.final:
            action = Step(action.state, action.reason, {**action.changes, "finished_at": self.context.now()})
        return await super().step(lease, record, action)


def _share(job: Job, instance: Instance) -> Share | None:
    """The part of its machine that a job holds; None where that is the whole one."""
    if not job.blocks:
        return None
    part = part_of(instance.instance_type, len(job.blocks), instance.blocks)
    gpus = gpus_of(instance.instance_type, job.blocks, instance.blocks)
    return Share(part.cpus, part.memory_gb, gpus, part.gpu.vendor if part.gpu else "")


async def _stranded(tx: Transaction, job: Job) -> bool:
    """Whether this job cannot start: its run is on hold, or waits for a place for another of its jobs."""
    run = await tx.get(Run, job.run_id)
    if run is None or not run.message:
        return False
    if run.hold:
        return True
    return any(other.state is JobState.SUBMITTED for other in await tx.runs.jobs(run))


async def _moved(tx: Transaction, job: Job) -> bool:
    """Whether a volume of a placed job has another zone by now, or none: its first one had no disk."""
    volumes = [await tx.volumes.named(job.project, name) for name in job.volumes]
    return any(
        volume is not None and volume.state is not VolumeState.FAILED and volume.zone != job.zone for volume in volumes
    )


async def _others_on_machine(tx: Transaction, job: Job) -> list[Job]:
    """The other jobs on its machine that use a block of it, too."""
    claims = [other for other in await tx.runs.claims(job.instance_id) if other.id != job.id]
    return [other for other in claims if other.state in _ON_MACHINE and overlap(other.blocks, job.blocks)]


async def _take(tx: Transaction, job: Job) -> None:
    """Make sure that no other job took the machine, or its blocks, since it was read. Raises Conflict."""
    instance = await tx.get(Instance, job.instance_id or "")
    if instance is not None:
        await tx.update(instance, idle_since=None)  # a second job that takes it waits for this commit
    if await _others_on_machine(tx, job):
        raise Conflict(f"another job took the machine of job {job.id}")
