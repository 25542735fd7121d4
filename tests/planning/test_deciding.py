"""What is placed when not everything fits, and what one document may do to another."""

import pytest

from atoll.model.offer import Market
from atoll.model.quota import Quota
from atoll.model.zone import Capacity, Zone
from atoll.planning import plan
from atoll.planning.reasons.explain import shortfall_reason
from atoll.planning.request import FleetRequest, NodeRequest, OnShortage, Placement, RunRequest, Strategy
from atoll.planning.snapshot import Snapshot, Usage
from tests.planning.scenes import ANY, LARGE, A, B, C, offer, part, request, where, world

ZONES = tuple(enumerate((A, B, C)))


@pytest.mark.parametrize(
    "placement",
    [
        Placement(survive_zones=1),
        Placement(Strategy.SPREAD, on_shortage=OnShortage.BEST_EFFORT, survive_zones=1),
    ],
)
def test_a_fleet_that_cannot_outlast_a_zone_buys_nothing_and_says_so(placement: Placement) -> None:
    answer = plan(request(FleetRequest("train", 4, ANY, placement)), world(offer(A, 0.1)))
    fleet = part(answer, "train")
    assert fleet.placements == ()
    assert fleet.shortfall is not None
    assert [cure.requirement for cure in fleet.shortfall.cures if cure.requirement == "placement.survive_zones"]


def test_fewer_zones_than_required_place_nothing_under_any_strategy() -> None:
    answer = plan(request(FleetRequest("train", 4, ANY, Placement(min_zones=2))), world(offer(A, 0.1)))
    assert part(answer, "train").placements == ()


def test_a_zone_with_more_in_use_than_it_has_does_not_keep_others_from_being_used() -> None:
    snapshot = world(
        offer(A, 0.1),
        offer(B, 0.2),
        capacities={A: Capacity(4, 16)},
        usage=[Usage(A, Capacity(6, 16))],
    )
    answer = plan(request(FleetRequest("train", 2, ANY)), snapshot)
    assert answer.complete
    assert where(answer, "train") == ["us-east-1b", "us-east-1b"]


def test_a_run_that_may_not_buy_does_not_make_a_fleet_larger_than_survival_requires() -> None:
    fleet = FleetRequest("safe", 1, ANY, Placement(survive_zones=1))
    run = RunRequest("job", tuple(NodeRequest(rank) for rank in range(3)), ANY, may_create=False)
    answer = plan(request(fleet, run), world(offer(A, 0.1), offer(B, 0.1, LARGE), offer(C, 0.1)))
    assert len(part(answer, "safe").placements) == 2
    assert part(answer, "job").shortfall is not None


@pytest.mark.parametrize("cpus", [8, 9])
def test_a_best_effort_spread_of_fewer_nodes_than_requested_is_as_even_as_possible(cpus: int) -> None:
    fleet = FleetRequest("train", 6, ANY, Placement(Strategy.SPREAD, on_shortage=OnShortage.BEST_EFFORT))
    snapshot = world(
        offer(A, 0.1), offer(B, 0.2), offer(C, 0.2), quotas=[Quota(A.backend, A.region, Market.ON_DEMAND, cpus)]
    )
    answer = plan(request(fleet), snapshot)
    assert sorted(where(answer, "train")) == ["us-east-1a", "us-east-1a", "us-east-1b", "us-east-1c"]
    shortfall = part(answer, "train").shortfall
    assert shortfall is not None
    assert (shortfall.placed, shortfall.wanted) == (4, 6)


def _full(zone: Zone) -> Snapshot:
    return world(
        *(offer(each, 0.1 + number / 100) for number, each in ZONES),
        capacities={zone: Capacity(4, 16)},
        usage=[Usage(zone, Capacity(4, 16))],
    )


@pytest.mark.parametrize("shortage", OnShortage)
def test_min_zones_holds_where_a_zone_is_full_whatever_on_shortage_says(shortage: OnShortage) -> None:
    placement = Placement(Strategy.SPREAD, min_zones=3, on_shortage=shortage)
    fleet = FleetRequest("train", 3, ANY, placement)
    answer = part(plan(request(fleet), _full(C)), "train")
    assert answer.placements == ()
    assert answer.shortfall is not None
    assert "in at least 3 zones" in shortfall_reason(answer.kind, answer.shortfall)
    cured = {cure.requirement for cure in answer.shortfall.cures}
    assert "placement.min_zones" in cured or shortage is OnShortage.REJECT
    assert "placement.on_shortage" not in cured


def test_min_zones_holds_where_the_skew_would_let_all_nodes_be_in_one_zone() -> None:
    placement = Placement(Strategy.SPREAD, min_zones=2, max_skew=3)
    answer = plan(request(FleetRequest("train", 3, ANY, placement)), world(*(offer(zone, n) for n, zone in ZONES)))
    assert where(answer, "train") == ["us-east-1a", "us-east-1a", "us-east-1b"]


def test_fewer_nodes_than_min_zones_are_each_in_a_zone_of_its_own() -> None:
    placement = Placement(Strategy.SPREAD, min_zones=3, max_skew=3)
    answer = plan(request(FleetRequest("train", 2, ANY, placement)), world(*(offer(zone, n) for n, zone in ZONES)))
    assert where(answer, "train") == ["us-east-1a", "us-east-1b"]


@pytest.mark.parametrize(("nodes", "placed"), [(2, ["us-east-1a", "us-east-1b"]), (3, [])])
def test_min_zones_needs_no_more_zones_than_there_are_nodes(nodes: int, placed: list[str]) -> None:
    fleet = FleetRequest("train", nodes, ANY, Placement(Strategy.SPREAD, min_zones=3, max_skew=3))
    assert where(plan(request(fleet), world(offer(A, 0.1), offer(B, 0.2))), "train") == placed


def test_the_nodes_that_outlast_a_zone_are_in_as_many_zones_as_min_zones_requires() -> None:
    placement = Placement(Strategy.SPREAD, min_zones=3, max_skew=3, survive_zones=1)
    prices = zip(ZONES, (0.1, 0.1, 9.0), strict=True)
    answer = plan(request(FleetRequest("train", 2, ANY, placement)), world(*(offer(z, p) for (_, z), p in prices)))
    assert where(answer, "train") == ["us-east-1a", "us-east-1b", "us-east-1c"]
