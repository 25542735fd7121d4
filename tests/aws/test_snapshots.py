"""EBS snapshots: what a volume holds is read in another zone, and a lost reply makes no second snapshot."""

import asyncio
from pathlib import Path

import pytest

from atoll.backends.aws import AwsBackend, AwsConfig
from atoll.backends.base import Unavailable
from atoll.testing.backend_contract import in_loop
from atoll.testing.builders import tags, volume_request
from atoll.testing.volume_contract import DiskCase
from tests.aws.conftest import Cloud
from tests.aws.front import Rule


@pytest.mark.long
class TestSnapshots(DiskCase):
    wait_seconds = 40

    @pytest.fixture
    def backend(self, cloud: Cloud, tmp_path: Path) -> AwsBackend:
        self.cloud = cloud
        return AwsBackend(tmp_path, AwsConfig.from_mapping(cloud.config))

    async def pause(self) -> None:
        await asyncio.sleep(0.3)

    @in_loop
    async def test_a_larger_volume_of_a_snapshot_has_the_data_in_another_zone_and_all_of_its_size(
        self, backend: AwsBackend
    ) -> None:
        first, second = await self.machine(backend, 0, "token-1"), await self.machine(backend, 1, "token-2")
        disk = await self.disk(backend, first.zone)
        source = (await backend.volumes.attach(disk.id, first.id, first.zone)).source
        await asyncio.to_thread(self.cloud.body, "exec", first.id, "--", "sh", "-c", f"echo kept > {source}/file; sync")
        snapshot = await self.snapshot(backend, disk)
        await asyncio.sleep(1.5)  # the emulated disk is copied within a second after the call
        await backend.volumes.detach(disk.id, first.id, first.zone)
        moved = await backend.volumes.create(volume_request(second.zone, "disk-2", size_gb=2, snapshot=snapshot.id))
        target = (await backend.volumes.attach(moved.id, second.id, second.zone)).source
        command = f"cat {target}/file; df --output=size -BM {target} | tail -1"
        text = await asyncio.to_thread(self.cloud.body, "exec", second.id, "--", "sh", "-c", command)
        content, size = text.split()
        assert content == "kept"
        assert int(size.removesuffix("M")) > 1500

    @in_loop
    async def test_an_empty_volume_of_a_snapshot_gets_its_file_system_in_the_new_zone(
        self, backend: AwsBackend
    ) -> None:
        machine = await self.machine(backend, 1)
        disk = await self.disk(backend, (await self.offers(backend))[0].zone)
        snapshot = await self.snapshot(backend, disk)
        moved = await backend.volumes.create(volume_request(machine.zone, "disk-2", snapshot=snapshot.id))
        assert (await backend.volumes.attach(moved.id, machine.id, machine.zone)).source

    @in_loop
    async def test_a_lost_reply_makes_no_second_snapshot(self, backend: AwsBackend) -> None:
        disk = await self.disk(backend, (await self.offers(backend))[0].zone)
        self.cloud.front.rules.append(Rule("CreateSnapshot", lost=True, times=1))
        with pytest.raises(Unavailable):
            await backend.snapshots.create(disk.id, disk.zone, tags("snapshot-1"))
        again = await backend.snapshots.create(disk.id, disk.zone, tags("snapshot-1"))
        assert [each["SnapshotId"] for each in self.cloud.snapshots()] == [again.id]
