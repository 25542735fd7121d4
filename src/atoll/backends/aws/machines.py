"""EC2 instances as machines."""

import math
from typing import Any

from atoll.backends.aws.clients import Clients
from atoll.backends.aws.errors import CODES, Subject
from atoll.backends.aws.groups import PlacementGroups
from atoll.backends.aws.images import Images
from atoll.backends.aws.looks import Looks
from atoll.backends.aws.market import RegionMarket
from atoll.backends.aws.network import SecurityGroups, Subnet, subnets_of
from atoll.backends.base import (
    CapacityUnavailable,
    InvalidRequest,
    LaunchRequest,
    Machine,
    MachineState,
    NotFound,
    Tags,
)
from atoll.backends.hosts.cloud_init import cloud_config
from atoll.backends.hosts.keys import Keys
from atoll.model.failure import FailureKind, MachineError, Scope
from atoll.model.offer import Market
from atoll.model.zone import Zone

OWNER, TOKEN = "atoll-owner", "atoll-token"
"""The tags by which machines and disks are found again."""

_STATES = {
    "pending": MachineState.CREATING,
    "running": MachineState.READY,
    "stopping": MachineState.READY,
    "stopped": MachineState.READY,
    "shutting-down": MachineState.DELETING,
    "terminated": MachineState.GONE,
}
_LIVE = [name for name, state in _STATES.items() if state is not MachineState.GONE]


def tag_list(tags: Tags, more: dict[str, str]) -> list[dict[str, str]]:
    """The tags of a resource: its owner and token, its name, and the configured ones."""
    values = {**more, "Name": tags.name or tags.token, OWNER: tags.owner, TOKEN: tags.token}
    return [{"Key": key, "Value": value} for key, value in values.items()]


class Machines:
    """Launches, describes and terminates instances. Addresses are given; endpoints are the hosts' affair."""

    def __init__(self, clients: Clients, keys: Keys) -> None:
        self._clients = clients
        self._keys = keys
        self._images = Images(clients)
        self._groups = SecurityGroups(clients)
        self._looks = Looks(clients)
        self._placement = PlacementGroups(clients)

    async def launch(self, request: LaunchRequest, market: RegionMarket) -> Machine:
        """One instance in one subnet of the zone; another subnet of the same zone where one is full."""
        subject = Subject(request.zone.region, request.zone, request.instance_type, request.market)
        subnets = subnets_of(await market.network.fresh(), subject)
        options = await self._options(request, market)
        for subnet in subnets:
            try:
                return await self._run(subnet, options, request, subject)
            except CapacityUnavailable as error:
                if error.scope is None or error.scope.instance_type is not None:
                    raise
        raise CapacityUnavailable(
            f"no subnet in {request.zone} has a free address", Scope("aws", subject.region, request.zone.name)
        )

    async def describe(self, machine: str, region: str) -> tuple[Machine, str]:
        """The instance, and the installation that owns it. Raises NotFound."""
        instance = await self._looks.look(machine, region)
        found = read_machine(region, instance)
        if found.state is MachineState.GONE:
            await self._placement.release(instance["Placement"].get("GroupName") or "", region)
        return found, tags_of(instance).get(OWNER, "")

    async def find(self, region: str, owner: str) -> list[Machine]:
        """All instances of an owner that are not terminated."""
        filters = [{"Name": f"tag:{OWNER}", "Values": [owner]}, {"Name": "instance-state-name", "Values": _LIVE}]
        return await self._search(region, filters)

    async def terminate(self, machine: str, region: str) -> None:
        """End an instance; succeeds when it is gone or unknown."""
        try:
            await self._clients.call(region, "ec2", "terminate_instances", InstanceIds=[machine])
        except NotFound:
            return

    def close(self) -> None:
        """Stop looks under way."""
        self._looks.close()

    async def _options(self, request: LaunchRequest, market: RegionMarket) -> dict[str, Any]:
        """What `RunInstances` gets, but for the subnet. The same request gives the same options."""
        config, region = self._clients.config, request.zone.region
        kind = await market.type_of(request.instance_type)
        image = await self._images.of(region, kind.type.arch, nvidia=kind.nvidia)
        size = math.ceil(max(request.disk_gb or config.disk_gb, image.root_gb))
        host_key = self._keys.host_key(request.tags.token)
        root = {"Encrypted": True, "VolumeType": "gp3", "VolumeSize": size, "DeleteOnTermination": True}
        more = dict(config.tags)
        options: dict[str, Any] = {
            "ImageId": image.id,
            "InstanceType": request.instance_type,
            "MinCount": 1,
            "MaxCount": 1,
            "ClientToken": request.tags.token,
            "UserData": cloud_config([self._keys.public, *config.authorized_keys], host_key),
            "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
            "BlockDeviceMappings": [{"DeviceName": image.root_device, "Ebs": root}],
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": tag_list(request.tags, more)},
                # The root disk bears no owner: it ends with its machine, and is no volume.
                {"ResourceType": "volume", "Tags": [
                    {"Key": key, "Value": value} for key, value in (more | {"Name": request.tags.name}).items() if value
                ] or [{"Key": "Name", "Value": request.tags.token}]},
            ],
        }  # fmt: skip
        if config.instance_profile:
            key = "Arn" if config.instance_profile.startswith("arn:") else "Name"
            options["IamInstanceProfile"] = {key: config.instance_profile}
        if request.market is Market.SPOT:
            spot = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
            if request.max_price is not None:
                spot["MaxPrice"] = f"{request.max_price:.6f}"
            options["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": spot}
        if request.group and kind.clusters:
            options["Placement"] = {"GroupName": await self._placement.of(request)}
        group = await self._groups.of(region, await market.network.fresh())
        options["NetworkInterfaces"] = [
            {"DeviceIndex": 0, "Groups": [group], "AssociatePublicIpAddress": config.public_ips}
        ]
        return options

    async def _run(self, subnet: Subnet, options: dict[str, Any], request: LaunchRequest, subject: Subject) -> Machine:
        interface = options["NetworkInterfaces"][0] | {"SubnetId": subnet.id}
        try:
            reply = await self._clients.call(
                subject.region, "ec2", "run_instances", subject, **options | {"NetworkInterfaces": [interface]}
            )
        except InvalidRequest as error:
            if not error.message.startswith("IdempotentParameterMismatch"):
                raise
            # The token was used before, for another subnet or an older image: its machine is the one that is meant.
            filters = [{"Name": "client-token", "Values": [request.tags.token]}]
            found = await self._search(subject.region, filters)
            if not found:
                raise
            return found[0]
        return read_machine(subject.region, reply["Instances"][0])

    async def _search(self, region: str, filters: list[dict[str, Any]]) -> list[Machine]:
        reservations = await self._clients.pages(region, "ec2", "describe_instances", "Reservations", Filters=filters)
        return [read_machine(region, each) for reservation in reservations for each in reservation["Instances"]]


