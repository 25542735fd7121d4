"""Zones that an operator closes, by the commands of the documentation on a real server."""

import re
from pathlib import Path

import pytest

from atoll.wire.api import EventQuery
from tests.e2e.conftest import Place, until

FLEET = "type: fleet\nname: {name}\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: 2, memory: 4GB..}}\n"


def zones(place: Place, fleet: str) -> list[str]:
    """The zones of a fleet's instances, in order."""
    return sorted(one.zone.name for one in place.client().fleet(fleet).instances)


@pytest.mark.long  # a closure of 20 s runs out
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
    assert "zone local-c is open" in shared.ok("zone", "open", "local-c", "--back", "-y")
    assert "zone local-c is not closed" in shared.refused("zone", "uncordon", "local-c")
    assert "there is no zone `local-x`" in shared.refused("zone", "cordon", "local-x")
    assert "goes with `--back`" in shared.refused("zone", "open", "local-c", "-y", code=2)
    assert "pass `-y`" in shared.refused("zone", "open", "local-c", "--back", code=2)
    assert "is no duration" in shared.refused("zone", "cordon", "local-c", "--for", "soon", code=2)
    assert "has passed" in shared.refused("zone", "cordon", "local-c", "--until", "2020-01-01 10:00", code=2)
    assert "at most 90 days" in shared.refused("zone", "cordon", "local-c", "--for", "1000d")


RUN = """type: volume
name: data
backend: local
region: local
availability_zone: local-b
size: 1GB
---
type: task
name: train
commands: [sleep 1000]
fleets: [web]
volumes: ["data:/data"]
"""
DOCS = Path(__file__).parents[2] / "docs" / "zone-operations.md"


def documented(output: str) -> bool:
    """Whether the documentation shows each line of a command's output, times and the widths of columns aside."""
    plain = re.sub(
        r"by local-[ac] 1(?!, local)", "by local-c 1", re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d", "16:00", output)
    )
    shown = [" ".join(line.split()) for line in plain.splitlines() if line.strip()]
    page = {" ".join(line.split()) for line in DOCS.read_text().splitlines()}
    assert not [line for line in shown if line not in page]
    return bool(shown)


@pytest.mark.long  # 20 commands; `tests/engine/test_closures.py` has the rules
def test_a_drained_zone_gives_up_what_can_move_and_says_what_stays(own: Place) -> None:
    own.ok("apply", "-f", own.write("web", FLEET.format(name="web", nodes=6)), "-y")
    own.ok("apply", "-f", own.write("train", RUN), "-y", "-d")
    until(lambda: own.client().run("train").status == "running", "the run to be running")
    foretells(own)
    foretold = own.ok("zone", "drain", "local-b", "--for", "1h", "--reason", "patch", "--dry-run")
    assert documented(foretold)
    [zone] = re.findall("by (local-[ac]) 1", foretold)
    assert own.json("closure", "list") == []
    before = own.client().events(last=1)[-1].seq
    assert documented(own.ok("zone", "drain", "local-b", "--for", "1h", "--reason", "patch", "-y"))
    left = sorted(["local-a", "local-a", "local-b", "local-c", "local-c", zone])
    until(lambda: zones(own, "web") == left, "the idle node to be replaced as foretold")
    until(lambda: own.json("closure", "get", "local-b")["gone"] == 1, "the closure to show it")
    assert documented(own.ok("closure", "list"))
    assert own.client().run("train").status == "running"
    active = 6
    for event in own.client().events(after=before, wanted=EventQuery("instance")):
        active += (event.to_state == "active") - (event.from_state == "active")
        assert active >= 6, "too few nodes were active"
    own.refused("zone", "drain", "local-b", "-y")
    own.ok("stop", "train")
    until(lambda: own.json("closure", "get", "local-b")["state"] == "empty", "the zone to be empty")
    until(lambda: zones(own, "web") == ["local-a"] * 3 + ["local-c"] * 3, "the rest to be replaced")
    assert "zone local-b is open" in own.ok("zone", "open", "local-b")
    rebalances(own)


