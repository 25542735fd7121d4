"""A fleet keeps the shape of its configuration: through losses, recovery, growth and shrinking, on a real server."""

import time
from collections import Counter

import pytest

from tests.e2e.conftest import Place, until

FLEET = """
type: fleet
name: {name}
nodes: {nodes}
placement: {placement}
backends: [local]
resources: {{cpu: 2, memory: 1GB..}}
"""


def zones(place: Place, name: str) -> Counter[str]:
    """The idle nodes of a fleet by zone."""
    view = place.client().fleet(name)
    return Counter(str(one.zone) for one in view.instances if one.status == "idle")


def outlasts(counts: Counter[str], nodes: int) -> bool:
    """Whether this many nodes remain when the fullest zone is lost."""
    return sum(counts.values()) - max(counts.values(), default=0) >= nodes


@pytest.mark.long  # each zone fails in turn
def test_spare_nodes_stay_and_outlast_each_zone_in_turn(own: Place) -> None:
    survive = "{strategy: spread, survive_zones: 1}"
    own.ok("apply", "-y", "-f", own.write("surv", FLEET.format(name="surv", nodes=4, placement=survive)))
    time.sleep(3)  # a fleet that were cut back to its number would be by then
    assert sorted(zones(own, "surv").values()) == [2, 2, 2]
    assert "4/4 + 2 spare" in own.ok("fleet")
    for zone in ("local-a", "local-b", "local-c"):
        own.ok("zone", "fail", zone)
        until(lambda zone=zone: not zones(own, "surv")[zone], f"the loss of {zone}")  # type: ignore[misc]
        assert sum(zones(own, "surv").values()) >= 4
        assert f"{zone} is impaired" in own.ok("fleet")
        own.ok("zone", "restore", zone)
        until(lambda: outlasts(zones(own, "surv"), 4), f"the fleet to outlast another zone after {zone}")


def test_a_fleet_that_lies_unevenly_after_an_outage_says_so_and_growth_evens_it_out(own: Place) -> None:
    file = own.write("web", FLEET.format(name="web", nodes=3, placement="spread"))
    own.ok("apply", "-y", "-f", file)
    own.ok("zone", "fail", "local-b")
    until(lambda: not zones(own, "web")["local-b"] and sum(zones(own, "web").values()) == 3, "the replacement")
    own.ok("zone", "restore", "local-b")
    until(lambda: own.client().fleet("web").skew == 2, "the zone to be eligible again")
    assert "skew 2 is over max_skew 1: local-b has 0 nodes; `atoll fleet rebalance" in own.ok("fleet")
    own.ok("apply", "-y", "-f", own.write("web", FLEET.format(name="web", nodes=6, placement="spread")))
    until(lambda: sorted(zones(own, "web").values()) == [2, 2, 2], "growth")
    assert own.client().fleet("web").note == ""


def test_a_shrink_says_which_nodes_go_and_ends_with_what_is_left(own: Place) -> None:
    own.ok("apply", "-y", "-f", own.write("less", FLEET.format(name="less", nodes=6, placement="spread")))
    file = own.write("less", FLEET.format(name="less", nodes=3, placement="spread"))
    assert "removes less-5 (local-" in own.ok("plan", "-f", file)
    done = own("apply", "-y", "-f", file)
    said = done.stdout + done.stderr
    assert "fleet less is active: local-a 1, local-b 1, local-c 1" in said
    assert zones(own, "less") == Counter({"local-a": 1, "local-b": 1, "local-c": 1})
