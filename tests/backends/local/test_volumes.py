"""Disks of the local backend: their data."""

import asyncio
from pathlib import Path

import pytest

from atoll.backends.base import CapacityUnavailable
from atoll.backends.local import LocalBackend, LocalConfig
from atoll.testing.builders import launch_request, volume_request
from tests.backends.local.conftest import stand_in

ZONE = LocalConfig().zones[1].zone


def test_data_survives_the_machine_the_server_and_the_zone_and_goes_with_the_disk(tmp_path: Path) -> None:
    async def work() -> None:
        backend = LocalBackend(tmp_path, command=stand_in)
        machine = await backend.launch(launch_request(ZONE, "local.2x8"))
        disk = await backend.volumes.create(volume_request(ZONE))
        attached = await backend.volumes.attach(disk.id, machine.id, ZONE)
        (Path(attached.source) / "file").write_text("kept")
        await backend.faults.fail(ZONE)
        with pytest.raises(CapacityUnavailable):
            await backend.volumes.create(volume_request(ZONE, "token-2"))
        assert (await backend.volumes.describe(disk.id, ZONE)).attached_to == ()
        await backend.terminate(machine.id, ZONE)
        await backend.close()
        after = LocalBackend(tmp_path, command=stand_in)
        await after.faults.restore(ZONE)
        machine = await after.launch(launch_request(ZONE, "local.2x8", "token-3"))
        again = await after.volumes.attach(disk.id, machine.id, ZONE)
        assert (Path(again.source) / "file").read_text() == "kept"
        await after.terminate(machine.id, ZONE)
        await after.volumes.delete(disk.id, ZONE)
        assert not Path(again.source).exists()
        await after.close()

    asyncio.run(work())
