"""How many calls EC2 gets. The times are in the documentation: no test asserts one."""

import pytest

from tests.aws.conftest import AwsPlace
from tests.aws.front import wait_until


@pytest.mark.long
def test_fifty_nodes_take_fifty_launches_and_at_most_twenty_other_calls(place: AwsPlace) -> None:
    place.ok("offer")
    place.cloud.front.reset()
    place.ok("apply", "-y", "-d", "-f", place.fleet("web", 50, "placement: {strategy: spread}\n"))
    client = place.client()
    wait_until(lambda: sum(each.status in ("active", "idle") for each in client.fleets()[0].instances) == 50, 110)
    calls = [call for call in place.cloud.front.calls if call.service == "ec2"]
    launches = [call for call in calls if call.operation == "RunInstances"]
    assert len(launches) == 50
    assert len(calls) - len(launches) <= 20
    zones = [each["Placement"]["AvailabilityZone"] for each in place.cloud.instances()]
    assert sorted(zones.count(zone) for zone in set(zones)) == [16, 17, 17]
