"""The agents of fake machines: what the agent's protocol means, without processes. A job is a few figures and time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from atoll.backends.agent_client import LogChunk
from atoll.backends.base import InvalidRequest, NotFound, Unavailable
from atoll.backends.fake.cloud import DARK, Call, Chance, Change, FakeCloud, Step, perform
from atoll.backends.fake.ledger import FakeJob, FakeMachine
from atoll.tunnels.stream import Stream
from atoll.wire.agent import ArchiveState, Health, JobPhase, JobReport, JobSubmission, Notice, NoticeKind

T = TypeVar("T")

VERSION = "fake"
TERMINATED = 143
"""128 + SIGTERM."""

LOOK_SECONDS = 1.0
"""How often a long poll looks again: a stop may come meanwhile."""


@dataclass(frozen=True, slots=True)
class _End:
    at: float
    exit_code: int
    reason: str = ""


class FakeAgent:
    """The agent of one machine, as `AgentClient`. It answers while the machine is ready and its zone is not dark."""

    def __init__(self, cloud: FakeCloud, machine: str) -> None:
        self._cloud = cloud
        self._machine = machine

    async def health(self) -> Health:
        """The agent's own state."""

        def step(now: float, chance: Chance) -> Change[Health]:
            jobs = self._cloud.ledger.jobs_on[self._machine].values()
            ends = [_end(job).at for job in jobs if not job.forgotten]
            running = sum(end > now for end in ends)
            exited = len(ends) - running
            return Change(Health(self._machine, VERSION, True, running, exited, self._notice(now)))

        return await self._call("agent.health", "", step, reads=True)

    async def submit(self, job: str, submission: JobSubmission) -> JobReport:
        """Start a job; the same id again returns the job as it is."""

        def step(now: float, chance: Chance) -> Change[JobReport]:
            found = self._cloud.ledger.jobs.get((self._machine, job))
            if found is not None and not found.forgotten:
                return Change(_state(found, now))
            made = self._made(job, submission, now)
            return Change(_state(made, now), jobs=(made,))

        return await self._call("agent.submit", job, step)

    async def archive(self, digest: str) -> ArchiveState:
        """Every archive is on every machine: jobs have no files."""

        def step(now: float, chance: Chance) -> Change[ArchiveState]:
            return Change(ArchiveState(digest, 0, True))

        return await self._call("agent.archive", digest, step, reads=True)

    async def send_archive(self, digest: str, offset: int, data: bytes, end: bool) -> ArchiveState:
        """Nothing is kept of an archive."""
        return await self.archive(digest)

    async def state(self, job: str, wait: float = 0) -> JobReport:
        """The job as it is now, or after a change of phase within `wait` seconds."""

        def step(now: float, chance: Chance) -> Change[JobReport]:
            return Change(_state(self._job(job), now))

        first = await self._call("agent.state", job, step, reads=True)
        return await self._wait(job, wait, step, first)

    async def stop(self, job: str, grace: float) -> JobReport:
        """Ask the job to stop; a later call may only shorten the grace."""

        def step(now: float, chance: Chance) -> Change[JobReport]:
            found = self._job(job)
            if _end(found).at <= now:
                return Change(_state(found, now))
            ends = now + min(grace, self._cloud.script.jobs.stop_seconds)
            if found.stop_ends_at is not None:
                ends = min(ends, found.stop_ends_at)
            stopped_at = now if found.stopped_at is None else found.stopped_at
            made = msgspec.structs.replace(found, stopped_at=stopped_at, stop_ends_at=ends)
            return Change(_state(made, now), jobs=(made,))

        return await self._call("agent.stop", job, step)

    async def jobs(self) -> list[JobReport]:
        """Every job that is not forgotten."""

        def step(now: float, chance: Chance) -> Change[list[JobReport]]:
            mine = [job for job in self._cloud.ledger.jobs.values() if job.machine == self._machine]
            return Change([_state(job, now) for job in mine if not job.forgotten])

        return await self._call("agent.jobs", "", step, reads=True)

    async def forget(self, job: str) -> None:
        """Forget an exited job."""

        def step(now: float, chance: Chance) -> Change[None]:
            found = self._cloud.ledger.jobs.get((self._machine, job))
            if found is None or found.forgotten:
                return Change(None)
            if _end(found).at > now:
                raise InvalidRequest(f"job {job} has not exited")
            return Change(None, jobs=(msgspec.structs.replace(found, forgotten=True),))

        await self._call("agent.forget", job, step)

    async def open_port(self, job: str, port: int) -> Stream:
        """A fake job listens nowhere."""

        def step(now: float, chance: Chance) -> Change[JobReport]:
            return Change(_state(self._job(job), now))

        state = await self._call("agent.state", job, step, reads=True)
        exited = state.phase is JobPhase.EXITED
        raise InvalidRequest(f"job {job} has exited" if exited else f"nothing listens on port {port}")

    async def logs(self, job: str, offset: int = 0, limit: int = 1 << 20, wait: float = 0) -> LogChunk:
        """A piece of the log: a line for each command, and one at the end."""

        def look(now: float, chance: Chance) -> Change[JobReport]:
            return Change(_state(self._job(job), now))

        def step(now: float, chance: Chance) -> Change[tuple[LogChunk, JobReport]]:
            found = self._job(job)
            text = _log(found, now)
            data = text[offset : offset + limit]
            end = _end(found).at <= now and offset + len(data) >= len(text)
            chunk = LogChunk(data, end, self._notice(now) is not None)
            return Change((chunk, _state(found, now)))

        chunk, state = await self._call("agent.logs", job, step, reads=True)
        if not chunk.data and not chunk.end and wait > 0:
            await self._wait(job, wait, look, state)
            chunk, _ = await self._call("agent.logs", job, step, reads=True)
        return chunk

    def _notice(self, now: float) -> Notice | None:
        at = self._cloud.ledger.machines[self._machine].interrupt_at
        if at is None or now < at - self._cloud.script.notice:
            return None
        return Notice(NoticeKind.INTERRUPTION, datetime.fromtimestamp(at, UTC))

    def _job(self, job: str) -> FakeJob:
        found = self._cloud.ledger.jobs.get((self._machine, job))
        if found is None or found.forgotten:
            raise NotFound(f"there is no job {job} on {self._machine}")
        return found

    def _made(self, job: str, submission: JobSubmission, now: float) -> FakeJob:
        script, env = self._cloud.script.jobs, submission.env
        return FakeJob(
            self._machine,
            job,
            submission.commands,
            started_at=now,
            seconds=float(env.get("FAKE_SECONDS", script.seconds)),
            exit_code=int(env.get("FAKE_EXIT_CODE", script.exit_code)),
            max_duration=submission.max_duration,
        )

    async def _wait(self, job: str, wait: float, step: Step[JobReport], first: JobReport) -> JobReport:
        clock, state = self._cloud.clock, first
        deadline = self._cloud.now() + wait
        while state.phase is first.phase and state.phase is not JobPhase.EXITED:
            now = self._cloud.now()
            if now >= deadline:
                break
            left = _end(self._job(job)).at - now
            await clock.sleep(max(0.001, min(deadline - now, left, LOOK_SECONDS)))
            state = await self._call("agent.state", job, step, reads=True)
        return state

    async def _call(self, operation: str, job: str, step: Step[T], *, reads: bool = False) -> T:
        def reached(now: float, chance: Chance) -> Change[T]:
            self._reach(now)
            return step(now, chance)

        call = Call(operation, subject=f"{self._machine}/{job}" if job else self._machine, reads=reads)
        return await perform(self._cloud, call, reached)

    def _reach(self, now: float) -> None:
        machine: FakeMachine | None = self._cloud.ledger.machines.get(self._machine)
        if machine is None or machine.ended_at is not None or now < machine.ready_at:
            raise Unavailable(f"the agent of {self._machine} does not answer")
        if self._machine in self._cloud.silent or self._cloud.zone_state(machine.zone.name) == DARK:
            raise Unavailable(f"the agent of {self._machine} does not answer")


