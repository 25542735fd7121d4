"""Machines of the local backend: crashes, restarts, dead agents, and nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from atoll.backends.base import CapacityUnavailable, Machine, MachineState, NotFound, NotOffered
from atoll.backends.local import LocalBackend, LocalConfig
from atoll.backends.local.process import Process, alive, identify
from atoll.backends.local.records import Records
from atoll.backends.local.sockets import socket_path
from atoll.model.endpoint import UnixSocket
from atoll.model.offer import Market
from atoll.testing.builders import launch_request
from atoll.wire.agent import JobSubmission
from tests.backends.local.conftest import stand_in, stubborn

ZONE = LocalConfig().zones[0].zone
REQUEST = launch_request(ZONE, "local.2x8")


def run(state: Path, work: Callable[[LocalBackend], Coroutine[Any, Any, None]], command: Any = stand_in) -> None:
    """Run a test with a backend, and end all its machines."""

    async def whole() -> None:
        backend = LocalBackend(state, command=command)
        try:
            await work(backend)
        finally:
            for record in Records(state).machines():
                await backend.terminate(record.id, replace(ZONE, name=record.zone))
            await backend.close()

    asyncio.run(whole())


async def ready(backend: LocalBackend, machine: Machine) -> Machine:
    while (found := await backend.describe(machine.id, machine.zone)).state is MachineState.CREATING:
        await asyncio.sleep(0.02)
    assert found.state is MachineState.READY, found.reason
    return found


async def job(backend: LocalBackend, machine: Machine) -> Process:
    """Start the stand-in's job, which leaves its parent and its session; returns its process."""
    state = await backend.agent(machine).submit("job-1", JobSubmission(("sleep",)))
    found = identify(state.log_bytes)
    assert found is not None
    return found


def agent_of(state: Path, machine: Machine) -> Process:
    record = Records(state).machine(machine.id)
    assert record is not None
    assert record.agent is not None
    return record.agent


CRASH = """
import asyncio, os, signal, sys
from pathlib import Path
from atoll.backends.local import LocalBackend
from atoll.testing.builders import launch_request
from tests.backends.local.test_machines import REQUEST
def die(state, machine, socket):
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(LocalBackend(Path(sys.argv[1]), command=die).launch(REQUEST))
"""


