"""What every backend with network disks must do, as tests: subclass `VolumeContract` beside `BackendContract`'s."""

import asyncio

import pytest

from atoll.backends.base import (
    Backend,
    Disk,
    DiskSnapshot,
    DiskSnapshots,
    InvalidRequest,
    Machine,
    MachineState,
    NotFound,
    NotOffered,
    Volumes,
    ZoneMismatch,
)
from atoll.model.zone import Zone
from atoll.testing.backend_contract import ContractCase, in_loop
from atoll.testing.builders import tags, volume_request


def volumes_of(backend: Backend) -> Volumes:
    """The volumes of a backend that has them."""
    assert backend.volumes is not None
    return backend.volumes


def snapshots_of(backend: Backend) -> DiskSnapshots:
    """The snapshots of a backend that has them."""
    assert backend.snapshots is not None
    return backend.snapshots


class DiskCase(ContractCase):
    """What tests of disks share: machines, disks and snapshots that are ready."""

    async def machine(self, backend: Backend, number: int = 0, token: str = "token-1") -> Machine:
        """A ready machine in the backend's zone `number`."""
        return await self.ready(backend, await self.launch(backend, (await self.offers(backend))[number], token))

    async def disk(self, backend: Backend, where: Zone, token: str = "disk-1") -> Disk:
        """A ready disk."""
        made = await volumes_of(backend).create(volume_request(where, token))

        async def look() -> Disk | None:
            try:
                return await volumes_of(backend).describe(made.id, where)
            except NotFound:
                return None

        found = await self.until(look, lambda found: found is not None and found.state is MachineState.READY)
        assert found is not None
        return found

    async def snapshot(self, backend: Backend, disk: Disk, token: str = "snapshot-1") -> DiskSnapshot:
        """A complete snapshot of a disk."""
        made = await snapshots_of(backend).create(disk.id, disk.zone, tags(token))
        return await self.until(
            lambda: snapshots_of(backend).describe(made.id, disk.zone), lambda found: found.state is MachineState.READY
        )


