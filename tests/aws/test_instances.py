"""Instances, as a user sees them: the command line, a server, and an emulated EC2 whose instances are real hosts."""

import pytest

from tests.aws.conftest import AwsPlace
from tests.aws.front import Rule, wait_until


def test_a_spread_fleet_runs_a_task_to_its_last_line_and_leaves_nothing(place: AwsPlace) -> None:
    fleet = place.fleet("web", 3, "placement: {strategy: spread}\n")
    place.ok("apply", "-y", "-f", fleet)
    instances = place.cloud.instances()
    assert sorted(each["Placement"]["AvailabilityZone"] for each in instances) == place.cloud.zones
    for each in instances:
        assert each["MetadataOptions"]["HttpTokens"] == "required"
        assert {tag["Key"] for tag in each["Tags"]} >= {"Name", "atoll-owner", "atoll-token"}
    done = place.ok("apply", "-y", "-f", place.task("hello", "echo on $(hostname)", "echo the last line"))
    assert "the last line" in done
    place.ok("delete", "-y", "-f", fleet)
    wait_until(lambda: place.cloud.instances() == [], 30)
    assert place.cloud.volumes() == []
    assert "not-a-secret-of-anything" not in (place.home / "server.log").read_text()


def test_offers_have_zones_prices_and_quotas_answered_by_the_tests_own_handler(place: AwsPlace) -> None:
    lines = [line.split() for line in place.ok("offer", "--backend", "aws", "--on-demand").splitlines()]
    offers = {(line[0], line[2]): " ".join(line[5:]) for line in lines if line[0].startswith("us-east-1")}
    assert "$0.096 available" in offers["us-east-1a", "m5.large"]
    assert "VPC" in offers["us-east-1d", "m5.large"]
    assert "has no subnet in us-east-1d" in offers["us-east-1d", "m5.large"]
    assert "not available" in offers["us-east-1a", "g4dn.xlarge"]


@pytest.mark.long  # a server of its own and a machine of the emulator
def test_offers_whose_prices_cannot_be_read_are_listed_last_and_launched(place: AwsPlace) -> None:
    place.cloud.front.rules.append(Rule("GetProducts", error=("AccessDenied", 400), times=None))
    shown = place.ok("offer", "--backend", "aws", "--on-demand")
    assert "unknown" in next(line for line in shown.splitlines() if "us-east-1a" in line and "m5.large" in line)
    assert "note: aws us-east-1: prices unknown" in shown
    fleet = place.fleet("unpriced", 1)
    assert "price unknown" in place.ok("apply", "-y", "-f", fleet)
    place.ok("delete", "-y", "-f", fleet)


def test_credentials_that_aws_refuses_are_reported_without_the_secret(place: AwsPlace) -> None:
    place.cloud.front.rules.append(Rule(error=("AuthFailure", 401)))
    offers = place("offer")
    text = offers.stdout + offers.stderr + (place.home / "server.log").read_text()
    assert "AuthFailure" in text
    assert "not-a-secret-of-anything" not in text


@pytest.mark.long
def test_a_cluster_is_in_one_placement_group_of_one_zone_which_ends_with_it(place: AwsPlace) -> None:
    fleet = place.fleet("mesh", 2, "placement: cluster\n")
    place.ok("apply", "-y", "-f", fleet)
    where = {
        (each["Placement"]["AvailabilityZone"], each["Placement"]["GroupName"]) for each in place.cloud.instances()
    }
    [(zone, group)] = where
    assert group.startswith("atoll-")
    assert group.endswith(zone)
    place.ok("delete", "-y", "-f", fleet)
    wait_until(lambda: place.cloud.instances() == [], 30)
    wait_until(lambda: place.cloud.client().describe_placement_groups()["PlacementGroups"] == [], 30)


@pytest.mark.long
def test_a_server_that_was_started_again_reaches_its_machines(place: AwsPlace) -> None:
    fleet = place.fleet("web", 1, "idle_duration: off\n")
    place.ok("apply", "-y", "-f", fleet)
    [instance] = place.cloud.instances()
    place.ok("server", "stop")
    place.ok("server", "start")
    done = place.ok("apply", "-y", "-f", place.task("hello", "echo again", more="creation_policy: reuse\n"))
    assert "again" in done
    assert [each["InstanceId"] for each in place.cloud.instances()] == [instance["InstanceId"]]


@pytest.mark.long  # two machines of the emulator, one after the other
def test_a_spot_task_is_stopped_and_moved_to_another_zone_before_its_interrupted_machine_goes(place: AwsPlace) -> None:
    more = "spot_policy: spot\ninstance_types: [m5.large]\nretry: {on_events: [interruption]}\n"
    script = "trap 'echo stopped by a signal; exit 1' TERM; echo began on $(hostname); sleep 600 & wait"
    place.ok("apply", "-y", "-d", "-f", place.task("long", script, more=more))
    wait_until(lambda: "began on" in place("logs", "long").stdout, 60)
    [first] = place.cloud.instances()
    place.cloud.body("interrupt", first["InstanceId"], "--seconds", "120")
    wait_until(lambda: {each["InstanceId"] for each in place.cloud.instances()} - {first["InstanceId"]} != set(), 60)
    wait_until(lambda: "interrupted" in place.ok("event", "--last", "50"), 30)
    successors = [each for each in place.cloud.instances() if each["InstanceId"] != first["InstanceId"]]
    assert {each["Placement"]["AvailabilityZone"] for each in successors} != {first["Placement"]["AvailabilityZone"]}
    client = place.cloud.client()
    [asked] = client.describe_instances(InstanceIds=[first["InstanceId"]])["Reservations"]
    assert asked["Instances"][0]["StateReason"]["Code"] != "Server.SpotInstanceTermination", "ended before EC2 did it"
    assert "takes the machine back at" in place.ok("event", "--last", "50")
    wait_until(lambda: "stopped by a signal" in place("logs", "long", "--attempt", "1").stdout, 60)


@pytest.mark.long
def test_an_instance_that_ends_by_itself_is_replaced_with_the_reason(place: AwsPlace) -> None:
    fleet = place.fleet("web", 1, "idle_duration: off\n")
    place.ok("apply", "-y", "-f", fleet)
    [instance] = place.cloud.instances()
    place.cloud.body("interrupt", instance["InstanceId"], "--seconds", "1")
    wait_until(lambda: {each["InstanceId"] for each in place.cloud.instances()} - {instance["InstanceId"]} != set(), 90)
    assert "Spot" in place.ok("event", "--last", "50")
