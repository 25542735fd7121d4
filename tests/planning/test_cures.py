"""The single changes that a shortfall tells: each one helps, and where one would help, one is told."""

import re
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atoll.model.offer import Market
from atoll.model.resources import InstanceType, Range, Resources
from atoll.model.zone import Zone
from atoll.planning import plan
from atoll.planning.plan import Cure
from atoll.planning.reasons.explain import cure_text
from atoll.planning.request import FleetRequest, Placement, Requirements, RunRequest, SpotPolicy, Strategy
from atoll.planning.snapshot import ExistingInstance, Snapshot
from tests.planning import relief
from tests.planning.relations import Relation
from tests.planning.scenes import ANY, ANYTHING, LARGE, SMALL, A, B, C, offer, part, request, world
from tests.planning.worlds import SMALL as SMALL_CASES
from tests.planning.worlds import case_of, case_of_seed

RELATIONS: tuple[Relation, ...] = (relief.cures_are_true, relief.a_cure_is_told_where_there_is_one)


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.__name__)
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=40)
@given(random=st.randoms(use_true_random=False))
def test_cures_help(relation: Relation, random: Random) -> None:
    case = case_of(random, SMALL_CASES)
    assert list(relation(case, plan(case.request, case.snapshot), random)) == []


@pytest.mark.parametrize("start", [0, 100, 200, *(pytest.param(n, marks=pytest.mark.long) for n in (50, 150, 250))])
def test_cures_help_over_cases_by_number(start: int) -> None:
    for seed in range(start, start + 50):
        case = case_of_seed(seed, SMALL_CASES)
        answer = plan(case.request, case.snapshot)
        found = [text for relation in RELATIONS for text in relation(case, answer, Random(seed))]
        assert not found, f"seed {seed}: {found}"


def _cures(fleet: FleetRequest, snapshot: Snapshot) -> dict[str, Cure]:
    shortfall = part(plan(request(fleet), snapshot), fleet.name).shortfall
    assert shortfall is not None
    return {cure.requirement: cure for cure in shortfall.cures}


def test_the_lowest_price_limit_that_fits_is_named_with_its_zone() -> None:
    fleet = FleetRequest("train", 1, Requirements(ANYTHING, max_price=0.1))
    cure = _cures(fleet, world(offer(A, 0.5), offer(B, 0.22, LARGE), offer(B, 0.3)))["max_price"]
    assert (cure.value, cure.zones, cure.price) == (0.22, (B,), 0.22)


def test_a_price_limit_is_named_even_where_no_limit_would_make_a_full_zone_eligible() -> None:
    fleet = FleetRequest("train", 4, Requirements(ANYTHING, max_price=0.1), Placement(Strategy.SPREAD))
    offers = [offer(A, 0.1, count=1), offer(B, 0.2), offer(A, 0.2, LARGE), offer(C, 0.9, count=1)]
    cures = _cures(fleet, world(*offers))
    assert cures["max_price"].value == 0.2


def test_a_price_limit_is_named_for_a_run_that_could_use_a_dearer_idle_machine() -> None:
    idle = ExistingInstance("i-1", A, SMALL, Market.ON_DEMAND, 0.5, "old", 0)
    run = RunRequest("train", requirements=Requirements(ANYTHING, max_price=0.1))
    shortfall = part(plan(request(run), world(offer(A, 0.3, count=0), instances=[idle])), "train").shortfall
    assert shortfall is not None
    assert [(cure.requirement, cure.value) for cure in shortfall.cures] == [("max_price", 0.5)]


def test_a_fleet_with_less_than_it_requires_gives_way_to_the_cure_of_an_earlier_one() -> None:
    first = FleetRequest("first", 1, Requirements(ANYTHING, spot_policy=SpotPolicy.ON_DEMAND))
    second = FleetRequest("second", 2, Requirements(ANYTHING, spot_policy=SpotPolicy.SPOT))
    answer = plan(request(first, second), world(offer(A, 0.1, market=Market.SPOT, count=1)))
    shortfall = part(answer, "first").shortfall
    assert shortfall is not None
    assert [cure.requirement for cure in shortfall.cures] == ["spot_policy"]


def test_fewer_nodes_are_suggested_for_a_fleet_that_cannot_outlast_a_zone() -> None:
    placement = Placement(survive_zones=1)
    there = [_instance("safe", node, zone) for node, zone in enumerate((A, A, B))]
    full = offer(C, 0.1, count=0)
    cures = _cures(FleetRequest("safe", 4, ANY, placement), world(full, instances=there))
    assert cures["nodes"].value == 1


NOISY = st.floats(0.0001, 40).map(lambda price: price * 3 / 3 + 1e-17) | st.sampled_from([0.1 * 1.2, 0.1 + 0.2, 1 / 3])


@given(price=NOISY, memory=NOISY)
@settings(deadline=None, max_examples=60)
def test_the_numbers_of_a_cure_are_short_and_work(price: float, memory: float) -> None:
    kind = InstanceType("odd", 0.1 + 0.2, memory)
    least = Resources(Range(), Range(memory + 1, None))
    for fleet in (
        FleetRequest("train", 1, Requirements(ANYTHING, max_price=price / 2)),
        FleetRequest("train", 1, Requirements(least)),
        FleetRequest("train", 1, Requirements(Resources(Range(2, None), Range()))),
    ):
        there = world(offer(A, price, kind))
        shortfall = part(plan(request(fleet), there), "train").shortfall
        assert shortfall is not None
        [cure] = shortfall.cures
        change = cure_text(cure).partition(":")[0]
        digits = re.findall(r"\.(\d+)", change)
        assert all(len(part) <= 4 for part in digits), change
        value = float(change.rpartition(" ")[2]) if cure.requirement == "max_price" else cure.value
        changed = relief.relieved(fleet, cure.requirement, value)
        assert part(plan(request(changed), there), "train").shortfall is None, change


def _instance(fleet: str, node: int, zone: Zone) -> ExistingInstance:
    return ExistingInstance(f"i-{node}", zone, SMALL, Market.ON_DEMAND, 0.1, fleet, node)
