"""EBS snapshots: the content of a volume at one time, from which volumes are created in any zone of the region."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from atoll.backends.aws.clients import Clients
from atoll.backends.aws.machines import OWNER, TOKEN, tag_list, tags_of
from atoll.backends.base import DiskSnapshot, InvalidRequest, MachineState, NotFound, Tags
from atoll.model.zone import Zone

EMPTY = "atoll-empty"
"""The tag of volumes that Atoll created without content, and of what is made of them: they alone get a file system."""

_ID = re.compile(r"snap-[0-9a-f]{8,17}")
_STATES = {"completed": MachineState.READY, "error": MachineState.GONE, "recoverable": MachineState.GONE}

Everywhere = Callable[[Callable[[str], Awaitable[list[DiskSnapshot]]]], Awaitable[list[list[DiskSnapshot]]]]
"""Searches all regions."""


class AwsSnapshots:
    """The snapshots of this account's volumes."""

    def __init__(self, clients: Clients, everywhere: Everywhere) -> None:
        self._clients = clients
        self._everywhere = everywhere
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def create(self, disk: str, zone: Zone, tags: Tags) -> DiskSnapshot:
        """Begin a snapshot. CreateSnapshot has no client token: the tag of an earlier call is searched first."""
        region = self._known(zone)
        async with self._locks[tags.token]:
            found = await self._search(region, TOKEN, tags.token)
            if found:
                return found[0]
            reply = await self._clients.call(region, "ec2", "describe_volumes", VolumeIds=[disk])
            if not reply["Volumes"]:
                raise NotFound(f"{region} has no volume {disk}")
            volume = reply["Volumes"][0]
            names = dict(self._clients.config.tags)
            if tags_of(volume).get(EMPTY) == "yes":
                names[EMPTY] = "yes"
            made = await self._clients.call(
                region,
                "ec2",
                "create_snapshot",
                VolumeId=disk,
                Description=f"{tags.name or tags.token}, by Atoll",
                TagSpecifications=[{"ResourceType": "snapshot", "Tags": tag_list(tags, names)}],
            )
            return _snapshot(region, made)

    async def describe(self, snapshot: str, zone: Zone) -> DiskSnapshot:
        """The snapshot as it is now. Raises NotFound."""
        return _snapshot(zone.region, await self.read(snapshot, zone))

    async def find(self, owner: str) -> tuple[DiskSnapshot, ...]:
        """The snapshots of an owner in all regions that answer."""
        found = await self._everywhere(lambda region: self._search(region, OWNER, owner))
        return tuple(snapshot for each in found for snapshot in each)

    async def delete(self, snapshot: str, zone: Zone) -> None:
        """Delete a snapshot; succeeds when it does not exist."""
        if not _ID.fullmatch(snapshot):
            return
        try:
            await self._clients.call(self._known(zone), "ec2", "delete_snapshot", SnapshotId=snapshot)
        except NotFound:
            return

    async def read(self, snapshot: str, zone: Zone) -> Any:
        """The snapshot as EC2 describes it. Raises NotFound."""
        region = self._known(zone)
        if not _ID.fullmatch(snapshot):
            raise NotFound(f"{snapshot!r} is not the id of an EBS snapshot")
        reply = await self._clients.call(region, "ec2", "describe_snapshots", SnapshotIds=[snapshot])
        if not reply["Snapshots"]:
            raise NotFound(f"{region} has no snapshot {snapshot}")
        return reply["Snapshots"][0]

    async def _search(self, region: str, tag: str, value: str) -> list[DiskSnapshot]:
        filters = [{"Name": f"tag:{tag}", "Values": [value]}]
        found = await self._clients.pages(
            region, "ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters
        )
        return [_snapshot(region, each) for each in found]

    def _known(self, zone: Zone) -> str:
        if zone.region not in self._clients.config.regions:
            raise InvalidRequest(f"the aws backend is not configured for region {zone.region}")
        return zone.region


def _snapshot(region: str, snapshot: Any) -> DiskSnapshot:
    return DiskSnapshot(
        snapshot["SnapshotId"],
        tags_of(snapshot).get(TOKEN, ""),
        snapshot["VolumeId"],
        region,
        float(snapshot["VolumeSize"]),
        _STATES.get(snapshot["State"], MachineState.CREATING),
        str(snapshot.get("StateMessage", "")),
    )
