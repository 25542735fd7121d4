"""Machines that users own: for the fleet that declares them alone, each of them once."""

from dataclasses import replace

from atoll.model.resources import InstanceType
from atoll.model.zone import BackendInfo, Zone, ZoneKind
from atoll.planning.plan import RefusalCode
from atoll.planning.planner import plan
from atoll.planning.request import FleetRequest, Placement, Requirements, Strategy
from atoll.planning.snapshot import ExistingInstance, Snapshot
from atoll.planning.waiting import answer
from tests.planning.scenes import ANYTHING, SMALL, A, offer, request, world

RACK_A, RACK_B = (Zone("ssh", "ssh", f"rack-{letter}", kind=ZoneKind.SITE) for letter in "ab")
HOSTS = [InstanceType(f"10.0.0.{number}", 4, 16) for number in range(4)]
INFOS = (BackendInfo("aws"), BackendInfo("ssh", owned=True))
DECLARED = Requirements(ANYTHING, ("ssh",), instance_types=tuple(host.name for host in HOSTS[:3]), owned=True)
SPREAD = Placement(Strategy.SPREAD)


def racks(*instances: ExistingInstance) -> Snapshot:
    """Two hosts in each rack, beside a cloud that costs something."""
    hosts = [offer(RACK_A if number < 2 else RACK_B, 0, host, count=1) for number, host in enumerate(HOSTS)]
    return world(*hosts, offer(A, 1, SMALL), instances=instances, backends=INFOS)


def test_a_fleet_gets_the_hosts_that_it_declares_and_no_other() -> None:
    [fleet] = plan(request(FleetRequest("rack", 3, DECLARED)), racks()).documents
    assert {node.instance_type.name for node in fleet.placements} == set(DECLARED.instance_types or ())
    [more] = plan(request(FleetRequest("rack", 4, DECLARED)), racks()).documents
    assert more.shortfall is not None


def test_others_never_get_a_host_although_it_costs_nothing() -> None:
    greedy = Requirements(ANYTHING, ("ssh",), instance_types=(HOSTS[0].name,))
    [fleet, named] = plan(
        request(FleetRequest("any", 1, Requirements(ANYTHING)), FleetRequest("named", 1, greedy)), racks()
    ).documents
    assert [node.zone for node in fleet.placements] == [A]
    assert named.shortfall is not None
    assert {refusal.code for refusal in named.refusals if refusal.zone == RACK_A} == {RefusalCode.OWNED}


def test_a_host_that_is_an_instance_is_not_offered_again() -> None:
    [offered] = [one for one in racks().catalog if one.instance_type == HOSTS[0]]
    held = ExistingInstance("i-0", RACK_A, HOSTS[0], offered.market, 0, "rack", 0)
    [fleet] = plan(request(FleetRequest("rack", 3, DECLARED)), racks(held)).documents
    assert sorted(node.instance_type.name for node in fleet.placements) == [HOSTS[1].name, HOSTS[2].name]


def test_spread_and_cluster_hold_for_hosts() -> None:
    spread = FleetRequest("rack", 2, DECLARED, SPREAD)
    [fleet] = plan(request(spread), racks()).documents
    assert {node.zone for node in fleet.placements} == {RACK_A, RACK_B}
    cluster = replace(spread, nodes=3, placement=Placement(Strategy.CLUSTER))
    [fleet] = plan(request(cluster), racks()).documents
    assert fleet.shortfall is not None


def test_a_host_whose_zone_is_declared_anew_is_taken_as_long_as_its_former_instance_is_there() -> None:
    former = Zone("ssh", "ssh", "former", kind=ZoneKind.SITE)
    there = ExistingInstance("i", former, HOSTS[0], offer(former, 0, HOSTS[0]).market, 0, "rack", 0, outdated=True)
    [fleet] = plan(request(FleetRequest("rack", 3, DECLARED)), racks(there)).documents
    assert {node.instance_type.name for node in fleet.placements} == {HOSTS[1].name, HOSTS[2].name}
    assert fleet.shortfall is not None
    [first] = answer(replace(request(FleetRequest("rack", 3, DECLARED)), confirmed=True), racks(there), plan).documents
    assert first.replaced_first
    assert len(first.placements) == 3
