"""The local backend's disks as `Volumes`: blocking calls in threads."""

from atoll.backends.base import AttachedDisk, Disk, DiskRequest
from atoll.backends.local.disks import LocalDisks
from atoll.backends.local.records import Records
from atoll.backends.local.threads import Threads
from atoll.model.zone import Zone


class LocalVolumes:
    """Folders as disks."""

    def __init__(self, disks: LocalDisks, records: Records, threads: Threads) -> None:
        self._disks = disks
        self._records = records
        self._threads = threads

    async def create(self, request: DiskRequest) -> Disk:
        """Create a folder in its zone. The size is recorded and not enforced."""
        return await self._threads.run(self._disks.create, request)

    async def describe(self, disk: str, zone: Zone) -> Disk:
        """The disk as it is now."""
        return await self._threads.run(self._disks.describe, disk, zone)

    async def look_up(self, disk: str, region: str | None) -> Disk:
        """The disk of this id."""
        return await self._threads.run(self._disks.look_up, disk)

    async def find(self, owner: str) -> tuple[Disk, ...]:
        """Every disk of this owner."""
        return await self._threads.run(self._disks.find, owner)

    async def delete(self, disk: str, zone: Zone) -> None:
        """Delete the folder and its content."""
        await self._threads.run(self._disks.delete, disk, zone)
        await self._threads.empty_trash(self._records)

    async def attach(self, disk: str, machine: str, zone: Zone) -> AttachedDisk:
        """Attach the disk to one machine of its zone; `source` is the folder."""
        return await self._threads.run(self._disks.attach, disk, machine)

    async def detach(self, disk: str, machine: str, zone: Zone) -> None:
        """Detach the disk."""
        await self._threads.run(self._disks.detach, disk, machine)
