"""Volumes, as a user sees them, on an emulated EC2 whose instances have real disks."""

from tests.aws.conftest import AwsPlace
from tests.aws.front import wait_until

NEEDS = "instance_types: [m5.large]\n"


def test_what_a_task_writes_to_a_volume_is_read_by_the_next_one_on_another_instance(place: AwsPlace) -> None:
    volume = place.write("data", "type: volume\nname: data\nbackend: aws\nregion: us-east-1\nsize: 1GB\n")
    place.ok("apply", "-y", "-f", volume)
    mounts = "volumes: [{name: data, path: /data}]\nidle_duration: 1s\n"
    first = place.task("write", "echo kept > /data/file", "df /data | tail -1", more=NEEDS + mounts)
    assert "/data" in place.ok("apply", "-y", "-f", first)
    wait_until(lambda: place.cloud.instances() == [], 60)
    [disk] = place.cloud.volumes()
    assert (disk["State"], disk["VolumeType"], disk["Encrypted"]) == ("available", "gp3", True)
    second = place.task("read", "cat /data/file", more=NEEDS + mounts)
    assert "kept" in place.ok("apply", "-y", "-f", second)
    launched = {call.params["ClientToken"] for call in place.cloud.front.made("RunInstances")}
    assert len(launched) == 2
    wait_until(lambda: place.cloud.instances() == [], 60)
    place.ok("delete", "-y", "-f", volume)
    wait_until(lambda: place.cloud.volumes() == [], 30)


def test_a_volume_and_a_fleet_of_different_zones_are_refused_in_the_plan_without_a_launch(place: AwsPlace) -> None:
    zone = "availability_zone: us-east-1b\n"
    volume = place.write("data", f"type: volume\nname: data\nbackend: aws\nregion: us-east-1\nsize: 1GB\n{zone}")
    place.ok("apply", "-y", "-f", volume)
    place.cloud.front.reset()
    task = place.task("read", "ls", more="availability_zones: [us-east-1a]\nvolumes: [{name: data, path: /data}]\n")
    refused = place("apply", "-y", "-f", task)
    assert refused.returncode != 0
    assert "us-east-1b" in refused.stdout + refused.stderr
    assert place.cloud.front.made("RunInstances", "AttachVolume") == []


def test_an_existing_volume_is_used_in_its_zone_and_is_not_deleted(place: AwsPlace) -> None:
    client = place.cloud.client()
    theirs = client.create_volume(AvailabilityZone="us-east-1b", Size=1, VolumeType="gp3")["VolumeId"]
    text = f"type: volume\nname: data\nbackend: aws\nvolume_id: {theirs}\n"
    refused = place("apply", "-y", "-f", place.write("wrong", text + "availability_zone: us-east-1a\n"))
    assert "is in us-east-1b, and not in us-east-1a" in refused.stdout + refused.stderr
    volume = place.write("data", text)
    assert "us-east-1b" in place.ok("apply", "-y", "-f", volume)
    assert [call.done for call in place.cloud.front.made("CreateVolume")] == []
    place.ok("delete", "-y", "-f", volume)
    assert [each["VolumeId"] for each in place.cloud.volumes()] == [theirs]
    assert place.cloud.front.made("DeleteVolume") == []
