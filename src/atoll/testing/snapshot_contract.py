"""What every backend with disk snapshots must do, as tests: subclass `SnapshotContract` beside `VolumeContract`."""

import asyncio

import pytest

from atoll.backends.base import Backend, InvalidRequest, NotFound
from atoll.testing.backend_contract import in_loop
from atoll.testing.builders import tags, volume_request
from atoll.testing.volume_contract import DiskCase, snapshots_of, volumes_of


class SnapshotContract(DiskCase):
    """The `DiskSnapshots` protocol."""

    @in_loop
    async def test_a_disk_of_a_snapshot_is_created_in_another_zone(self, backend: Backend) -> None:
        here, there = [offer.zone for offer in await self.offers(backend)][:2]
        disk = await self.disk(backend, here)
        snapshot = await self.snapshot(backend, disk)
        assert (snapshot.disk, snapshot.region, snapshot.size_gb, snapshot.token) == (
            disk.id, here.region, disk.size_gb, "snapshot-1",
        )  # fmt: skip
        moved = await volumes_of(backend).create(volume_request(there, "disk-2", snapshot=snapshot.id))
        assert (moved.zone, moved.size_gb) == (there, disk.size_gb)
        await snapshots_of(backend).delete(snapshot.id, here)

    @in_loop
    async def test_the_same_token_gets_the_same_snapshot_even_at_the_same_time(self, backend: Backend) -> None:
        where = (await self.offers(backend))[0].zone
        disk = await self.disk(backend, where)
        calls = (snapshots_of(backend).create(disk.id, where, tags("snapshot-1")) for _ in range(4))
        [id] = {snapshot.id for snapshot in await asyncio.gather(*calls)}
        assert (await snapshots_of(backend).create(disk.id, where, tags("snapshot-1"))).id == id
        assert [each.id for each in await snapshots_of(backend).find("owner-1")] == [id]
        assert await snapshots_of(backend).find("owner-2") == ()
        await snapshots_of(backend).delete(id, where)

    @in_loop
    async def test_a_deleted_snapshot_is_gone_and_deleting_again_succeeds(self, backend: Backend) -> None:
        where = (await self.offers(backend))[0].zone
        disk = await self.disk(backend, where)
        snapshot = await self.snapshot(backend, disk)
        await snapshots_of(backend).delete(snapshot.id, where)
        await snapshots_of(backend).delete(snapshot.id, where)
        await snapshots_of(backend).delete("snap-000000000000", where)
        assert await snapshots_of(backend).find("owner-1") == ()
        with pytest.raises(NotFound):
            await snapshots_of(backend).describe(snapshot.id, where)
        with pytest.raises((NotFound, InvalidRequest)):
            await volumes_of(backend).create(volume_request(where, "disk-2", snapshot=snapshot.id))

    @in_loop
    async def test_a_snapshot_of_a_disk_that_does_not_exist_is_not_found(self, backend: Backend) -> None:
        where = (await self.offers(backend))[0].zone
        with pytest.raises(NotFound):
            await snapshots_of(backend).create("vol-000000000000", where, tags("snapshot-1"))
        assert await snapshots_of(backend).find("owner-1") == ()
