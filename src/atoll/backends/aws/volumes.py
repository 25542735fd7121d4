"""EBS volumes as disks: attached through EC2, then given a file system where they are new, and mounted on the host."""

import asyncio
import math
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from atoll.backends.aws.clients import Clients
from atoll.backends.aws.errors import Subject
from atoll.backends.aws.machines import OWNER, TOKEN, tag_list, tags_of
from atoll.backends.aws.snapshots import EMPTY, AwsSnapshots
from atoll.backends.aws.types import AwsType
from atoll.backends.base import (
    AttachedDisk,
    Disk,
    DiskRequest,
    InvalidRequest,
    MachineState,
    NotFound,
    Unavailable,
    ZoneMismatch,
)
from atoll.backends.hosts import disks
from atoll.backends.hosts.host import SshHost
from atoll.model.failure import Resource, Scope
from atoll.model.zone import Zone
from atoll.tunnels.stream import TunnelError

DETACH_LOOKS, LOOK_SECONDS = 40, 0.5
"""How often a detach looks whether EC2 has done it, and the pause between two looks."""

_STATES = {"creating": MachineState.CREATING, "deleting": MachineState.DELETING, "error": MachineState.GONE}
_DEVICES = tuple(f"/dev/sd{letter}" for letter in "fghijklmnop")
"""Source: Amazon EC2 user guide, "Device names for volumes": those recommended for EBS."""
_ID = re.compile(r"vol-[0-9a-f]{8,17}")

HostOf = Callable[[str, Zone], Awaitable[SshHost | None]]
"""The host of an instance, connected where it runs; None where it does not run any more. Raises NotFound."""
TypeOf = Callable[[str, Zone], Awaitable[AwsType]]
"""What is known of an instance type, by its name and a zone."""
Everywhere = Callable[[Callable[[str], Awaitable[list[Disk]]]], Awaitable[list[list[Disk]]]]
"""Searches all regions."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a new volume is made of; a `blank` one gets a file system where it is empty."""

    blank: bool
    options: Mapping[str, Any] = field(default_factory=dict)


