"""The local backend's disks: folders of their zones, each attached to one machine at a time. All calls block.

A disk's size is recorded and not enforced, because a plain folder has no limit of its own.
"""

from dataclasses import replace

from atoll.backends.base import (
    AttachedDisk,
    CapacityUnavailable,
    Disk,
    DiskRequest,
    InvalidRequest,
    MachineState,
    NotFound,
    ZoneMismatch,
)
from atoll.backends.local.config import REGION, LocalConfig
from atoll.backends.local.machines import LocalMachines, zone_named
from atoll.backends.local.records import DiskRecord, Records, new_id
from atoll.model.failure import Scope
from atoll.model.zone import Zone


class LocalDisks:
    """Disks under one state folder."""

    def __init__(self, records: Records, config: LocalConfig, machines: LocalMachines) -> None:
        self._records = records
        self._zones = {zone.name: zone for zone in config.zones}
        self._machines = machines

    def create(self, request: DiskRequest) -> Disk:
        """As `Volumes.create`."""
        with self._records.lock():
            for record in self._records.disks():
                if record.tags.token == request.tags.token:
                    return self._view(record)
            zone = zone_named(self._zones, request.zone)
            if request.size_gb <= 0:
                raise InvalidRequest(f"a disk needs a size above 0 GB, not {request.size_gb:g}")
            if zone.name in self._records.failed_zones():
                scope = Scope("local", REGION, zone.name)
                raise CapacityUnavailable(f"{zone.name} is failed: it takes no disks until it is restored", scope)
            record = DiskRecord(new_id("vol"), zone.name, request.size_gb, request.tags)
            self._records.put_disk(record)
            return self._view(record)

    def describe(self, disk: str, zone: Zone) -> Disk:
        """As `Volumes.describe`."""
        record = self._records.disk(disk)
        if record is None or record.zone != zone.name:
            raise NotFound(f"there is no disk {disk} in {zone}")
        return self._view(record)

    def look_up(self, disk: str) -> Disk:
        """As `Volumes.look_up`."""
        record = self._records.disk(disk)
        if record is None:
            raise NotFound(f"there is no disk {disk}")
        return self._view(record)

    def find(self, owner: str) -> tuple[Disk, ...]:
        """As `Volumes.find`."""
        return tuple(self._view(record) for record in self._records.disks() if record.tags.owner == owner)

    def delete(self, disk: str, zone: Zone) -> None:
        """As `Volumes.delete`."""
        with self._records.lock():
            record = self._records.disk(disk)
            if record is None or record.zone != zone.name:
                return
            if holder := self._holder(record):
                raise InvalidRequest(f"{disk} is attached to {holder}")
            self._records.drop_disk(record)

    def attach(self, disk: str, machine: str) -> AttachedDisk:
        """As `Volumes.attach`."""
        with self._records.lock():
            record = self._records.disk(disk)
            if record is None:
                raise NotFound(f"there is no disk {disk}")
            where = self._machines.zone_of(machine)
            if where is not None and where != record.zone:
                raise ZoneMismatch(f"{disk} is in {record.zone} and {machine} in {where}")
            if where is None or not self._machines.lives(machine):
                raise NotFound(f"there is no machine {machine}")
            holder = self._holder(record)
            if holder not in (None, machine):
                raise InvalidRequest(f"{disk} is attached to {holder}")
            self._records.put_disk(replace(record, attached_to=machine))
            return AttachedDisk(disk, machine, str(self._records.data(record)))

    def detach(self, disk: str, machine: str) -> None:
        """As `Volumes.detach`."""
        with self._records.lock():
            record = self._records.disk(disk)
            if record is not None and record.attached_to == machine:
                self._records.put_disk(replace(record, attached_to=None))

    def _holder(self, record: DiskRecord) -> str | None:
        holder = record.attached_to
        return holder if holder is not None and self._machines.lives(holder) else None

    def _view(self, record: DiskRecord) -> Disk:
        holder = self._holder(record)
        zone = Zone("local", REGION, record.zone)
        attached = () if holder is None else (holder,)
        return Disk(record.id, record.tags.token, zone, record.size_gb, MachineState.READY, attached)