def read_machine(region: str, instance: Any) -> Machine:
    """An instance as EC2 describes it; `running` is READY, whatever runs on it."""
    market = Market.SPOT if instance.get("InstanceLifecycle") == "spot" else Market.ON_DEMAND
    zone = Zone("aws", region, instance["Placement"]["AvailabilityZone"])
    name = instance["State"]["Name"]
    state = _STATES.get(name, MachineState.READY)
    reason = instance.get("StateReason") or {}
    ended = state in (MachineState.DELETING, MachineState.GONE)
    text = reason.get("Message", "") if ended else ("" if name in ("pending", "running") else f"the instance is {name}")
    return Machine(
        instance["InstanceId"],
        tags_of(instance).get(TOKEN, instance.get("ClientToken", "")),
        zone,
        instance["InstanceType"],
        market,
        state,
        reason=text,
        error=_given_up(reason, zone, instance["InstanceType"], market) if ended else None,
        address=instance.get("PrivateIpAddress") or None,
        public_address=instance.get("PublicIpAddress") or None,
    )


def _given_up(reason: Any, zone: Zone, instance_type: str, market: Market) -> MachineError | None:
    """Why EC2 ended an instance that it had accepted. Source: API reference, `StateReason`."""
    code = str(reason.get("Code", "")).partition(".")[2]
    if code in ("SpotInstanceTermination", "SpotInstanceShutdown"):
        scope = Scope("aws", zone.region, zone.name, instance_type, market)
        return MachineError(FailureKind.INTERRUPTED, str(reason.get("Message", code)), scope)
    if code not in ("InsufficientInstanceCapacity", "VolumeLimitExceeded"):
        return None
    kind, _ = CODES[code]
    scope = Scope("aws", zone.region, zone.name, instance_type, market)
    return MachineError(kind.kind, str(reason.get("Message", code)), scope)


def tags_of(instance: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
