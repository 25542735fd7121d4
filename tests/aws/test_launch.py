"""What EC2 is sent for a machine, and what becomes of its refusals."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from atoll.backends.aws import AwsBackend, AwsConfig
from atoll.backends.base import (
    AuthFailed,
    CapacityUnavailable,
    InvalidRequest,
    LaunchRequest,
    NotOffered,
    Tags,
    Unavailable,
)
from atoll.model.offer import Market
from atoll.model.zone import Zone
from tests.aws.conftest import Cloud
from tests.aws.front import Rule

A = Zone("aws", "us-east-1", "us-east-1a")


def request(token: str = "token-1", zone: Zone = A, market: Market = Market.ON_DEMAND, **more: Any) -> LaunchRequest:
    return LaunchRequest(zone, "m5.large", market, Tags("owner-1", token, "web-0"), **more)


@pytest.fixture
async def backend(cloud: Cloud, tmp_path: Path) -> AsyncIterator[AwsBackend]:
    backend = opened(cloud, tmp_path)
    yield backend
    await backend.close()


def opened(cloud: Cloud, folder: Path, **settings: Any) -> AwsBackend:
    return AwsBackend(folder, AwsConfig.from_mapping({**cloud.config, **settings}))


async def test_a_spot_machine_is_launched_with_its_price_ceiling(backend: AwsBackend, cloud: Cloud) -> None:
    machine = await backend.launch(request(market=Market.SPOT, max_price=0.05))
    assert machine.market is Market.SPOT
    [call] = cloud.front.made("RunInstances")
    assert call.params["InstanceMarketOptions.MarketType"] == "spot"
    assert call.params["InstanceMarketOptions.SpotOptions.MaxPrice"] == "0.050000"
    assert call.params["InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior"] == "terminate"


async def test_a_machine_has_an_encrypted_disk_of_the_requested_size_and_no_secret_but_its_own_host_key(
    backend: AwsBackend, cloud: Cloud, tmp_path: Path
) -> None:
    await backend.launch(request(disk_gb=250.5))
    [call] = cloud.front.made("RunInstances")
    disk = {key.rpartition(".")[2]: value for key, value in call.params.items() if ".Ebs." in key}
    assert disk == {"Encrypted": "true", "VolumeType": "gp3", "VolumeSize": "251", "DeleteOnTermination": "true"}
    assert call.params["MetadataOptions.HttpTokens"] == "required"
    user_data = base64.b64decode(call.params["UserData"]).decode()
    for line in (tmp_path / "id_ed25519").read_text().splitlines()[3:-1]:
        assert line not in user_data
    assert "not-a-secret-of-anything" not in user_data


async def test_the_security_group_admits_ssh_from_the_configured_networks_and_its_own_members_alone(
    cloud: Cloud, tmp_path: Path
) -> None:
    for group in cloud.client().describe_security_groups()["SecurityGroups"]:
        if group["GroupName"] == "atoll":
            cloud.client().delete_security_group(GroupId=group["GroupId"])
    backend = opened(cloud, tmp_path, ssh_sources=["192.0.2.7/32"])
    await backend.launch(request())
    await backend.close()
    [group] = [
        each for each in cloud.client().describe_security_groups()["SecurityGroups"] if each["GroupName"] == "atoll"
    ]
    ssh, members = sorted(group["IpPermissions"], key=lambda rule: rule["IpProtocol"], reverse=True)
    assert (ssh["IpProtocol"], ssh["FromPort"], ssh["ToPort"]) == ("tcp", 22, 22)
    assert [each["CidrIp"] for each in ssh["IpRanges"]] == ["192.0.2.7/32"]
    assert [pair["GroupId"] for pair in members["UserIdGroupPairs"]] == [group["GroupId"]]
    assert members["IpRanges"] == []


async def test_another_subnet_of_the_same_zone_is_tried_where_one_is_full(backend: AwsBackend, cloud: Cloud) -> None:
    client = cloud.client()
    network = client.describe_vpcs(VpcIds=[cloud.vpc])["Vpcs"][0]["CidrBlock"].rsplit(".", 2)[0]
    second = client.create_subnet(VpcId=cloud.vpc, CidrBlock=f"{network}.200.0/28", AvailabilityZone="us-east-1a")
    try:
        first = cloud.subnet("us-east-1a")
        full = Rule(
            "RunInstances",
            when=lambda call: call.params["NetworkInterface.1.SubnetId"] == first,
            error=("InsufficientFreeAddressesInSubnet", 400),
        )
        cloud.front.rules.append(full)
        machine = await backend.launch(request())
        assert machine.zone == A
        used = [call.params["NetworkInterface.1.SubnetId"] for call in cloud.front.made("RunInstances")]
        assert used == [first, second["Subnet"]["SubnetId"]]
        cloud.front.rules.insert(0, Rule("RunInstances", error=("InsufficientFreeAddressesInSubnet", 400)))
        with pytest.raises(CapacityUnavailable) as refused:
            await backend.launch(request("token-2"))
        assert refused.value.scope is not None
        assert (refused.value.scope.zone, refused.value.scope.instance_type) == ("us-east-1a", None)
    finally:
        cloud.clear()
        client.delete_subnet(SubnetId=second["Subnet"]["SubnetId"])


async def test_a_zone_without_a_subnet_is_refused_before_ec2_is_called(backend: AwsBackend, cloud: Cloud) -> None:
    with pytest.raises(NotOffered, match="has no subnet in us-east-1d"):
        await backend.launch(request(zone=Zone("aws", "us-east-1", "us-east-1d")))
    assert cloud.front.made("RunInstances") == []


async def test_a_token_that_launched_under_other_settings_returns_its_machine(
    backend: AwsBackend, cloud: Cloud, tmp_path: Path
) -> None:
    first = await backend.launch(request())
    other = opened(cloud, tmp_path, disk_size=200)
    assert (await other.launch(request())).id == first.id
    await other.close()
    assert len(cloud.instances()) == 1


async def test_a_launch_whose_outcome_is_unknown_is_sent_again_although_others_are_refused(
    backend: AwsBackend, cloud: Cloud
) -> None:
    cloud.front.rules.append(Rule("RunInstances", lost=True, times=1))
    with pytest.raises(Unavailable):
        await backend.launch(request())
    machine = await backend.launch(request())
    assert [each["InstanceId"] for each in cloud.instances()] == [machine.id]


async def test_a_role_with_an_external_id_is_assumed_and_its_refusal_hides_both(cloud: Cloud, tmp_path: Path) -> None:
    creds = dict(cloud.config["creds"]) | {
        "type": "role",
        "role_arn": "arn:aws:iam::123456789012:role/atoll",
        "external_id": "id-of-a-customer",
    }
    backend = opened(cloud, tmp_path, creds=creds)
    assert (await backend.launch(request())).zone == A
    await backend.close()
    [call] = cloud.front.made("AssumeRole")
    assert call.params["ExternalId"] == "id-of-a-customer"
    cloud.front.rules.append(Rule("AssumeRole", error=("AccessDenied", 403)))
    backend = opened(cloud, tmp_path, creds=creds)
    with pytest.raises(AuthFailed) as refused:
        await backend.launch(request("token-2"))
    assert "id-of-a-customer" not in str(refused.value)
    assert "sts:AssumeRole" in str(refused.value)
    await backend.close()


async def test_an_image_that_does_not_exist_is_a_wrong_request(cloud: Cloud, tmp_path: Path) -> None:
    backend = opened(cloud, tmp_path, os_images={"cpu": {"name": "no-such-image"}})
    with pytest.raises(InvalidRequest, match="us-east-1 has no image no-such-image: set `os_images`"):
        await backend.launch(request())
    await backend.close()
