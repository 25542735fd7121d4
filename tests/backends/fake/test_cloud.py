"""What the fake cloud's script makes happen, and what its ledger records of it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from atoll.backends.base import (
    ERRORS,
    BackendError,
    CapacityUnavailable,
    MachineState,
    NotFound,
    NotOffered,
    QuotaExceeded,
    Throttled,
    Unavailable,
)
from atoll.backends.fake import FakeBackend, FakeCloud, Fault, Ledger, Script, grid, lost_reply, open_fake
from atoll.backends.registry import open_backend
from atoll.model.failure import FailureKind
from atoll.model.offer import Market
from atoll.rehearsal.clock import VirtualClock
from atoll.testing.builders import launch_request, volume_request, zone
from atoll.testing.volume_contract import volumes_of

ZONE = zone("fake-1a")
SCRIPT = Script(grid(spot=True))
REQUEST = launch_request(ZONE, "f.2x8")


def simulate(script: Script, work: Callable[[FakeBackend], Coroutine[Any, Any, None]]) -> Ledger:
    """Run in virtual time; the ledger afterwards."""
    clock = VirtualClock()
    cloud = FakeCloud(script, clock)
    clock.run(work(FakeBackend(cloud)))
    return cloud.ledger


@pytest.mark.parametrize("kind", list(ERRORS))
def test_every_error_of_the_taxonomy_can_be_scripted_and_strikes_as_often_as_scripted(kind: FailureKind) -> None:
    async def work(backend: FakeBackend) -> None:
        backend.cloud.inject(Fault("launch", kind, times=2, retry_after=7))
        for _ in range(2):
            with pytest.raises(ERRORS[kind]) as raised:
                await backend.launch(REQUEST)
            assert raised.value.retry_after == 7
        await backend.launch(REQUEST)

    ledger = simulate(SCRIPT, work)
    assert [entry.outcome for entry in ledger.calls("launch")] == [kind, kind, "ok"]
    assert len(ledger.alive()) == 1


def test_a_scripted_lack_of_capacity_reaches_one_type_in_one_zone() -> None:
    async def work(backend: FakeBackend) -> None:
        backend.cloud.inject(Fault("launch", FailureKind.CAPACITY_UNAVAILABLE, times=None, zone="fake-1a"))
        with pytest.raises(CapacityUnavailable) as raised:
            await backend.launch(REQUEST)
        scope = raised.value.scope
        assert scope is not None
        assert (scope.zone, scope.instance_type, scope.market) == ("fake-1a", "f.2x8", Market.ON_DEMAND)
        await backend.launch(launch_request(zone("fake-1b"), "f.2x8"))

    simulate(SCRIPT, work)


def test_a_lost_reply_leaves_a_machine_that_the_token_finds_again() -> None:
    async def work(backend: FakeBackend) -> None:
        backend.cloud.inject(lost_reply("launch", delay=30))
        before = backend.cloud.now()
        with pytest.raises(Unavailable):
            await backend.launch(REQUEST)
        assert backend.cloud.now() - before == pytest.approx(30)
        (found,) = await backend.find("owner-1")
        assert (await backend.launch(REQUEST)).id == found.id

    ledger = simulate(SCRIPT, work)
    assert [entry.replied for entry in ledger.calls("launch")] == [False, True]
    assert len(ledger.alive()) == 1


def test_a_new_machine_is_not_listed_for_a_while() -> None:
    async def work(backend: FakeBackend) -> None:
        machine = await backend.launch(REQUEST)
        assert await backend.find("owner-1") == ()
        with pytest.raises(NotFound):
            await backend.describe(machine.id, ZONE)
        await backend.cloud.clock.sleep(5)
        assert [found.id for found in await backend.find("owner-1")] == [machine.id]

    simulate(replace(SCRIPT, lag=5), work)


def test_machine_seconds_count_from_launch_to_end() -> None:
    async def work(backend: FakeBackend) -> None:
        machine = await backend.launch(REQUEST)
        await backend.launch(launch_request(ZONE, "f.2x8", "token-2"))
        await backend.cloud.clock.sleep(60)
        await backend.terminate(machine.id, ZONE)
        await backend.cloud.clock.sleep(40)
        assert backend.cloud.ledger.machine_seconds(backend.cloud.clock.now()) == pytest.approx(160)
        assert len(backend.cloud.ledger.alive(backend.cloud.clock.now())) == 1

    simulate(SCRIPT, work)


def test_a_quota_is_of_region_and_market_and_not_of_the_zone() -> None:
    async def work(backend: FakeBackend) -> None:
        await backend.launch(launch_request(ZONE, "f.4x16"))
        with pytest.raises(QuotaExceeded) as raised:
            await backend.launch(launch_request(zone("fake-1b"), "f.2x8", "token-2"))
        scope = raised.value.scope
        assert scope is not None
        assert (scope.region, scope.zone, scope.market) == ("fake-1", None, Market.ON_DEMAND)
        await backend.launch(launch_request(ZONE, "f.2x8", "token-3", market=Market.SPOT))

    simulate(replace(SCRIPT, quota_cpus=4), work)


def test_spot_machines_are_interrupted_and_others_are_not() -> None:
    async def work(backend: FakeBackend) -> None:
        for number in range(20):
            await backend.launch(launch_request(ZONE, "f.2x8", f"spot-{number}", market=Market.SPOT))
            await backend.launch(launch_request(ZONE, "f.2x8", f"plain-{number}"))
        await backend.cloud.clock.sleep(3600)
        left = await backend.find("owner-1")
        assert {machine.market for machine in left} >= {Market.ON_DEMAND}
        assert sum(machine.market is Market.ON_DEMAND for machine in left) == 20
        assert len(left) < 30

    ledger = simulate(replace(SCRIPT, interruptions={"fake-1a": 2}), work)
    assert 10 < len(ledger.calls("interrupt")) <= 20


def test_a_dark_zone_does_not_answer_while_its_machines_go_on() -> None:
    async def work(backend: FakeBackend) -> None:
        machine = await backend.launch(REQUEST)
        backend.cloud.darken_zone("fake-1a")
        with pytest.raises(Unavailable):
            await backend.describe(machine.id, ZONE)
        with pytest.raises(Unavailable):
            await backend.agent(machine).health()
        await backend.launch(launch_request(zone("fake-1b"), "f.2x8", "token-2"))
        backend.cloud.restore_zone("fake-1a")
        assert (await backend.describe(machine.id, ZONE)).state is MachineState.READY

    simulate(SCRIPT, work)


def test_the_clouds_clock_may_go_wrong() -> None:
    async def work(backend: FakeBackend) -> None:
        dated = (await backend.listing()).as_of
        assert backend.cloud.clock.now() - dated == timedelta(seconds=90)

    simulate(replace(SCRIPT, skew=-90), work)


async def _storm(backend: FakeBackend) -> None:
    for number in range(60):
        try:
            machine = await backend.launch(launch_request(ZONE, "f.2x8", f"token-{number}", market=Market.SPOT))
            await backend.describe(machine.id, ZONE)
            await backend.terminate(machine.id, ZONE)
        except BackendError:
            await backend.cloud.clock.sleep(10)


def test_a_seed_replays_and_another_differs() -> None:
    kinds = (FailureKind.THROTTLED, FailureKind.UNAVAILABLE)
    faults = tuple(Fault("*", kind, times=None, chance=0.1) for kind in kinds)
    script = replace(
        SCRIPT, faults=(*faults, lost_reply("launch", times=None, chance=0.1)), latency={"*": (0.1, 5)}, lag=1
    )
    first, again = (simulate(replace(script, seed=7), _storm).entries for _ in range(2))
    other = simulate(replace(script, seed=8), _storm).entries
    assert first == again
    assert first != other
    assert {entry.outcome for entry in first} >= {"ok", "throttled", "unavailable"}


CRASH = """
import asyncio, os, signal, sys
from pathlib import Path
from atoll.backends.fake import open_fake
from tests.backends.fake.test_cloud import REQUEST, ZONE
from atoll.testing.builders import launch_request
async def main():
    backend = open_fake({}, Path(sys.argv[1]))
    await backend.launch(REQUEST)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def test_the_cloud_outlives_a_killed_process_and_is_read_from_outside(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [machine.token for machine in Ledger.read(tmp_path / "ledger.jsonl").alive()] == ["token-1"]

    async def after() -> None:
        backend = open_fake({}, tmp_path)
        (found,) = await backend.find("owner-1")
        assert (await backend.launch(REQUEST)).id == found.id
        await backend.terminate(found.id, ZONE)
        await backend.close()
        backend.cloud.ledger.close()

    asyncio.run(after())
    assert Ledger.read(tmp_path / "ledger.jsonl").alive() == ()


def test_clouds_that_share_a_file_are_one_world(tmp_path: Path) -> None:
    async def work() -> None:
        first, second = (open_fake({"cpus": 2, "zones": 1}, tmp_path) for _ in range(2))
        machine = await first.launch(REQUEST)
        with pytest.raises(CapacityUnavailable):
            await second.launch(launch_request(ZONE, "f.2x8", "token-2"))
        assert (await second.launch(REQUEST)).id == machine.id
        disk = await volumes_of(second).create(volume_request(ZONE))
        await volumes_of(first).attach(disk.id, machine.id, ZONE)
        assert (await volumes_of(second).describe(disk.id, ZONE)).attached_to == (machine.id,)
        for backend in (first, second):
            backend.cloud.ledger.close()

    asyncio.run(work())


def test_a_line_cut_off_by_a_crash_did_not_happen(tmp_path: Path) -> None:
    async def work() -> None:
        backend = open_fake({}, tmp_path)
        await backend.launch(REQUEST)
        backend.cloud.ledger.close()
        path = tmp_path / "ledger.jsonl"
        os.truncate(path, path.stat().st_size - 10)
        again = open_fake({}, tmp_path)
        assert await again.find("owner-1") == ()
        await again.launch(REQUEST)
        again.cloud.ledger.close()

    asyncio.run(work())
    assert len(Ledger.read(tmp_path / "ledger.jsonl").alive()) == 1


def test_a_configured_zone_takes_no_machines_while_its_state_is_another_than_available(tmp_path: Path) -> None:
    async def work() -> None:
        backend = open_fake({"states": {"fake-1a": {"state": "drained", "reason": "new racks"}}}, tmp_path)
        first, second, _ = (await backend.listing()).zones
        assert (first.state, first.reason, second.state) == ("drained", "new racks", "available")
        with pytest.raises(CapacityUnavailable):
            await backend.launch(REQUEST)
        await backend.launch(launch_request(zone("fake-1b"), "f.2x8"))
        backend.cloud.ledger.close()

    asyncio.run(work())
    with pytest.raises(ValueError, match="no zone `fake-9z`"):
        open_backend("fake", {"states": {"fake-9z": {"state": "drained"}}}, tmp_path)


def test_a_configured_cloud_may_lack_zones_volumes_and_types_in_a_zone(tmp_path: Path) -> None:
    async def work() -> None:
        backend = open_fake({"zoned": False, "volumes": False, "regions": 2}, tmp_path / "regions")
        assert [(info.zone.region, info.zone.name) for info in (await backend.listing()).zones] == [
            ("fake-1", ""),
            ("fake-2", ""),
        ]
        assert (backend.info.zoned, backend.info.volumes, backend.volumes) == (False, False, None)
        lacking = open_fake({"not_offered": {"fake-1a": ["f.2x8"]}}, tmp_path / "lacking")
        with pytest.raises(NotOffered):
            await lacking.launch(REQUEST)
        for one in (backend, lacking):
            one.cloud.ledger.close()

    asyncio.run(work())


def test_a_configured_cloud_has_its_chances_and_a_wrong_setting_is_reported(tmp_path: Path) -> None:
    async def work() -> None:
        backend = open_fake({"chances": {"launch": {"throttled": 1}}}, tmp_path)
        with pytest.raises(Throttled):
            await backend.launch(REQUEST)
        backend.cloud.ledger.close()

    asyncio.run(work())
    with pytest.raises(ValueError, match="seeed"):
        open_backend("fake", {"seeed": 1}, tmp_path)
