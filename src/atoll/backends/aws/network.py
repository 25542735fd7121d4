"""Where machines are placed within a zone: the VPC, its subnets, and the security group."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atoll.backends.aws.clients import Clients
from atoll.backends.aws.errors import Subject
from atoll.backends.base import InvalidRequest, NotOffered, Unavailable
from atoll.model.failure import Scope

GROUP = "atoll"
SOURCE_URL = "https://checkip.amazonaws.com"
"""AWS's own service that returns the caller's public address."""
SOURCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet with its free addresses."""

    id: str
    zone: str
    free: int


@dataclass(frozen=True, slots=True)
class Network:
    """A region's VPC, and its usable subnets by the name of their zone, those with most free addresses first.

    `problem` says why the region has none.
    """

    vpc: str
    network: str
    subnets: Mapping[str, tuple[Subnet, ...]]
    problem: str = ""

    def why_not(self, zone: str) -> str:
        """Why no machine can be placed in a zone; empty: one can be."""
        if self.problem:
            return self.problem
        if zone not in self.subnets:
            return f"VPC {self.vpc} has no subnet in {zone}"
        return (
            "" if any(subnet.free > 0 for subnet in self.subnets[zone]) else f"no subnet in {zone} has a free address"
        )


async def read_network(clients: Clients, region: str) -> Network:
    """The region's VPC and subnets as they are now. Raises BackendError."""
    config = clients.config
    vpc, problem = await _vpc(clients, region)
    if vpc is None:
        return Network("", "", {}, problem)
    filters = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    filters += [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(config.subnet_tags.items())]
    found = await clients.pages(region, "ec2", "describe_subnets", "Subnets", Filters=filters)
    wanted = config.subnet_ids.get(region)
    by_zone: dict[str, list[Subnet]] = {}
    for subnet in found:
        if subnet.get("State", "available") == "available" and (wanted is None or subnet["SubnetId"] in wanted):
            zone = subnet["AvailabilityZone"]
            each = Subnet(subnet["SubnetId"], zone, int(subnet.get("AvailableIpAddressCount", 0)))
            by_zone.setdefault(zone, []).append(each)
    ordered = {zone: tuple(sorted(subnets, key=lambda one: (-one.free, one.id))) for zone, subnets in by_zone.items()}
    return Network(vpc["VpcId"], vpc.get("CidrBlock", ""), ordered)


async def _vpc(clients: Clients, region: str) -> tuple[Any, str]:
    config = clients.config
    if region in config.vpc_ids:
        wanted, filters = f"VPC {config.vpc_ids[region]}", [{"Name": "vpc-id", "Values": [config.vpc_ids[region]]}]
    elif config.vpc_name:
        wanted, filters = f"VPC named {config.vpc_name}", [{"Name": "tag:Name", "Values": [config.vpc_name]}]
    elif config.default_vpcs:
        wanted, filters = "default VPC", [{"Name": "is-default", "Values": ["true"]}]
    else:
        return None, f"`vpc_ids` names no VPC for {region}, and `default_vpcs` is false"
    found = await clients.pages(region, "ec2", "describe_vpcs", "Vpcs", Filters=filters)
    if not found:
        return None, f"{region} has no {wanted}"
    if len(found) > 1:
        return None, f"{region} has {len(found)} VPCs named {config.vpc_name}: name one in `vpc_ids`"
    return found[0], ""