def foretells(own: Place) -> None:
    """What the loss of a zone would do is shown, and bad questions are refused."""
    assert documented(own.ok("what-if", "--lose", "local-b"))
    assert {one["zone"] for one in own.json("what-if", "--each-zone")} == {"local-a", "local-b", "local-c"}
    assert re.search(r"local-b +2 +2 .*data", own.ok("what-if", "--each-zone"))
    rehearsed = own.ok("simulate", "outage", "--zone", "local-b", "--for", "2m", "--report", "outage.md")
    assert re.search(r"run train waits: no zone can serve|run train is stopped, and not started again", rehearsed)
    assert "the outage is over" in (own.folder / "outage.md").read_text()
    assert (own.folder / "outage.svg").read_text().startswith("<svg")
    assert "there is no zone `local-x`" in own.refused("simulate", "outage", "--zone", "local-x")
    assert "at most 6 hours" in own.refused("simulate", "outage", "--zone", "local-b", "--for", "7h", code=2)
    assert "ends in `.md` or `.json`" in own.refused("simulate", "outage", "--zone", "local-b", "--report", "x", code=2)
    assert "say what to assume" in own.refused("what-if", code=2)
    assert "there is no zone `local-x`" in own.refused("what-if", "--lose", "local-x")
    assert "there is no fleet `none`" in own.refused("what-if", "--without", "fleet/none")
    assert "is not `fleet/NAME`" in own.refused("what-if", "--without", "web", code=2)
    assert "is no price" in own.refused("what-if", "--price", "local.2x4", code=2)
    assert "a price is 0 or more" in own.refused("what-if", "--price", "local.2x4=-1", code=2)
    assert "there is no instance type `none`" in own.refused("what-if", "--price", "none=+20%")


def rebalances(own: Place) -> None:
    """Six nodes in two of three zones come back into balance as foretold, and then are balanced."""
    assert "pass `-y`" in own.refused("fleet", "rebalance", "web", code=2)
    foretold = own.ok("fleet", "rebalance", "web", "--dry-run")
    assert "then local-a 2, local-b 2, local-c 2" in foretold
    assert documented(re.sub(r"replaces web-\d, web-\d", "replaces web-3, web-7", foretold))
    before = own.client().events(last=1)[-1].seq
    started = own.ok("fleet", "rebalance", "web", "-y")
    assert started.startswith(foretold)
    assert documented(started.removeprefix(foretold))
    until(lambda: zones(own, "web") == sorted(["local-a", "local-b", "local-c"] * 2), "the fleet to be balanced")
    until(lambda: "rebalance-ended" in own.ok("event", "list", "-v"), "the rebalance to end")
    active = 6
    for event in own.client().events(after=before, wanted=EventQuery("instance")):
        active += (event.to_state == "active") - (event.from_state == "active")
        assert active >= 6, "too few nodes were active"
    assert documented(own.ok("fleet", "rebalance", "web", "-y"))
    assert "there is no fleet `none`" in own.refused("fleet", "rebalance", "none")
    assert "goes with no other option" in own.refused("fleet", "rebalance", "web", "--stop", "--busy", code=2)


def test_an_evacuation_asks_and_stops_what_is_left(own: Place) -> None:
    own.ok("apply", "-f", own.write("web", FLEET.format(name="web", nodes=3)), "-y")
    own.ok("apply", "-f", own.write("train", RUN), "-y", "-d")
    until(lambda: own.client().run("train").status == "running", "the run to be running")
    assert "pass `-y`" in own.refused("zone", "evacuate", "local-b", "--within", "5m", code=2)
    assert documented(own.ok("zone", "evacuate", "local-b", "--within", "5m", "--dry-run"))
    own.ok("zone", "evacuate", "local-b", "--within", "3s", "-y")
    until(lambda: own.json("closure", "get", "local-b")["state"] == "empty", "the zone to be empty")
    assert own.client().run("train").status == "stopped"
    assert own.client().volume("data").status == "available"
    until(lambda: len(zones(own, "web")) == 3 and "local-b" not in zones(own, "web"), "a new node elsewhere")
    assert "lies before" in own.refused("zone", "evacuate", "local-c", "--within", "2h", "--for", "1h", "-y")
    busy = "type: task\nname: busy\ncommands: [sleep 1000]\nfleets: [web]\navailability_zones: [local-c]\n"
    own.ok("apply", "-f", own.write("busy", busy), "-y", "-d")
    until(lambda: own.client().run("busy").status == "running", "the run to be running")
    shown = own.ok("zone", "evacuate", "local-c", "--within", "5m", "--dry-run")
    assert re.search(r"web-\d leaves after run busy, which is stopped after 5m", shown)
    assert re.search(r"web-\d leaves after run busy\n", own.ok("zone", "drain", "local-c", "--dry-run"))