def test_a_crash_between_record_and_start_is_made_good_by_the_same_token(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = Records(tmp_path).machines()

    async def work(backend: LocalBackend) -> None:
        assert await backend.find("owner-1") == ()
        assert (await backend.describe(left.id, ZONE)).state is MachineState.GONE
        machine = await backend.launch(REQUEST)
        assert machine.id == left.id
        await ready(backend, machine)

    run(tmp_path, work)


def test_a_crash_between_start_and_record_takes_up_the_running_agent(tmp_path: Path) -> None:
    async def work(backend: LocalBackend) -> None:
        machine = await ready(backend, await backend.launch(REQUEST))
        agent = agent_of(tmp_path, machine)
        records = Records(tmp_path)
        record = records.machine(machine.id)
        assert record is not None
        records.put_machine(replace(record, agent=None))
        assert [found.id for found in await backend.find("owner-1")] == [machine.id]
        assert (await backend.launch(REQUEST)).id == machine.id
        assert agent_of(tmp_path, machine) == agent

    run(tmp_path, work)


def test_machines_outlive_the_server_and_are_found_by_the_next(tmp_path: Path) -> None:
    async def work(backend: LocalBackend) -> None:
        machine = await ready(backend, await backend.launch(REQUEST))
        await backend.close()
        after = LocalBackend(tmp_path, command=stand_in)
        assert [found.id for found in await after.find("owner-1")] == [machine.id]
        assert (await after.launch(REQUEST)).id == machine.id
        assert (await after.agent(machine).health()).instance == machine.id
        await after.terminate(machine.id, machine.zone)
        await after.close()

    async def whole() -> None:
        await work(LocalBackend(tmp_path, command=stand_in))

    asyncio.run(whole())


def test_two_processes_with_the_same_token_start_one_machine(tmp_path: Path) -> None:
    script = CRASH.replace("command=die", "command=stand_in").replace("import REQUEST", "import REQUEST, stand_in")
    command = [sys.executable, "-c", script, str(tmp_path)]
    both = [subprocess.Popen(command, cwd=Path(__file__).parents[3]) for _ in range(2)]
    assert [process.wait(20) for process in both] == [0, 0]

    async def work(backend: LocalBackend) -> None:
        assert len(await backend.find("owner-1")) == 1
        assert len(Records(tmp_path).machines()) == 1

    run(tmp_path, work)


def test_terminating_ends_jobs_that_left_their_session_and_removes_the_folder(tmp_path: Path) -> None:
    async def work(backend: LocalBackend) -> None:
        machine = await ready(backend, await backend.launch(REQUEST))
        agent, sleeper = agent_of(tmp_path, machine), await job(backend, machine)
        await backend.terminate(machine.id, machine.zone)
        assert not alive(agent)
        assert not alive(sleeper)
        assert not (tmp_path / "instances" / machine.id).exists()
        assert isinstance(machine.endpoint, UnixSocket)
        assert not Path(machine.endpoint.path).exists()

    run(tmp_path, work)


def test_an_agent_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atoll.backends.local.backend.SHUTDOWN_SECONDS", 0.2)

    async def work(backend: LocalBackend) -> None:
        machine = await ready(backend, await backend.launch(REQUEST))
        agent, sleeper = agent_of(tmp_path, machine), await job(backend, machine)
        await backend.terminate(machine.id, machine.zone)
        assert not alive(agent)
        assert not alive(sleeper)

    run(tmp_path, work, stubborn)


def test_a_failed_zone_kills_agents_and_their_jobs_and_says_why(tmp_path: Path) -> None:
    async def work(backend: LocalBackend) -> None:
        machine = await ready(backend, await backend.launch(REQUEST))
        agent, sleeper = agent_of(tmp_path, machine), await job(backend, machine)
        await backend.faults.fail(ZONE)
        assert not alive(agent)
        assert not alive(sleeper)
        assert (await backend.describe(machine.id, ZONE)).reason == "the zone failed"
        again = LocalBackend(tmp_path, command=stand_in)
        info = (await again.listing()).zones[0]
        assert info.reason == "failed with `atoll zone fail`"
        with pytest.raises(CapacityUnavailable):
            await again.launch(launch_request(ZONE, "local.2x8", "token-2"))
        assert (await again.launch(REQUEST)).state is MachineState.GONE
        await again.close()

    run(tmp_path, work)


def test_a_machine_whose_agent_died_is_gone_and_frees_its_capacity(tmp_path: Path) -> None:
    async def work(backend: LocalBackend) -> None:
        whole = launch_request(ZONE, "local.16x64")
        machine = await ready(backend, await backend.launch(whole))
        os.kill(agent_of(tmp_path, machine).pid, signal.SIGKILL)
        while (found := await backend.describe(machine.id, ZONE)).state is not MachineState.GONE:
            await asyncio.sleep(0.01)
        assert found.reason == "the agent process ended"
        assert await backend.find("owner-1") == ()
        assert (await backend.launch(whole)).id == machine.id
        other = await backend.launch(launch_request(ZONE, "local.16x64", "token-2"))
        await ready(backend, other)

    run(tmp_path, work)


def test_a_dead_machine_is_removed_in_time_even_if_it_is_never_terminated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(backend: LocalBackend) -> None:
        machine = await ready(backend, await backend.launch(REQUEST))
        left = await job(backend, machine)
        os.kill(agent_of(tmp_path, machine).pid, signal.SIGKILL)
        while (await backend.describe(machine.id, ZONE)).state is not MachineState.GONE:
            await asyncio.sleep(0.01)
        monkeypatch.setattr("atoll.backends.local.machines.KEEP_DEAD_SECONDS", -1)
        await backend.launch(launch_request(ZONE, "local.2x8", "token-2"))
        assert (await backend.describe(machine.id, ZONE)).reason == "the agent process ended"
        await backend.launch(launch_request(ZONE, "local.2x8", "token-3"))
        with pytest.raises(NotFound):
            await backend.describe(machine.id, ZONE)
        assert not alive(left)
        assert len(await backend.find("owner-1")) == 2

    run(tmp_path, work)


def test_an_agent_that_ends_at_once_is_gone_and_not_started_again(tmp_path: Path) -> None:
    async def work(backend: LocalBackend) -> None:
        machine = await backend.launch(REQUEST)
        while (await backend.describe(machine.id, ZONE)).state is not MachineState.GONE:
            await asyncio.sleep(0.01)
        found = await backend.launch(REQUEST)
        assert (found.state, found.reason) == (MachineState.GONE, "the agent process ended: no luck")

    run(tmp_path, work, lambda state, machine, socket: (sys.executable, "-S", "-c", "raise SystemExit('no luck')"))


def test_a_process_that_reuses_a_pid_is_not_signalled(tmp_path: Path) -> None:
    async def work(backend: LocalBackend) -> None:
        machine = await ready(backend, await backend.launch(REQUEST))
        os.kill(agent_of(tmp_path, machine).pid, signal.SIGKILL)
        stranger = subprocess.Popen(["sleep", "60"])
        records = Records(tmp_path)
        record = records.machine(machine.id)
        assert record is not None
        records.put_machine(replace(record, agent=Process(stranger.pid, "of another time")))
        assert (await backend.describe(machine.id, ZONE)).state is MachineState.GONE
        await backend.terminate(machine.id, ZONE)
        assert stranger.poll() is None
        stranger.kill()
        stranger.wait()

    run(tmp_path, work)


def test_spot_machines_and_types_too_large_for_a_zone_are_not_offered(tmp_path: Path) -> None:
    async def whole() -> None:
        config = LocalConfig.from_mapping({"zones": ["big", {"name": "small", "cpus": 4, "memory": "16GB"}]})
        backend = LocalBackend(tmp_path, config, stand_in)
        big, small = (zone.zone for zone in config.zones)
        with pytest.raises(NotOffered) as refused:
            await backend.launch(launch_request(small, "local.16x64"))
        assert refused.value.scope is not None
        assert refused.value.scope.zone == "small"
        with pytest.raises(NotOffered):
            await backend.launch(launch_request(big, "local.2x8", market=Market.SPOT))
        with pytest.raises(NotFound):
            await backend.describe("i-0123456789ab", big)
        await backend.close()

    asyncio.run(whole())


def test_state_files_are_private_and_sockets_have_short_paths(tmp_path: Path) -> None:
    state = tmp_path / ("deep" * 20) / ("deeper" * 20)

    async def work(backend: LocalBackend) -> None:
        machine = await ready(backend, await backend.launch(REQUEST))
        files = [path for path in state.rglob("*") if path.is_file()]
        assert files
        assert {path.stat().st_mode & 0o077 for path in files} == {0}
        assert isinstance(machine.endpoint, UnixSocket)
        socket = Path(machine.endpoint.path)
        assert len(os.fsencode(socket)) <= 103
        assert socket.parent.stat().st_mode & 0o077 == 0

    run(state, work)


def test_a_socket_folder_open_to_others_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory(dir="/tmp") as runtime:
        folder = Path(runtime, "atoll")
        folder.mkdir()
        folder.chmod(0o777)
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        assert socket_path(tmp_path, "i-0123456789ab").parent != folder
        folder.chmod(0o700)
        assert socket_path(tmp_path, "i-0123456789ab").parent == folder


def test_a_machines_folder_is_removed_whatever_rights_its_files_have(tmp_path: Path) -> None:
    async def work(backend: LocalBackend) -> None:
        machine = await backend.launch(REQUEST)
        locked = tmp_path / "instances" / machine.id / "work"
        locked.mkdir()
        (locked / "file").touch()
        locked.chmod(0)
        await backend.terminate(machine.id, ZONE)
        with suppress(FileNotFoundError):
            assert list((tmp_path / "trash").iterdir()) == []

    run(tmp_path, work)


def test_the_backend_that_terminated_a_machine_reports_it_as_gone(tmp_path: Path) -> None:
    async def work(backend: LocalBackend) -> None:
        machine = await ready(backend, await backend.launch(REQUEST))
        await backend.terminate(machine.id, ZONE)
        assert (await backend.describe(machine.id, ZONE)).state is MachineState.GONE
        assert await backend.find("owner-1") == ()

    run(tmp_path, work)