class VolumeContract(DiskCase):
    """The `Volumes` protocol of a backend whose disks serve one machine at a time."""

    @in_loop
    async def test_a_disk_is_in_the_zone_asked_for_with_its_size(self, backend: Backend) -> None:
        for number, offer in enumerate(await self.offers(backend)):
            disk = await self.disk(backend, offer.zone, f"disk-{number}")
            assert (disk.zone, disk.size_gb, disk.token) == (offer.zone, 1, f"disk-{number}")
            assert disk.attached_to == ()

    @in_loop
    async def test_the_same_token_gets_the_same_disk_even_at_the_same_time(self, backend: Backend) -> None:
        where = (await self.offers(backend))[0].zone
        disks = await asyncio.gather(*(volumes_of(backend).create(volume_request(where)) for _ in range(4)))
        again = await volumes_of(backend).create(volume_request(where))
        assert {disk.id for disk in disks} == {again.id}

    @in_loop
    async def test_find_tells_the_disks_of_its_owner_alone(self, backend: Backend) -> None:
        disk = await self.disk(backend, (await self.offers(backend))[0].zone)
        found = await self.until(lambda: volumes_of(backend).find("owner-1"), lambda found: len(found) >= 1)
        assert [each.id for each in found] == [disk.id]
        assert await volumes_of(backend).find("owner-2") == ()

    @in_loop
    async def test_a_deleted_disk_is_gone_and_deleting_again_succeeds(self, backend: Backend) -> None:
        disk = await self.disk(backend, (await self.offers(backend))[0].zone)
        await volumes_of(backend).delete(disk.id, disk.zone)
        await volumes_of(backend).delete(disk.id, disk.zone)
        await volumes_of(backend).delete("vol-000000000000", disk.zone)
        with pytest.raises(NotFound):
            await volumes_of(backend).describe(disk.id, disk.zone)
        assert await volumes_of(backend).find("owner-1") == ()

    @in_loop
    async def test_attaching_shows_on_the_disk_and_again_is_the_same(self, backend: Backend) -> None:
        machine = await self.machine(backend)
        disk = await self.disk(backend, machine.zone)
        first = await volumes_of(backend).attach(disk.id, machine.id, machine.zone)
        assert (first.disk, first.machine) == (disk.id, machine.id)
        assert first.source
        assert await volumes_of(backend).attach(disk.id, machine.id, machine.zone) == first
        assert (await volumes_of(backend).describe(disk.id, disk.zone)).attached_to == (machine.id,)

    @in_loop
    async def test_a_disk_does_not_reach_a_machine_of_another_zone(self, backend: Backend) -> None:
        machine = await self.machine(backend, 0)
        where = (await self.offers(backend))[1].zone
        disk = await self.disk(backend, where)
        for claimed in (machine.zone, where):
            with pytest.raises(ZoneMismatch):
                await volumes_of(backend).attach(disk.id, machine.id, claimed)
        assert (await volumes_of(backend).describe(disk.id, where)).attached_to == ()

    @in_loop
    async def test_a_disk_serves_one_machine_at_a_time(self, backend: Backend) -> None:
        first = await self.machine(backend, 0, "token-1")
        second = await self.machine(backend, 0, "token-2")
        disk = await self.disk(backend, first.zone)
        await volumes_of(backend).attach(disk.id, first.id, first.zone)
        with pytest.raises(InvalidRequest):
            await volumes_of(backend).attach(disk.id, second.id, second.zone)
        await volumes_of(backend).detach(disk.id, first.id, first.zone)
        await volumes_of(backend).attach(disk.id, second.id, second.zone)
        assert (await volumes_of(backend).describe(disk.id, disk.zone)).attached_to == (second.id,)

    @in_loop
    async def test_an_attached_disk_is_not_deleted(self, backend: Backend) -> None:
        machine = await self.machine(backend)
        disk = await self.disk(backend, machine.zone)
        await volumes_of(backend).attach(disk.id, machine.id, machine.zone)
        with pytest.raises(InvalidRequest):
            await volumes_of(backend).delete(disk.id, disk.zone)
        await volumes_of(backend).detach(disk.id, machine.id, machine.zone)
        await volumes_of(backend).delete(disk.id, disk.zone)

    @in_loop
    async def test_detaching_twice_or_from_another_machine_changes_nothing(self, backend: Backend) -> None:
        machine = await self.machine(backend)
        disk = await self.disk(backend, machine.zone)
        await volumes_of(backend).attach(disk.id, machine.id, machine.zone)
        await volumes_of(backend).detach(disk.id, "i-000000000000", machine.zone)
        assert (await volumes_of(backend).describe(disk.id, disk.zone)).attached_to == (machine.id,)
        await volumes_of(backend).detach(disk.id, machine.id, machine.zone)
        await volumes_of(backend).detach(disk.id, machine.id, machine.zone)
        await volumes_of(backend).detach("vol-000000000000", machine.id, machine.zone)
        assert (await volumes_of(backend).describe(disk.id, disk.zone)).attached_to == ()

    @in_loop
    async def test_a_disk_is_free_again_when_its_machine_is_gone(self, backend: Backend) -> None:
        first = await self.machine(backend, 0, "token-1")
        second = await self.machine(backend, 0, "token-2")
        disk = await self.disk(backend, first.zone)
        await volumes_of(backend).attach(disk.id, first.id, first.zone)
        await backend.terminate(first.id, first.zone)
        await self.gone(backend, first)
        assert (await volumes_of(backend).describe(disk.id, disk.zone)).attached_to == ()
        await volumes_of(backend).attach(disk.id, second.id, second.zone)

    @in_loop
    async def test_attaching_what_is_not_there_is_not_found(self, backend: Backend) -> None:
        machine = await self.machine(backend)
        disk = await self.disk(backend, machine.zone)
        with pytest.raises(NotFound):
            await volumes_of(backend).attach("vol-000000000000", machine.id, machine.zone)
        with pytest.raises(NotFound):
            await volumes_of(backend).attach(disk.id, "i-000000000000", machine.zone)

    @in_loop
    async def test_a_zone_that_is_not_there_and_an_empty_size_are_refused(self, backend: Backend) -> None:
        where = (await self.offers(backend))[0].zone
        wrong = Zone(where.backend, where.region, "nowhere-9z")
        with pytest.raises((InvalidRequest, NotOffered)):
            await volumes_of(backend).create(volume_request(wrong))
        with pytest.raises(InvalidRequest):
            await volumes_of(backend).create(volume_request(where, size_gb=0))
        assert await volumes_of(backend).find("owner-1") == ()
