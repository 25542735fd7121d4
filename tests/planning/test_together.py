"""How the nodes of a task lie to each other: in one region unless it says otherwise, and what that costs."""

from dataclasses import replace

import pytest

from atoll.model.catalog import Catalog
from atoll.model.offer import Availability, Market, Offer
from atoll.model.resources import InstanceType
from atoll.model.zone import BackendInfo, Zone, ZoneInfo
from atoll.planning import plan
from atoll.planning.plan import DocumentKind, DocumentPlan
from atoll.planning.reasons import explain
from atoll.planning.reasons.sentences import refusal_text
from atoll.planning.request import FleetRequest, NodeRequest, Placement, Request, RunRequest, Strategy
from atoll.planning.snapshot import ExistingInstance, Snapshot
from tests.planning.worlds import NOW

EAST = tuple(Zone("aws", "us-east-1", f"us-east-1{letter}") for letter in "abc")
WEST = tuple(Zone("aws", "us-west-2", f"us-west-2{letter}") for letter in "ab")
CLOUD = Zone("gcp", "us-central1", "us-central1-a")
SMALL = InstanceType("small", 2, 8)

Prices = dict[Zone, tuple[float, int | None]]
"""By zone the price of a machine and how many there are of it."""


def world(prices: Prices, idle: tuple[Zone, ...] = ()) -> Snapshot:
    offers = [
        Offer(zone, SMALL, Market.ON_DEMAND, price, Availability.AVAILABLE, count)
        for zone, (price, count) in prices.items()
    ]
    instances = tuple(
        ExistingInstance(f"i{n}", zone, SMALL, Market.ON_DEMAND, 1.0, "old", n) for n, zone in enumerate(idle)
    )
    infos = tuple(ZoneInfo(zone) for zone in (*EAST, *WEST, CLOUD))
    return Snapshot(Catalog.from_offers(offers, NOW), infos, NOW, (BackendInfo("aws"), BackendInfo("gcp")), instances)


def task(nodes: int, strategy: Strategy | None = None, max_skew: int = 1) -> RunRequest:
    ranks = tuple(NodeRequest(rank) for rank in range(nodes))
    return (
        RunRequest("t", ranks) if strategy is None else RunRequest("t", ranks, placement=Placement(strategy, max_skew))
    )


def placed(run: RunRequest, snapshot: Snapshot, *others: FleetRequest) -> DocumentPlan:
    return plan(Request("request", (*others, run)), snapshot).documents[-1]


def zones(part: DocumentPlan) -> list[str]:
    return sorted(node.zone.name for node in part.placements)


APART: Prices = {CLOUD: (1.0, 1), EAST[0]: (1.1, 1), EAST[1]: (1.3, 1), WEST[0]: (1.5, None)}
"""Two machines are cheapest in two clouds."""


def test_nodes_stay_in_one_region_and_the_plan_says_what_apart_would_save() -> None:
    part = placed(task(2), world(APART))
    assert zones(part) == ["us-east-1a", "us-east-1b"]
    assert part.notes == ("the nodes are together in us-east-1; with `placement: any` they cost $0.30/h less",)
    assert [refusal_text(one) for one in part.refusals if one.zone == CLOUD] == [
        "suitable, but the nodes are together in us-east-1"
    ]


def test_a_task_lies_in_two_clouds_only_if_it_says_so() -> None:
    part = placed(task(2, Strategy.ANY), world(APART))
    assert zones(part) == ["us-central1-a", "us-east-1a"]
    assert part.notes == ("the nodes lie in 2 regions; what traffic between them costs is not known",)


def test_a_cluster_lies_in_one_zone_whatever_that_costs() -> None:
    part = placed(task(2, Strategy.CLUSTER), world(APART))
    assert zones(part) == ["us-west-2a", "us-west-2a"]
    assert part.notes == ("the nodes are together in us-west-2a; with `placement: any` they cost $0.90/h less",)


