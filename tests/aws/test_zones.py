"""What dstack does wrong about zones, done right, with EC2's calls counted."""

import pytest

from tests.aws.conftest import AwsPlace
from tests.aws.front import Call, Rule, wait_until

DRY = ("InsufficientInstanceCapacity", 500)


def dry(place: AwsPlace, *zones: str) -> Rule:
    """No capacity in these zones."""
    subnets = {place.cloud.subnet(zone) for zone in zones}

    def there(call: Call) -> bool:
        return call.params.get("NetworkInterface.1.SubnetId") in subnets

    return Rule("RunInstances", when=there, error=DRY)


def launches(place: AwsPlace) -> list[Call]:
    return place.cloud.front.made("RunInstances")


def in_zones(place: AwsPlace) -> list[str]:
    return sorted(each["Placement"]["AvailabilityZone"][-1] for each in place.cloud.instances())


def volume(place: AwsPlace, name: str, zone: str) -> None:
    """A volume in a zone."""
    where = f"region: us-east-1\navailability_zone: {zone}\n"
    place.ok("apply", "-y", "-f", place.write(name, f"type: volume\nname: {name}\nbackend: aws\n{where}size: 1GB\n"))


def test_two_dry_zones_and_three_nodes_cost_at_most_two_refused_launches(place: AwsPlace) -> None:
    place.cloud.front.rules.append(dry(place, "us-east-1a", "us-east-1b"))
    place.ok("apply", "-y", "-d", "-f", place.fleet("web", 3))
    wait_until(lambda: len(place.cloud.instances()) == 3, 60)
    assert in_zones(place) == ["c", "c", "c"]
    refused = [call for call in launches(place) if call.done != "passed"]
    assert len(refused) <= 2
    assert len(launches(place)) <= 5


@pytest.mark.long
def test_where_every_zone_is_dry_each_type_and_zone_is_tried_once(place: AwsPlace) -> None:
    place.cloud.front.rules.append(Rule("RunInstances", error=DRY))
    types = "instance_types: [m5.large, m5.xlarge, c5.2xlarge]\n"
    place.ok("apply", "-y", "-d", "-f", place.write("dry", f"type: fleet\nname: dry\nnodes: 1\n{types}"))
    wait_until(lambda: "waits" in place.ok("fleet"), 60)
    tried = [(call.params["InstanceType"], call.params["NetworkInterface.1.SubnetId"]) for call in launches(place)]
    assert len(tried) <= 12
    assert len(tried) == len(set(tried))


@pytest.mark.long
def test_four_spread_nodes_are_over_all_zones(place: AwsPlace) -> None:
    place.ok("apply", "-y", "-d", "-f", place.fleet("web", 4, "placement: {strategy: spread}\n"))
    wait_until(lambda: len(place.cloud.instances()) == 4, 60)
    zones = in_zones(place)
    assert {zones.count(each) for each in "abc"} == {1, 2}


def test_a_zone_id_is_a_zone(place: AwsPlace) -> None:
    place.ok("apply", "-y", "-d", "-f", place.fleet("web", 1, "availability_zones: [use1-az1]\n"))
    wait_until(lambda: len(place.cloud.instances()) == 1, 60)
    [instance] = place.cloud.instances()
    zones = place.cloud.client().describe_availability_zones()["AvailabilityZones"]
    assert [each["ZoneName"] for each in zones if each["ZoneId"] == "use1-az1"] == [
        instance["Placement"]["AvailabilityZone"]
    ]


@pytest.mark.parametrize("named", ["us-east-1zz", "us-east-1b, us-east-1zz"])
def test_an_unknown_zone_is_an_error_without_a_launch(place: AwsPlace, named: str) -> None:
    refused = place("apply", "-y", "-f", place.fleet("web", 1, f"availability_zones: [{named}]\n"))
    assert refused.returncode != 0
    assert "us-east-1zz" in refused.stderr
    assert launches(place) == []


def test_two_mounts_in_two_zones_are_refused_without_a_launch(place: AwsPlace) -> None:
    volume(place, "one", "us-east-1a")
    volume(place, "two", "us-east-1b")
    mounts = "volumes: [{name: one, path: /one}, {name: two, path: /two}]\n"
    refused = place("apply", "-y", "-f", place.task("both", "ls", more=mounts))
    assert refused.returncode != 0
    assert "us-east-1a" in refused.stdout + refused.stderr
    assert launches(place) == []


@pytest.mark.long
def test_of_two_volumes_for_one_mount_the_one_whose_zone_has_capacity_is_used(place: AwsPlace) -> None:
    volume(place, "one", "us-east-1a")
    volume(place, "two", "us-east-1c")
    place.cloud.front.rules.append(dry(place, "us-east-1a"))
    mounts = "retry: true\nvolumes: [{name: [one, two], path: /data}]\n"
    done = place.ok("apply", "-y", "-f", place.task("either", "echo written > /data/x", "cat /data/x", more=mounts))
    assert "written" in done
    assert in_zones(place) == ["c"]
    assert len([call for call in launches(place) if call.done != "passed"]) <= 1
