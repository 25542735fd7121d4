"""What the account lacks: each action that Atoll needs is tried, those that would change something as a dry run."""

import asyncio
from collections.abc import Mapping
from typing import Any

from atoll.backends.aws.clients import Clients
from atoll.backends.aws.images import Images
from atoll.backends.aws.network import GROUP, Network, read_network
from atoll.backends.aws.permissions import ACTIONS
from atoll.backends.aws.prices import LINUX, price_filters
from atoll.backends.base import AuthFailed, BackendError, Finding, Unavailable

_NO_VOLUME, _NO_SNAPSHOT = "vol-00000000000000000", "snap-00000000000000000"
_NO_INSTANCE, _NO_GROUP = "i-00000000000000000", "sg-00000000000000000"
"""Ids of nothing: AWS checks the permission before it looks for them."""
_DENIED = ("UnauthorizedOperation", "AccessDenied", "NotAuthorized")
"""Credentials that are good, and lack the permission."""

_Call = tuple[str, str]

_CALLS: Mapping[_Call, Mapping[str, Any]] = {
    ("ec2", "describe_instance_types"): {"MaxResults": 5},
    ("ec2", "describe_instance_type_offerings"): {"MaxResults": 5},
    ("ec2", "describe_spot_price_history"): {"MaxResults": 5, "ProductDescriptions": [LINUX]},
    ("ec2", "describe_security_groups"): {"MaxResults": 5},
    ("ec2", "describe_instances"): {"MaxResults": 5},
    ("ec2", "describe_volumes"): {"MaxResults": 5},
    ("ec2", "describe_snapshots"): {"OwnerIds": ["self"], "MaxResults": 5},
    ("ec2", "create_snapshot"): {"VolumeId": _NO_VOLUME, "DryRun": True},
    ("ec2", "delete_snapshot"): {"SnapshotId": _NO_SNAPSHOT, "DryRun": True},
    ("service-quotas", "list_service_quotas"): {"ServiceCode": "ec2", "MaxResults": 1},
    ("ec2", "authorize_security_group_ingress"): {"GroupId": _NO_GROUP, "IpPermissions": [], "DryRun": True},
    ("ec2", "terminate_instances"): {"InstanceIds": [_NO_INSTANCE], "DryRun": True},
    ("ec2", "create_placement_group"): {"GroupName": f"{GROUP}-check", "Strategy": "cluster", "DryRun": True},
    ("ec2", "delete_placement_group"): {"GroupName": f"{GROUP}-check", "DryRun": True},
    ("ec2", "delete_volume"): {"VolumeId": _NO_VOLUME, "DryRun": True},
    ("ec2", "attach_volume"): {
        "VolumeId": _NO_VOLUME, "InstanceId": _NO_INSTANCE, "Device": "/dev/sdf", "DryRun": True,
    },
    ("ec2", "detach_volume"): {"VolumeId": _NO_VOLUME, "InstanceId": _NO_INSTANCE, "DryRun": True},
}  # fmt: skip
"""The calls that need nothing of the region."""


class AwsChecks:
    """Checks every configured region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def run(self) -> tuple[Finding, ...]:
        """The findings of all regions, in the order of the configuration."""
        found = await asyncio.gather(*(_Region(self._clients, region).run() for region in self._clients.config.regions))
        return tuple(finding for findings in found for finding in findings)


class _Region:
    """The check of one region: `findings` grows with what lacks."""

    def __init__(self, clients: Clients, region: str) -> None:
        self._clients = clients
        self._region = region
        self.findings: list[Finding] = []

    async def run(self) -> list[Finding]:
        """All findings; one that says so where nothing required lacks."""
        error = await self._try(("ec2", "describe_availability_zones"), {})
        if isinstance(error, Unavailable) or (isinstance(error, AuthFailed) and not _denied(error)):
            return self.findings  # no answer, or wrong credentials: every other call would say the same
        network = await self._network()
        products = {"ServiceCode": "AmazonEC2", "Filters": price_filters(self._region), "MaxResults": 1}
        for call, params in {**_CALLS, ("pricing", "get_products"): products}.items():
            await self._try(call, params)
        image = await self._image()
        if network is not None:
            await self._creations(network, image)
        if network is not None and not any(finding.required for finding in self.findings):
            zones = ", ".join(sorted(network.subnets))
            self.findings.append(Finding(self._region, f"ready; zones with subnets: {zones}", False, True))
        return self.findings

    async def _creations(self, network: Network, image: str) -> None:
        """What creates something, as dry runs in the region's network."""
        group = {"GroupName": f"{GROUP}-check", "Description": "check", "VpcId": network.vpc, "DryRun": True}
        await self._try(("ec2", "create_security_group"), group)
        zone = min(network.subnets)
        await self._try(("ec2", "create_volume"), {"AvailabilityZone": zone, "Size": 1, "DryRun": True})
        launch = {"ImageId": image, "InstanceType": "t3.micro", "SubnetId": network.subnets[zone][0].id}
        if image:
            await self._try(("ec2", "run_instances"), {**launch, "MinCount": 1, "MaxCount": 1, "DryRun": True})

    async def _network(self) -> Network | None:
        """The network; None where it cannot be read or no machine can be placed in it."""
        try:
            network = await read_network(self._clients, self._region)
        except BackendError as error:
            call = ("ec2", "describe_subnets" if "DescribeSubnets" in error.message else "describe_vpcs")
            self._add(call, error)
            return None
        if network.problem or not network.subnets:
            text = network.problem or f"VPC {network.vpc} has no usable subnet"
            self.findings.append(Finding(self._region, text))
            return None
        return network

    async def _image(self) -> str:
        try:
            return (await Images(self._clients).of(self._region, "x86", nvidia=False)).id
        except BackendError as error:
            call = ("ssm", "get_parameters") if "ssm:" in error.message else ("ec2", "describe_images")
            self._add(call, error)
            return ""

    async def _try(self, call: _Call, params: Mapping[str, Any]) -> BackendError | None:
        """Make a call. A refusal of its arguments, or of a dry run, shows that it is permitted."""
        try:
            await self._clients.call(self._region, *call, **params)
        except (AuthFailed, Unavailable) as error:
            self._add(call, error)
            return error
        except BackendError:
            return None
        return None

    def _add(self, call: _Call, error: BackendError) -> None:
        action = ACTIONS[call]
        text = f"{action.name} is not permitted (for {action.purpose})" if _denied(error) else error.message
        self.findings.append(Finding(self._region, text, action.required))


def _denied(error: BackendError) -> bool:
    return isinstance(error, AuthFailed) and any(code in error.message for code in _DENIED)
