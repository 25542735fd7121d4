"""Lost replies and silent regions: nothing twice, nothing lost, and no other region is slowed."""

import time

import pytest

from tests.aws.conftest import AwsPlace
from tests.aws.front import Rule, wait_until

MUTATING = (
    "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RunInstances", "TerminateInstances", "CreateVolume",
    "AttachVolume", "DetachVolume", "DeleteVolume",
)  # fmt: skip


@pytest.mark.long
def test_a_lost_reply_to_each_mutating_call_makes_nothing_twice_and_leaves_nothing(place: AwsPlace) -> None:
    group = [each["GroupId"] for each in place.cloud.client().describe_security_groups()["SecurityGroups"]
             if each["GroupName"] == "atoll"]  # fmt: skip
    for each in group:
        place.cloud.client().delete_security_group(GroupId=each)
    place.cloud.front.rules += [Rule(operation, lost=True, times=1) for operation in MUTATING]
    volume = place.write("data", "type: volume\nname: data\nbackend: aws\nregion: us-east-1\nsize: 1GB\n")
    place.ok("apply", "-y", "-f", volume)
    mounts = "instance_types: [m5.large]\nvolumes: [{name: data, path: /data}]\nidle_duration: 1s\n"
    assert "kept" in place.ok("apply", "-y", "-f", place.task("job", "echo kept > /data/x; cat /data/x", more=mounts))
    every = place.cloud.client().describe_instances()["Reservations"]
    tokens = {call.params["ClientToken"] for call in place.cloud.front.made("RunInstances")}
    made = [each for reservation in every for each in reservation["Instances"]
            if each["ClientToken"].rpartition(".")[0] in tokens]  # fmt: skip
    assert len(made) == len(tokens) == 1
    ours = [each for each in place.cloud.volumes() if "atoll-owner" in {tag["Key"] for tag in each["Tags"]}]
    assert len(ours) == 1
    wait_until(lambda: place.cloud.instances() == [], 90)
    place.ok("delete", "-y", "-f", volume)
    wait_until(lambda: place.cloud.volumes() == [], 60)
    lost = {call.operation for call in place.cloud.front.calls if call.done == "lost"}
    assert lost == set(MUTATING)


@pytest.mark.long
def test_a_region_that_does_not_answer_slows_no_other(place: AwsPlace) -> None:
    place.configure(regions=["us-west-2", "us-east-1"])
    place.cloud.front.rules.append(Rule(when=lambda call: call.region == "us-west-2", hang=60))
    began = time.monotonic()
    place.ok("apply", "-y", "-f", place.fleet("web", 1))
    assert time.monotonic() - began < 60  # less than the region hangs
    assert len(place.cloud.instances()) == 1
    assert "silent" not in place.ok("fleet")