class SecurityGroups:
    """The security group `atoll` of each VPC: SSH from the server alone, and anything between its own members."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._ids: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(self, region: str, network: Network) -> str:
        """The group's id; it is created and completed at the first use. Raises BackendError."""
        async with self._locks.setdefault(network.vpc, asyncio.Lock()):
            if network.vpc not in self._ids:
                self._ids[network.vpc] = await self._ensure(region, network)
            return self._ids[network.vpc]

    def forget(self, network: Network) -> None:
        """Look for the group again at the next use."""
        self._ids.pop(network.vpc, None)

    async def _ensure(self, region: str, network: Network) -> str:
        sources = await self._sources(network)
        group = await self._find(region, network.vpc)
        if group is None:
            try:
                await self._clients.call(
                    region,
                    "ec2",
                    "create_security_group",
                    GroupName=GROUP,
                    Description="Machines of Atoll: SSH from the server, anything between members",
                    VpcId=network.vpc,
                )
            except (InvalidRequest, Unavailable):
                group = await self._find(region, network.vpc)  # another server was first, or the reply was lost
                if group is None:
                    raise
            else:
                group = await self._find(region, network.vpc)
        if group is None:
            raise Unavailable(f"the security group {GROUP} of {network.vpc} cannot be found yet", Scope("aws", region))
        missing = _missing(group, sources)
        for rule in missing:
            try:
                await self._clients.call(
                    region, "ec2", "authorize_security_group_ingress", GroupId=group["GroupId"], IpPermissions=[rule]
                )
            except InvalidRequest as error:
                if not error.message.startswith("InvalidPermission.Duplicate"):
                    raise
        return str(group["GroupId"])

    async def _find(self, region: str, vpc: str) -> Any:
        filters = [{"Name": "group-name", "Values": [GROUP]}, {"Name": "vpc-id", "Values": [vpc]}]
        groups = await self._clients.pages(region, "ec2", "describe_security_groups", "SecurityGroups", Filters=filters)
        return groups[0] if groups else None

    async def _sources(self, network: Network) -> Sequence[str]:
        """The networks from which SSH is admitted: as configured, or the VPC's own, or this server's public address."""
        config = self._clients.config
        if config.ssh_sources:
            return config.ssh_sources
        if not config.public_ips:
            return [network.network]
        return [f"{await _public_address()}/32"]


async def _public_address() -> str:
    import httpx

    try:
        async with httpx.AsyncClient(timeout=SOURCE_SECONDS) as client:
            answer = await client.get(SOURCE_URL)
            address = answer.raise_for_status().text.strip()
    except httpx.HTTPError as error:
        raise InvalidRequest(
            f"{SOURCE_URL} does not say this server's public address: set `ssh_sources` of the aws backend"
        ) from error
    if not all(part.isdigit() for part in address.split(".")) or address.count(".") != 3:
        raise InvalidRequest(f"{SOURCE_URL} returned no IPv4 address: set `ssh_sources` of the aws backend")
    return address


def _missing(group: Any, sources: Sequence[str]) -> list[dict[str, Any]]:
    """The rules that the group lacks."""
    ssh, members = set(), False
    for rule in group.get("IpPermissions", []):
        if rule.get("FromPort") == 22 and rule.get("ToPort") == 22:
            ssh |= {each["CidrIp"] for each in rule.get("IpRanges", [])}
            ssh |= {each["CidrIpv6"] for each in rule.get("Ipv6Ranges", [])}
        members |= any(pair.get("GroupId") == group["GroupId"] for pair in rule.get("UserIdGroupPairs", []))
    rules: list[dict[str, Any]] = []
    for source in sources:
        if source not in ssh:
            key, field = ("Ipv6Ranges", "CidrIpv6") if ":" in source else ("IpRanges", "CidrIp")
            rules.append({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                          key: [{field: source, "Description": "SSH from the Atoll server"}]})  # fmt: skip
    if not members:
        rules.append({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group["GroupId"]}]})
    return rules


def subnets_of(network: Network, subject: Subject) -> tuple[Subnet, ...]:
    """The subnets of the subject's zone, the emptiest first. Raises NotOffered where it has none."""
    assert subject.zone is not None
    subnets = network.subnets.get(subject.zone.name, ())
    if network.problem or not subnets:
        raise NotOffered(network.why_not(subject.zone.name), Scope("aws", subject.region, subject.zone.name))
    return subnets
