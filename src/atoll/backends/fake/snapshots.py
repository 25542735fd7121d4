"""The snapshots of a fake cloud's disks."""

import msgspec

from atoll.backends.base import DiskSnapshot, MachineState, NotFound, Tags
from atoll.backends.fake.cloud import Call, Chance, Change, FakeCloud, perform
from atoll.backends.fake.ledger import FakeSnapshot
from atoll.model.zone import Zone


class FakeSnapshots:
    """Snapshots of the disks of `cloud`. One takes as long as a boot."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud

    async def create(self, disk: str, zone: Zone, tags: Tags) -> DiskSnapshot:
        """Begin a snapshot; a token is remembered while its snapshot exists."""

        def step(now: float, chance: Chance) -> Change[DiskSnapshot]:
            ledger = self.cloud.ledger
            known = ledger.snapshots.get(ledger.snapshot_of_token.get(tags.token, ""))
            if known is not None and known.deleted_at is None:
                return Change(_view(known, now))
            source = ledger.disks.get(disk)
            if source is None or source.deleted_at is not None or source.zone != zone:
                raise NotFound(f"there is no disk {disk} in {zone}")
            id, ready = f"snap-{len(ledger.snapshots) + 1:06d}", now + self.cloud.script.boot
            made = FakeSnapshot(id, tags.token, tags.owner, disk, zone, source.size_gb, ready)
            return Change(_view(made, now), snapshots=(made,))

        return await perform(self.cloud, Call("create-snapshot", zone, tags.token, subject=disk), step)

    async def describe(self, snapshot: str, zone: Zone) -> DiskSnapshot:
        """The snapshot as it is now."""

        def step(now: float, chance: Chance) -> Change[DiskSnapshot]:
            found = self._found(snapshot, zone)
            if found is None:
                raise NotFound(f"{zone.region} has no snapshot {snapshot}")
            return Change(_view(found, now))

        return await perform(self.cloud, Call("describe-snapshot", subject=snapshot, reads=True), step)

    async def find(self, owner: str) -> tuple[DiskSnapshot, ...]:
        """Every snapshot of this owner."""

        def step(now: float, chance: Chance) -> Change[tuple[DiskSnapshot, ...]]:
            kept = (snapshot for snapshot in self.cloud.ledger.snapshots.values() if snapshot.deleted_at is None)
            return Change(tuple(_view(each, now) for each in kept if each.owner == owner))

        return await perform(self.cloud, Call("find-snapshots", reads=True), step)

    async def delete(self, snapshot: str, zone: Zone) -> None:
        """Delete a snapshot."""

        def step(now: float, chance: Chance) -> Change[None]:
            found = self._found(snapshot, zone)
            gone = () if found is None else (msgspec.structs.replace(found, deleted_at=now),)
            return Change(None, snapshots=gone)

        return await perform(self.cloud, Call("delete-snapshot", subject=snapshot), step)

    def _found(self, snapshot: str, zone: Zone) -> FakeSnapshot | None:
        found = self.cloud.ledger.snapshots.get(snapshot)
        if found is None or found.deleted_at is not None or found.zone.region != zone.region:
            return None
        return found


def _view(snapshot: FakeSnapshot, now: float) -> DiskSnapshot:
    state = MachineState.READY if snapshot.ready_at <= now else MachineState.CREATING
    return DiskSnapshot(snapshot.id, snapshot.token, snapshot.disk, snapshot.zone.region, snapshot.size_gb, state)
