"""The disks of a fake cloud."""

import msgspec

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
from atoll.backends.fake.cloud import FAILED, Call, Chance, Change, FakeCloud, perform
from atoll.backends.fake.ledger import FakeDisk
from atoll.model.failure import Scope
from atoll.model.zone import Zone


class FakeVolumes:
    """The disks of `cloud`, whose zones bear the backend name `name`."""

    def __init__(self, cloud: FakeCloud, name: str) -> None:
        self.cloud = cloud
        self._name = name

    async def create(self, request: DiskRequest) -> Disk:
        """Create a disk; a token is remembered while its disk exists."""

        def step(now: float, chance: Chance) -> Change[Disk]:
            known = self.cloud.ledger.disks.get(self.cloud.ledger.disk_of_token.get(request.tags.token, ""))
            if known is not None and known.deleted_at is None:
                return Change(self._view_disk(known))
            self.cloud.check_zone(request.zone)
            if request.size_gb <= 0:
                raise InvalidRequest(f"a disk needs a size above 0 GB, not {request.size_gb:g}")
            if self.cloud.zone_state(request.zone.name) == FAILED:
                scope = Scope(self._name, request.zone.region, request.zone.name)
                raise CapacityUnavailable(f"{request.zone} is failed", scope)
            if request.snapshot:
                self._check_snapshot(request, now)
            made = self._made_disk(request, now)
            return Change(self._view_disk(made), disks=(made,))

        return await perform(self.cloud, Call("create-volume", request.zone, request.tags.token), step)

    async def describe(self, disk: str, zone: Zone) -> Disk:
        """The disk as it is now; unknown for the script's lag after its creation."""

        def step(now: float, chance: Chance) -> Change[Disk]:
            found = self._disk(disk)
            if found.zone != zone or now < found.visible_at:
                raise NotFound(f"there is no disk {disk} in {zone}")
            return Change(self._view_disk(found))

        return await perform(self.cloud, Call("describe-volume", zone, subject=disk, reads=True), step)

    async def look_up(self, disk: str, region: str | None) -> Disk:
        """The disk of this id, in whichever zone."""

        def step(now: float, chance: Chance) -> Change[Disk]:
            found = self._disk(disk)
            if region not in (None, found.zone.region):
                raise NotFound(f"there is no disk {disk} in {region}")
            return Change(self._view_disk(found))

        return await perform(self.cloud, Call("look-up-volume", subject=disk, reads=True), step)

    async def find(self, owner: str) -> tuple[Disk, ...]:
        """Every visible disk of this owner."""

        def step(now: float, chance: Chance) -> Change[tuple[Disk, ...]]:
            mine = (disk for disk in self.cloud.ledger.alive_disks() if disk.owner == owner)
            return Change(tuple(self._view_disk(each) for each in mine if now >= each.visible_at))

        return await perform(self.cloud, Call("find-volumes", reads=True), step)

    async def delete(self, disk: str, zone: Zone) -> None:
        """Delete a disk."""

        def step(now: float, chance: Chance) -> Change[None]:
            found = self.cloud.ledger.disks.get(disk)
            if found is None or found.zone != zone or found.deleted_at is not None:
                return Change(None)
            if holder := self._holder(found):
                raise InvalidRequest(f"{disk} is attached to {holder}")
            return Change(None, disks=(msgspec.structs.replace(found, deleted_at=now),))

        await perform(self.cloud, Call("delete-volume", zone, subject=disk), step)

    async def attach(self, disk: str, machine: str, zone: Zone) -> AttachedDisk:
        """Attach a disk to one machine of its zone."""

        def step(now: float, chance: Chance) -> Change[AttachedDisk]:
            found, target = self._disk(disk), self.cloud.ledger.machines.get(machine)
            if target is not None and target.zone != found.zone:
                raise ZoneMismatch(f"{disk} is in {found.zone} and {machine} in {target.zone}")
            if target is None or target.ended_at is not None:
                raise NotFound(f"there is no machine {machine}")
            holder = self._holder(found)
            if holder not in (None, machine):
                raise InvalidRequest(f"{disk} is attached to {holder}")
            answer = AttachedDisk(disk, machine, f"/fake/volumes/{disk}")
            return Change(answer, disks=(msgspec.structs.replace(found, attached_to=machine),))

        return await perform(self.cloud, Call("attach", zone, subject=f"{disk}/{machine}"), step)

    async def detach(self, disk: str, machine: str, zone: Zone) -> None:
        """Detach a disk."""

        def step(now: float, chance: Chance) -> Change[None]:
            found = self.cloud.ledger.disks.get(disk)
            if found is None or found.deleted_at is not None or found.attached_to != machine:
                return Change(None)
            return Change(None, disks=(msgspec.structs.replace(found, attached_to=None),))

        await perform(self.cloud, Call("detach", zone, subject=f"{disk}/{machine}"), step)

    def _made_disk(self, request: DiskRequest, now: float) -> FakeDisk:
        number, tags = len(self.cloud.ledger.disks) + 1, request.tags
        visible = now + self.cloud.script.lag
        return FakeDisk(
            f"vol-{number:06d}",
            tags.token,
            tags.owner,
            tags.name,
            request.zone,
            request.size_gb,
            now,
            visible,
            snapshot=request.snapshot,
        )

    def _check_snapshot(self, request: DiskRequest, now: float) -> None:
        """Raises NotFound, InvalidRequest where no disk can be created from the snapshot."""
        found = self.cloud.ledger.snapshots.get(request.snapshot)
        if found is None or found.deleted_at is not None or found.zone.region != request.zone.region:
            raise NotFound(f"{request.zone.region} has no snapshot {request.snapshot}")
        if found.ready_at > now:
            raise InvalidRequest(f"snapshot {found.id} is not complete")
        if found.size_gb > request.size_gb:
            raise InvalidRequest(f"snapshot {found.id} needs a disk of {found.size_gb:g} GB or more")

    def _disk(self, disk: str) -> FakeDisk:
        found = self.cloud.ledger.disks.get(disk)
        if found is None or found.deleted_at is not None:
            raise NotFound(f"there is no disk {disk}")
        return found

    def _holder(self, disk: FakeDisk) -> str | None:
        machine = self.cloud.ledger.machines.get(disk.attached_to or "")
        return machine.id if machine is not None and machine.ended_at is None else None

    def _view_disk(self, disk: FakeDisk) -> Disk:
        holder = self._holder(disk)
        attached = () if holder is None else (holder,)
        return Disk(disk.id, disk.token, disk.zone, disk.size_gb, MachineState.READY, attached)
