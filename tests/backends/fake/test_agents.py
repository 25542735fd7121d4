"""The simulated agents: jobs that last as scripted, in virtual time."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from atoll.backends.agent_client import AgentClient
from atoll.backends.base import InvalidRequest, NotFound, Unavailable
from atoll.backends.fake import FakeBackend, FakeCloud, JobScript, Script, grid
from atoll.rehearsal.clock import VirtualClock
from atoll.testing.builders import launch_request, zone
from atoll.wire.agent import JobPhase, JobSubmission

ZONE = zone("fake-1a")


def simulate(jobs: JobScript, work: Callable[[AgentClient, VirtualClock], Coroutine[Any, Any, None]]) -> None:
    """Run with the agent of one machine."""
    clock = VirtualClock()
    backend = FakeBackend(FakeCloud(Script(grid(), jobs=jobs), clock))

    async def whole() -> None:
        machine = await backend.launch(launch_request(ZONE, "f.2x8"))
        await work(backend.agent(machine), clock)

    clock.run(whole())


def test_a_job_runs_for_its_time_and_exits_with_its_code() -> None:
    async def work(agent: AgentClient, clock: VirtualClock) -> None:
        assert (await agent.submit("j", JobSubmission(("train", "save")))).phase is JobPhase.RUNNING
        assert (await agent.submit("j", JobSubmission(("other",)))).phase is JobPhase.RUNNING
        state = await agent.state("j", wait=1000)
        assert (state.phase, state.exit_code, state.reason) == (JobPhase.EXITED, 3, "")
        assert clock.monotonic() == pytest.approx(60, abs=0.01)
        chunk = await agent.logs("j")
        assert [line.split(b" ", 3)[3] for line in chunk.data.splitlines()] == [b"+ train", b"+ save", b"exit 3"]
        assert chunk.end
        assert state.log_bytes == len(chunk.data)

    simulate(JobScript(seconds=60, exit_code=3), work)


def test_a_jobs_own_variables_go_before_the_script() -> None:
    async def work(agent: AgentClient, clock: VirtualClock) -> None:
        await agent.submit("j", JobSubmission((), {"FAKE_SECONDS": "5", "FAKE_EXIT_CODE": "7"}))
        assert (await agent.state("j", wait=10)).exit_code == 7
        assert clock.monotonic() == pytest.approx(5, abs=0.01)

    simulate(JobScript(seconds=1000), work)


def test_a_stop_ends_a_job_in_its_grace_and_may_be_shortened() -> None:
    async def work(agent: AgentClient, clock: VirtualClock) -> None:
        await agent.submit("j", JobSubmission(()))
        assert (await agent.stop("j", 300)).phase is JobPhase.STOPPING
        await agent.stop("j", 600)
        await agent.stop("j", 20)
        with pytest.raises(InvalidRequest):
            await agent.forget("j")
        state = await agent.state("j", wait=1000)
        assert (state.reason, state.exit_code) == ("stopped", 143)
        assert clock.monotonic() == pytest.approx(20, abs=0.01)
        assert (await agent.stop("j", 0)).reason == "stopped"
        await agent.forget("j")
        await agent.forget("j")
        with pytest.raises(NotFound):
            await agent.state("j")

    simulate(JobScript(seconds=1e6, stop_seconds=1e6), work)


def test_a_job_past_its_longest_time_is_ended() -> None:
    async def work(agent: AgentClient, clock: VirtualClock) -> None:
        await agent.submit("j", JobSubmission((), max_duration=30))
        assert (await agent.state("j", wait=100)).reason == "max-duration-exceeded"

    simulate(JobScript(seconds=1e6), work)


def test_the_agent_of_a_lost_machine_does_not_answer() -> None:
    clock = VirtualClock()
    backend = FakeBackend(FakeCloud(Script(grid(), boot=10), clock))

    async def work() -> None:
        machine = await backend.launch(launch_request(ZONE, "f.2x8"))
        agent = backend.agent(machine)
        with pytest.raises(Unavailable):
            await agent.health()
        await clock.sleep(10)
        assert (await agent.health()).instance == machine.id
        backend.cloud.interrupt(machine.id)
        with pytest.raises(Unavailable):
            await agent.submit("j", JobSubmission(()))

    clock.run(work())
