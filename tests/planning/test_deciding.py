"""What is placed when not everything fits, and what one document may do to another."""

import pytest

from atoll.model.offer import Market
from atoll.model.quota import Quota
from atoll.model.zone import Capacity
from atoll.planning import plan
from atoll.planning.request import FleetRequest, NodeRequest, OnShortage, Placement, RunRequest, Strategy
from atoll.planning.snapshot import Usage
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