class AwsVolumes:
    """EBS volumes; each serves one instance at a time."""

    def __init__(
        self, clients: Clients, snapshots: AwsSnapshots, host_of: HostOf, type_of: TypeOf, everywhere: Everywhere
    ) -> None:
        self._clients = clients
        self._snapshots = snapshots
        self._host_of = host_of
        self._type_of = type_of
        self._everywhere = everywhere
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def create(self, request: DiskRequest) -> Disk:
        """Create an encrypted volume in the zone, empty or of a snapshot; the same token returns the same volume."""
        region = self._known(request.zone)
        if request.size_gb <= 0:
            raise InvalidRequest(f"a volume of {request.size_gb:g} GB cannot be created")
        config, subject = self._clients.config, Subject(region, request.zone, resource=Resource.VOLUME)
        origin = await self._origin(request)
        names = {**config.tags, EMPTY: "yes"} if origin.blank else dict(config.tags)
        tags = tag_list(request.tags, names)
        try:
            reply = await self._clients.call(
                region,
                "ec2",
                "create_volume",
                subject,
                AvailabilityZone=request.zone.name,
                Size=math.ceil(request.size_gb),
                Encrypted=True,
                ClientToken=request.tags.token,
                TagSpecifications=[{"ResourceType": "volume", "Tags": tags}],
                **config.volume_options,
                **origin.options,
            )
        except InvalidRequest as error:
            if not error.message.startswith("IdempotentParameterMismatch"):
                raise
            found = await self._search(region, [{"Name": f"tag:{TOKEN}", "Values": [request.tags.token]}])
            if not found:
                raise
            return found[0]
        return _disk(region, reply)

    async def describe(self, disk: str, zone: Zone) -> Disk:
        """The volume as it is now. Raises NotFound."""
        found = await self._volume(disk, zone)
        return _disk(zone.region, found)

    async def look_up(self, disk: str, region: str | None) -> Disk:
        """The volume of this id, in one region or in whichever has it. Raises NotFound."""
        if not _ID.fullmatch(disk):
            raise NotFound(f"{disk!r} is not the id of an EBS volume")
        filters = [{"Name": "volume-id", "Values": [disk]}]
        if region is not None:
            found = await self._search(self._known(Zone("aws", region, "")), filters)
        else:
            answers = await self._everywhere(lambda one: self._search(one, filters))
            found = [each for answer in answers for each in answer]
        if not found:
            raise NotFound(f"{region} has no volume {disk}" if region else f"no configured region has volume {disk}")
        return found[0]

    async def find(self, owner: str) -> tuple[Disk, ...]:
        """The volumes of an owner in all regions that answer."""
        filters = [{"Name": f"tag:{OWNER}", "Values": [owner]}]
        found = await self._everywhere(lambda region: self._search(region, filters))
        return tuple(disk for each in found for disk in each)

    async def delete(self, disk: str, zone: Zone) -> None:
        """Delete a volume and its data; succeeds when it does not exist. Raises InvalidRequest while it is attached."""
        if not _ID.fullmatch(disk):
            return
        try:
            await self._clients.call(self._known(zone), "ec2", "delete_volume", VolumeId=disk)
        except NotFound:
            return

    async def attach(self, disk: str, machine: str, zone: Zone) -> AttachedDisk:
        """Attach a volume to an instance of its zone and mount it there; `source` is the folder.

        A file system is made on a volume that Atoll created and that is still empty. Raises Unavailable while the
        instance cannot be reached.
        """
        async with self._locks[machine]:
            volume = await self._volume(disk, zone)
            instance = await self._instance(machine, zone)
            _same_zone(volume, instance, zone)
            host = await self._host_of(machine, zone)
            if host is None:
                raise NotFound(f"{machine} does not run")
            device = await self._attached(volume, instance, zone)
            link = device.replace("/dev/sd", "/dev/xvd")
            if (await self._type_of(instance["InstanceType"], zone)).nvme:
                link = f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{disk.replace('-', '')}"
            make = tags_of(volume).get(EMPTY) == "yes"
            try:
                path = await disks.mount(host.link, link, disk, make=make)
            except TunnelError as error:
                raise _unusable(error, zone) from error
            return AttachedDisk(disk, machine, path)

    async def detach(self, disk: str, machine: str, zone: Zone) -> None:
        """Unmount a volume and detach it; succeeds when it is not attached to the instance.

        Raises Unavailable while the instance runs and cannot be reached: a mounted volume is never pulled away.
        """
        async with self._locks[machine]:
            try:
                volume = await self._volume(disk, zone)
                if machine not in _holders(volume):
                    return
                host = await self._host_of(machine, zone)
            except NotFound:
                return
            if host is not None:
                try:
                    await disks.unmount(host.link, disk)
                except TunnelError as error:
                    raise Unavailable(error.message, Scope("aws", zone.region, zone.name, machine)) from error
            try:
                await self._clients.call(zone.region, "ec2", "detach_volume", VolumeId=disk, InstanceId=machine)
            except (NotFound, InvalidRequest):
                if machine in _holders(await self._volume(disk, zone)):
                    raise
            await self._until_free(disk, machine, zone)

    async def _origin(self, request: DiskRequest) -> "_Origin":
        """What a new volume is made of. Raises NotFound, InvalidRequest for a snapshot that cannot be used."""
        if not request.snapshot:
            return _Origin(blank=True)
        snapshot = await self._snapshots.read(request.snapshot, request.zone)
        if snapshot["State"] != "completed":
            raise InvalidRequest(f"{request.snapshot} is {snapshot['State']}: no volume can be created from it")
        return _Origin(tags_of(snapshot).get(EMPTY) == "yes", {"SnapshotId": request.snapshot})

    async def _attached(self, volume: Any, instance: Any, zone: Zone) -> str:
        """The device under which EC2 has attached the volume to the instance, now or before."""
        disk, machine, holders = volume["VolumeId"], instance["InstanceId"], _holders(volume)
        if machine in holders:
            return holders[machine]
        if holders:
            raise InvalidRequest(f"{disk} is attached to {', '.join(holders)}")
        if volume["State"] == "creating":
            raise Unavailable(f"{disk} is being created", Scope("aws", zone.region, zone.name, disk))
        used = {mapping["DeviceName"] for mapping in instance.get("BlockDeviceMappings", [])}
        free = [device for device in _DEVICES if device not in used]
        if not free:
            raise InvalidRequest(f"{machine} has {len(_DEVICES)} volumes attached, and takes no more")
        await self._clients.call(zone.region, "ec2", "attach_volume", VolumeId=disk, InstanceId=machine, Device=free[0])
        return free[0]

    async def _until_free(self, disk: str, machine: str, zone: Zone) -> None:
        for _ in range(DETACH_LOOKS):
            try:
                if machine not in _holders(await self._volume(disk, zone)):
                    return
            except NotFound:
                return
            await asyncio.sleep(LOOK_SECONDS)
        text = f"{disk} is still being detached from {machine}"
        raise Unavailable(text, Scope("aws", zone.region, zone.name, disk))

    async def _volume(self, disk: str, zone: Zone) -> Any:
        region = self._known(zone)
        if not _ID.fullmatch(disk):
            raise NotFound(f"{disk!r} is not the id of an EBS volume")
        reply = await self._clients.call(region, "ec2", "describe_volumes", VolumeIds=[disk])
        if not reply["Volumes"]:
            raise NotFound(f"{region} has no volume {disk}")
        return reply["Volumes"][0]

    async def _instance(self, machine: str, zone: Zone) -> Any:
        reply = await self._clients.call(zone.region, "ec2", "describe_instances", InstanceIds=[machine])
        for reservation in reply["Reservations"]:
            for instance in reservation["Instances"]:
                if instance["State"]["Name"] not in ("shutting-down", "terminated"):
                    return instance
        raise NotFound(f"{machine} does not run")

    async def _search(self, region: str, filters: list[dict[str, Any]]) -> list[Disk]:
        found = await self._clients.pages(region, "ec2", "describe_volumes", "Volumes", Filters=filters)
        return [_disk(region, volume) for volume in found if volume["State"] != "deleted"]

    def _known(self, zone: Zone) -> str:
        if zone.region not in self._clients.config.regions:
            raise InvalidRequest(f"the aws backend is not configured for region {zone.region}")
        return zone.region


def _same_zone(volume: Any, instance: Any, zone: Zone) -> None:
    where = {
        volume["VolumeId"]: volume["AvailabilityZone"],
        instance["InstanceId"]: instance["Placement"]["AvailabilityZone"],
    }
    for name, actual in where.items():
        if actual != zone.name:
            raise ZoneMismatch(f"{name} is in {actual} and not in {zone}")


def _disk(region: str, volume: Any) -> Disk:
    return Disk(
        volume["VolumeId"],
        tags_of(volume).get(TOKEN, ""),
        Zone("aws", region, volume["AvailabilityZone"]),
        float(volume["Size"]),
        _STATES.get(volume["State"], MachineState.READY),
        tuple(_holders(volume)),
    )


def _holders(volume: Any) -> dict[str, str]:
    """The instances that hold a volume, each with its device."""
    ties = volume.get("Attachments", [])
    return {tie["InstanceId"]: tie.get("Device", "") for tie in ties if tie.get("State") != "detached"}


def _unusable(error: TunnelError, zone: Zone) -> InvalidRequest | Unavailable:
    """A host that cannot be reached may be reached later; what is on the disk does not change by itself."""
    return InvalidRequest(error.message) if error.permanent else Unavailable(error.message, Scope("aws", zone.region))
