"""Elastic fleets grow for many waiting runs in few plans, by no more nodes than the runs need."""

from dataclasses import replace

import pytest

from atoll.model.catalog import Catalog
from atoll.model.offer import Availability, Market, Offer
from atoll.model.resources import InstanceType, Range, Resources
from atoll.model.zone import BackendInfo, Zone, ZoneInfo
from atoll.planning import Planner
from atoll.planning.budget import Budget
from atoll.planning.elastic import plan_elastic
from atoll.planning.plan import Plan, ShortfallCode, Source
from atoll.planning.request import ElasticFleet, FleetRequest, NodeRequest, Request, Requirements, RunRequest
from atoll.planning.snapshot import ExistingInstance, Snapshot
from tests.planning.worlds import NOW

ZONES = tuple(Zone("aws", "east", f"east-{letter}") for letter in "abc")
SMALL, LARGE = InstanceType("small", 2, 8), InstanceType("large", 8, 32)


class Counting(Planner):
    """Counts the plans that it makes."""

    count = 0

    def __call__(self, request: Request, snapshot: Snapshot, *, explained: bool = True) -> Plan:
        self.count += 1
        return super().__call__(request, snapshot, explained=explained)


def world(idle: int = 0) -> Snapshot:
    offers = [
        Offer(zone, kind, Market.ON_DEMAND, kind.cpus * 0.1, Availability.AVAILABLE)
        for zone in ZONES
        for kind in (SMALL, LARGE)
    ]
    there = tuple(
        ExistingInstance(f"i{n}", ZONES[0], LARGE, Market.ON_DEMAND, 0.8, "pool", n, busy=n >= idle) for n in range(2)
    )
    infos = tuple(ZoneInfo(zone) for zone in ZONES)
    return Snapshot(Catalog.from_offers(offers, NOW), infos, NOW, (BackendInfo("aws"),), there)


def needing(cpus: int) -> Requirements:
    return Requirements(Resources(Range(cpus, None), Range()))


def waiting(count: int, cpus: int = 4, nodes: int = 1, fleets: tuple[str, ...] | None = ("pool",)) -> list[RunRequest]:
    ranks = tuple(NodeRequest(rank) for rank in range(nodes))
    return [RunRequest(f"run-{n}", ranks, needing(cpus), fleets) for n in range(count)]


def planned(runs: list[RunRequest], most: int | None, idle: int = 0) -> tuple[Plan, int]:
    planner = Counting(Budget())
    elastic = (ElasticFleet(FleetRequest("pool", 2, needing(1)), most),)
    answer = plan_elastic(Request("request", tuple(runs), elastic), world(idle), planner)
    return answer, planner.count


def short(answer: Plan) -> list[str]:
    return [one.name for one in answer.documents if one.shortfall is not None]


def test_many_runs_get_their_nodes_in_few_plans() -> None:
    answer, count = planned(waiting(40), None)
    assert (answer.grown, short(answer)) == ({"pool": 42}, [])
    assert count < 6


def test_idle_nodes_are_used_before_a_fleet_grows() -> None:
    answer, _ = planned(waiting(4, nodes=2), None, idle=2)
    assert (answer.grown, short(answer)) == ({"pool": 8}, [])


def test_the_first_runs_get_the_nodes_that_a_fleet_may_still_have() -> None:
    answer, count = planned(waiting(12), most=7)
    assert answer.grown == {"pool": 7}
    assert short(answer) == [f"run-{n}" for n in range(5, 12)]
    codes = {one.shortfall.code for one in answer.documents if one.shortfall is not None}
    assert codes == {ShortfallCode.FLEET_FULL}
    assert count < 12


def test_runs_of_several_sizes_share_one_growth() -> None:
    runs = [*waiting(3), *(RunRequest(f"small-{n}", requirements=needing(1), fleets=("pool",)) for n in range(3))]
    answer, _ = planned(runs, None)
    assert (answer.grown, short(answer)) == ({"pool": 8}, [])
    assert answer.price == pytest.approx(3 * 0.8 + 3 * 0.2)


def test_runs_that_name_no_fleet_use_one_that_costs_no_more() -> None:
    answer, _ = planned(waiting(6, fleets=None), None)
    assert answer.grown == {"pool": 8}
    nodes = [node for one in answer.documents if one.name != "pool" for node in one.placements]
    assert {node.source for node in nodes} == {Source.PLANNED}


def test_a_run_that_no_machine_of_its_fleet_suits_holds_up_no_other() -> None:
    runs = [RunRequest("huge", requirements=needing(64), fleets=("pool",)), *waiting(3)]
    answer, _ = planned(runs, None)
    assert (answer.grown, short(answer)) == ({"pool": 5}, ["huge"])


def test_a_fleet_grows_by_as_much_as_leaves_the_idle_node_to_the_run_that_has_it() -> None:
    first, second = replace(waiting(1, nodes=2)[0], name="first"), replace(waiting(1)[0], name="second")
    answer, _ = planned([first, second], most=4, idle=1)
    assert short(answer) == []
    assert answer.grown == {"pool": 4}


def test_a_fleet_whose_nodes_other_runs_need_is_full() -> None:
    first, second = replace(waiting(1, nodes=2)[0], name="first"), replace(waiting(1)[0], name="second")
    answer, _ = planned([first, second], most=3, idle=1)
    [reason] = [one.shortfall for one in answer.documents if one.shortfall is not None]
    assert (reason.code, reason.data["most"]) == (ShortfallCode.FLEET_FULL, 3)
