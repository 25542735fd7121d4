"""A zone of four that is cut off under a fleet, with a control plane that fails there, and that comes back."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.conftest import AwsPlace, bodied, strict_moto
from tests.aws.front import Call, Rule, wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]  # fifteen machines of the emulator, and their silence
CUT = "us-east-1d"
DRY = ("InsufficientInstanceCapacity", 500)


@pytest.fixture
def wide_place(tmp_path: Path) -> Iterator[AwsPlace]:
    """A server whose only cloud has four zones, on a strict-moto of its own."""
    with strict_moto() as moto, bodied(moto, tmp_path / "bodies", "abcd") as cloud:
        place = AwsPlace(tmp_path, cloud)
        place.configure(silent_seconds=30)
        try:
            yield place
        finally:
            place.end()


def test_a_spread_fleet_heals_in_the_other_zones_and_what_the_lost_zone_kept_is_ended_when_it_is_back(
    wide_place: AwsPlace,
) -> None:
    place, cloud = wide_place, wide_place.cloud
    place.ok("apply", "-y", "-f", place.fleet("web", 12, "placement: {strategy: spread}\nidle_duration: off\n"))
    assert _zones(place) == dict.fromkeys(cloud.zones, 3)
    for number in range(3):
        _run(place, f"stays{number}", "us-east-1c")
    _run(place, "moves", f"us-east-1c, {CUT}", "retry: true\n")
    lost = {each["InstanceId"] for each in cloud.instances() if each["Placement"]["AvailabilityZone"] == CUT}

    subnet = cloud.subnet(CUT)

    def ends_there(call: Call) -> bool:
        return call.params.get("InstanceId.1") in lost

    dry = Rule("RunInstances", lambda call: subnet in call.params.values(), DRY)
    cloud.front.rules += [dry, Rule("TerminateInstances", ends_there, ("InternalError", 500))]
    cloud.body("cut", CUT)
    wait_until(lambda: _zones(place) == {"us-east-1a": 4, "us-east-1b": 4, "us-east-1c": 4}, 240)
    assert {each["InstanceId"] for each in cloud.instances()} >= lost, "nothing can be ended in the lost zone"
    wait_until(lambda: _started(place, "moves") == 2, 60)
    assert [_started(place, f"stays{number}") for number in range(3)] == [1, 1, 1]
    assert re.search(
        rf"in zone {CUT} was lost: its agent has not answered for \d+ s", place.ok("event", "--last", "100")
    )
    assert len(cloud.front.made("RunInstances")) <= 12 + 3 + 3

    cloud.front.rules.clear()
    cloud.body("restore", CUT)
    wait_until(lambda: not {each["InstanceId"] for each in cloud.instances()} & lost, 120)
    assert len(cloud.instances()) == 12
    assert [_started(place, f"stays{number}") for number in range(3)] == [1, 1, 1]


def _run(place: AwsPlace, name: str, zones: str, more: str = "") -> None:
    more += f"availability_zones: [{zones}]\ncreation_policy: reuse\ninstance_types: [m5.large]\n"
    place.ok("apply", "-y", "-d", "-f", place.task(name, "echo began", "sleep 1000", more=more))
    wait_until(lambda: _started(place, name) == 1, 60)


def _started(place: AwsPlace, name: str) -> int:
    """How often a run's job was started, where it runs now; 0 otherwise."""
    run = place.json("run", "get", name)
    [job] = run["jobs"]
    return int(job["submission"]) + 1 if job["status"] == "running" else 0


def _zones(place: AwsPlace) -> Counter[str]:
    """How many active instances the fleet has in each zone, those that are to end aside."""
    fleet = place.client().fleets()[0]
    return Counter(each.zone.name for each in fleet.instances if each.status in ("active", "idle", "busy"))
