"""Zones that an operator closes, by the commands of the documentation on a real server."""

import re

from tests.e2e.conftest import Place, until

FLEET = "type: fleet\nname: {name}\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: 2, memory: 4GB..}}\n"


def zones(place: Place, fleet: str) -> list[str]:
    """The zones of a fleet's instances, in order."""
    return sorted(one.zone.name for one in place.client().fleet(fleet).instances)


def test_a_cordoned_zone_takes_nothing_new_and_opens_by_itself(own: Place) -> None:
    shown = own.ok("zone", "cordon", "local-b", "--for", "20s", "--reason", "patch")
    assert "zone local-b is closed for new work until" in shown
    assert re.search(r"local-b +local +closed .*patch \(admin\), until \d\d:\d\d", own.ok("zone"))
    path = own.write("three", FLEET.format(name="three", nodes=3))
    assert re.search(r"local-b +closed, until \d\d:\d\d: patch \(admin\)", own.ok("plan", "-f", path))
    own.ok("apply", "-f", path, "-y")
    assert "local-b" not in zones(own, "three")
    [closure] = own.json("closure", "list")
    assert (closure["state"], closure["actor"], closure["reason"]) == ("active", "admin", "patch")
    until(lambda: "available" in own.ok("zone", "get", "local-b"), "the zone to open by itself")
    assert re.search(r"closure +local-b +active → ended +local-b +expired", own.ok("event", "list"))
    own.ok("apply", "-f", own.write("after", FLEET.format(name="after", nodes=3)), "-y")
    assert zones(own, "after") == ["local-a", "local-b", "local-c"]


def test_closing_and_opening_refuse_what_makes_no_sense(shared: Place) -> None:
    shared.ok("zone", "cordon", "local-c", "--for", "1h", "--reason", "new racks")
    words = shared.refused("zone", "cordon", "local-c")
    assert re.search(r"`local-c` is closed already for all projects, until .* UTC, by admin: new racks", words)
    assert "`atoll zone open local-c`" in words
    assert "zone local-c is open" in shared.ok("zone", "open", "local-c")
    assert "zone local-c is not closed" in shared.refused("zone", "uncordon", "local-c")
    assert "there is no zone `local-x`" in shared.refused("zone", "cordon", "local-x")
    assert "is no duration" in shared.refused("zone", "cordon", "local-c", "--for", "soon", code=2)
    assert "has passed" in shared.refused("zone", "cordon", "local-c", "--until", "2020-01-01 10:00", code=2)
    assert "at most 90 days" in shared.refused("zone", "cordon", "local-c", "--for", "1000d")
