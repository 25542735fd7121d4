"""Elastic fleets grow for many waiting runs in few plans, by no more nodes than the runs need."""

from dataclasses import replace

import pytest

from atoll.model.catalog import Catalog
from atoll.model.offer import Availability, Market, Offer
from atoll.model.resources import InstanceType, Range, Resources
from atoll.model.zone import BackendInfo, Zone, ZoneInfo, ZoneState
from atoll.planning import Planner
from atoll.planning.budget import Budget
from atoll.planning.elastic import plan_elastic
from atoll.planning.plan import DocumentKind, Plan, RefusalCode, ShortfallCode, Source
from atoll.planning.reasons.explain import shortfall_text
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


def shared(nodes: int, rooms: dict[str, int], idle: int = 0, zones: dict[str, str] | None = None) -> Plan:
    """The plan of a run that names fleets which may have a number of nodes; `pool` has two, of which some are idle."""
    homes = zones or {}
    fleets = [
        FleetRequest(name, 0, replace(needing(4), availability_zones=(homes[name],) if name in homes else None))
        for name in rooms
    ]
    elastic = tuple(ElasticFleet(one, rooms[one.name]) for one in fleets)
    [run] = waiting(1, nodes=nodes, fleets=tuple(rooms))
    return plan_elastic(Request("request", (run,), elastic), world(idle), Planner(Budget()))


def test_fleets_grow_together_for_a_run_that_none_of_them_can_hold_alone() -> None:
    answer = shared(4, {"one": 1, "two": 3})
    assert (answer.grown, short(answer)) == ({"one": 1, "two": 3}, [])


def test_idle_nodes_of_one_fleet_and_new_ones_of_another_serve_a_run_together() -> None:
    answer = shared(3, {"pool": 2, "other": 1}, idle=2)
    assert (answer.grown, short(answer)) == ({"other": 1}, [])
    answer = shared(3, {"pool": 2, "other": 9}, idle=2)
    assert (answer.grown, short(answer)) == ({"other": 1}, [])
    answer = shared(4, {"pool": 3, "other": 1}, idle=2)
    assert (answer.grown, short(answer)) == ({"pool": 3, "other": 1}, [])


def test_fleets_that_together_may_have_too_few_nodes_say_so() -> None:
    answer = shared(5, {"one": 1, "two": 3})
    assert answer.grown == {}
    [one] = answer.documents
    assert one.shortfall is not None
    assert one.shortfall.code is ShortfallCode.FLEET_FULL
    text = shortfall_text(DocumentKind.RUN, "run-0", one.shortfall)
    assert text == "run `run-0` does not fit: fleets `one`, `two` may have too few nodes together, and too few are free"


def test_a_run_in_one_region_grows_fleets_of_that_region_alone() -> None:
    answer = shared(3, {"one": 2, "two": 2, "three": 2}, zones={"one": "east-a", "two": "nowhere", "three": "east-c"})
    assert (set(answer.grown), sum(answer.grown.values()), short(answer)) == ({"one", "three"}, 3, [])


def test_a_fleet_on_a_backend_that_is_not_configured_says_so() -> None:
    fleet = ElasticFleet(FleetRequest("gone", 0, replace(needing(1), backends=("gcp",))), 2)
    [run] = waiting(1, fleets=("gone",))
    [one] = plan_elastic(Request("request", (run,), (fleet,)), world(), Planner(Budget())).documents
    assert one.shortfall is not None
    text = shortfall_text(DocumentKind.RUN, "run-0", one.shortfall)
    assert text.endswith("backend `gcp` is not configured on this server")


def test_machines_in_a_zone_that_is_gone_are_not_called_busy() -> None:
    there = world(idle=2)
    zones = (ZoneInfo(ZONES[0], ZoneState.GONE, "backend `aws` is not configured"), *there.zones[1:])
    elastic = (ElasticFleet(FleetRequest("pool", 2, needing(1)), 2),)
    [run] = waiting(1)
    planned = plan_elastic(Request("request", (run,), elastic), replace(there, zones=zones), Planner(Budget()))
    [one] = planned.documents
    assert one.shortfall is not None
    assert one.shortfall.code is RefusalCode.GONE


def test_a_run_that_only_reuses_machines_does_not_keep_a_fleet_from_growing_for_another() -> None:
    reusing = replace(waiting(1)[0], name="reusing", may_create=False)
    growing = replace(waiting(1)[0], name="growing")
    answer, _ = planned([reusing, growing], most=4)
    assert short(answer) == []
    assert answer.grown == {"pool": 4}