def _end(job: FakeJob) -> _End:
    """When and how the job ends, as far as is known now."""
    ends = [_End(job.started_at + job.seconds, job.exit_code)]
    if job.max_duration is not None:
        ends.append(_End(job.started_at + job.max_duration, TERMINATED, "max-duration-exceeded"))
    if job.stop_ends_at is not None:
        ends.append(_End(job.stop_ends_at, TERMINATED, "stopped"))
    return min(ends, key=lambda end: end.at)


def _state(job: FakeJob, now: float) -> JobReport:
    end, log = _end(job), len(_log(job, now))
    started = datetime.fromtimestamp(job.started_at, UTC)
    if now < end.at:
        phase = JobPhase.RUNNING if job.stopped_at is None else JobPhase.STOPPING
        return JobReport(job.id, phase, log_bytes=log, started_at=started)
    exited = datetime.fromtimestamp(end.at, UTC)
    return JobReport(job.id, JobPhase.EXITED, end.exit_code, end.reason, "", log, started, exited)


def _log(job: FakeJob, now: float) -> bytes:
    end = _end(job)
    lines = [(job.started_at, f"+ {line}") for command in job.commands for line in command.splitlines()]
    if now >= end.at:
        lines.append((end.at, f"exit {end.exit_code}"))
    return "".join(f"{_stamp(at)} stdout F {text}\n" for at, text in lines).encode()


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