@pytest.mark.parametrize(("skew", "counts"), [(1, [2, 2, 1]), (3, [3, 2, 0])])
def test_a_spread_is_even_over_the_zones_of_one_region(skew: int, counts: list[int]) -> None:
    prices: Prices = {EAST[0]: (1.0, 4), EAST[1]: (1.1, None), EAST[2]: (1.2, None), WEST[0]: (1.3, 1), WEST[1]: (1, 1)}
    part = placed(task(5, Strategy.SPREAD, skew), world(prices))
    found = sorted((zones(part).count(zone.name) for zone in EAST), reverse=True)
    assert found == counts


def test_nothing_is_said_of_a_saving_where_apart_costs_the_same() -> None:
    part = placed(task(2), world({EAST[0]: (1.0, None), CLOUD: (1.0, 1)}))
    assert zones(part) == ["us-east-1a", "us-east-1a"]
    assert part.notes == ()


def test_a_task_that_fits_in_no_region_says_so_and_how_it_fits() -> None:
    part = placed(task(3), world({EAST[0]: (1.0, 2), WEST[0]: (1.0, 2)}))
    assert part.shortfall is not None
    assert explain.shortfall_text(DocumentKind.RUN, "t", part.shortfall) == (
        "run `t` does not fit: no region can take 3 nodes"
    )
    assert [explain.cure_text(cure) for cure in part.shortfall.cures] == [
        "set `placement` to any: us-east-1a, us-west-2a fit, from $1.00/h"
    ]
    assert {refusal_text(one) for one in part.refusals if one.zone in (EAST[0], WEST[0])} == {
        "the zones of us-east-1 can take 2 of 3 nodes, and no more small is available",
        "the zones of us-west-2 can take 2 of 3 nodes, and no more small is available",
    }


def test_a_cluster_that_fits_in_no_zone_is_offered_a_region_first() -> None:
    part = placed(task(3, Strategy.CLUSTER), world({EAST[0]: (1.0, 2), EAST[1]: (1.0, 2)}))
    assert part.shortfall is not None
    assert [(cure.requirement, cure.value) for cure in part.shortfall.cures] == [("placement", "region")]


def test_idle_machines_in_one_region_are_used_together() -> None:
    part = placed(task(2), world({EAST[0]: (1.0, None)}, idle=(WEST[0], CLOUD, WEST[1])))
    assert zones(part) == ["us-west-2a", "us-west-2b"]


def test_a_new_node_goes_where_the_idle_one_is_if_that_costs_the_same() -> None:
    snapshot = world(dict.fromkeys(EAST, (1.0, None)), idle=(EAST[1],))
    for seed in range(8):
        part = plan(Request(f"request {seed}", (task(2),)), snapshot).documents[0]
        assert zones(part) == ["us-east-1b", "us-east-1b"]


def test_equal_tasks_are_each_in_one_zone_where_the_numbers_allow_it() -> None:
    runs = tuple(RunRequest(f"t{n}", (NodeRequest(0), NodeRequest(1))) for n in range(3))
    snapshot = world({EAST[0]: (1.0, 3), EAST[1]: (1.0, 2), EAST[2]: (1.0, 2)})
    for part in plan(Request("request", runs), snapshot).documents:
        assert len(set(zones(part))) == 1


@pytest.mark.parametrize("home", EAST)
@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_new_nodes_of_a_fleet_that_may_lie_anywhere_join_those_that_exist_at_the_same_price(
    home: Zone, name: str
) -> None:
    there = replace(world(dict.fromkeys(EAST, (0.1, None))), instances=(node_of(name, home),))
    [made] = plan(Request("request", (FleetRequest(name, 3),)), there).documents
    assert [node.zone for node in made.placements] == [home, home]


def node_of(fleet: str, zone: Zone) -> ExistingInstance:
    return ExistingInstance("i0", zone, SMALL, Market.ON_DEMAND, 0.1, fleet, 0, busy=True)
