"""A plan takes no more steps than its budget: what it does not decide it leaves open, and what it says stays true."""

from dataclasses import replace
from random import Random

import pytest

from atoll.model.catalog import Catalog
from atoll.model.offer import Availability, Market, Offer
from atoll.model.quota import Quota
from atoll.model.resources import InstanceType, Range, Resources
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo
from atoll.planning import plan
from atoll.planning.budget import SECOND, Budget
from atoll.planning.plan import Plan, ShortfallCode
from atoll.planning.reasons import explain
from atoll.planning.request import FleetRequest, Placement, Request, Requirements, RunRequest, Strategy
from atoll.planning.snapshot import Snapshot
from tests.planning.checks import violations
from tests.planning.worlds import NOW, Case

STEPS = (0, 1_000, 10_000, 50_000, SECOND / 4, SECOND)
CODES = {ShortfallCode.UNDECIDED.value}


def packed_case(seed: int, fleets: int = 7, zones: int = 3) -> Case:
    """Fleets that share small zones: everything depends on everything."""
    rng = Random(seed)
    kinds = [InstanceType(f"t{n}", 2 + rng.randint(0, 30), 8 + rng.randint(0, 200)) for n in range(20)]
    places = [Zone("aws", "east", f"east{n}") for n in range(zones)]
    offers = [
        Offer(zone, kind, Market.ON_DEMAND, round(kind.cpus * 0.03 + rng.random(), 4), Availability.AVAILABLE)
        for zone in places
        for kind in kinds
    ]
    documents = [
        FleetRequest(
            f"fleet-{n}",
            rng.randint(1, 4),
            Requirements(Resources(Range(2 + rng.randint(0, 14)), Range(8 + rng.randint(0, 90)))),
            Placement(Strategy.SPREAD if n % 2 else Strategy.ANY, survive_zones=int(n % 4 == 1)),
        )
        for n in range(fleets)
    ]
    infos = tuple(ZoneInfo(zone, capacity=Capacity(90 + 13 * n, 500 + 37 * n)) for n, zone in enumerate(places))
    snapshot = Snapshot(Catalog.from_offers(offers, NOW), infos, NOW, (BackendInfo("aws"),))
    return Case(Request("request", tuple(documents)), snapshot)


def unplaced(answer: Plan) -> dict[str, str]:
    return {one.name: one.shortfall.code for one in answer.documents if one.shortfall is not None}


@pytest.mark.parametrize("seed", range(6))
def test_a_smaller_budget_refuses_nothing_that_fits_and_bounds_the_price_gap(seed: int) -> None:
    best = plan(packed_case(seed).request, packed_case(seed).snapshot, Budget(60 * SECOND))
    assert best.proven
    for steps in STEPS:
        compare(packed_case(seed), best, steps)


def compare(case: Case, best: Plan, steps: float) -> None:
    """Hold the plan within this budget against the best one."""
    answer = plan(case.request, case.snapshot, Budget(steps))
    refused = {name for name, code in unplaced(answer).items() if code not in CODES}
    assert refused <= unplaced(best).keys()
    assert answer.proven or answer.gap is None or answer.gap > 0
    if not unplaced(answer) and not unplaced(best):
        assert answer.price >= best.price - 1e-6
        assert answer.gap is None or answer.price <= best.price * (1 + answer.gap) + 1e-6
        assert not list(violations(case, answer))
    if answer.proven:
        assert answer.price == pytest.approx(best.price)


def test_the_budgets_of_these_cases_leave_some_open_and_let_some_be_good_without_proof() -> None:
    answers = [plan(packed_case(seed).request, packed_case(seed).snapshot, Budget(s)) for seed in (2, 5) for s in STEPS]
    assert any(CODES & set(unplaced(answer).values()) for answer in answers)
    assert any(not answer.proven and answer.gap and not unplaced(answer) for answer in answers)
    assert any(answer.proven for answer in answers)


def test_a_plan_without_any_budget_leaves_its_documents_open_and_calls_none_of_them_impossible() -> None:
    case = packed_case(0)
    answer = plan(case.request, case.snapshot, Budget(0))
    open_ones = [one for one in answer.documents if one.shortfall is not None]
    assert open_ones
    assert not answer.proven
    for one in open_ones:
        assert one.shortfall is not None
        assert one.shortfall.code == ShortfallCode.UNDECIDED
        assert one.shortfall.passes
        assert not one.shortfall.cures
        text = explain.shortfall_text(one.kind, one.name, one.shortfall)
        assert text == f"fleet `{one.name}` is not decided within the budget of one plan; it is planned again later"


def test_the_same_budget_makes_the_same_plan() -> None:
    case = packed_case(1)
    answers = [plan(case.request, case.snapshot, Budget(SECOND / 4)) for _ in range(2)]
    assert answers[0] == answers[1]


def quotas_that_are_too_small(tasks: int, kinds: int) -> Case:
    """Tasks of several kinds, of which the quotas of twelve regions take about half."""
    places = [Zone("aws", f"region-{n // 3}", f"zone-{n}") for n in range(36)]
    types = [InstanceType(f"t{cpus}.{memory}", cpus, memory * cpus) for cpus in (1, 2, 4, 8) for memory in (2, 4, 8)]
    offers = [
        Offer(zone, kind, Market.ON_DEMAND, round(0.05 * kind.cpus + 0.001 * n, 4), Availability.AVAILABLE)
        for n, zone in enumerate(places)
        for kind in types
    ]
    quotas = tuple(Quota("aws", f"region-{n}", Market.ON_DEMAND, max(4, tasks // 8)) for n in range(12))
    infos = tuple(ZoneInfo(zone) for zone in places)
    snapshot = Snapshot(Catalog.from_offers(offers, NOW), infos, NOW, (BackendInfo("aws"),), quotas=quotas)
    sizes = [Resources(Range(1 + n % kinds % 5), Range(2 + n % kinds)) for n in range(tasks)]
    runs = tuple(RunRequest(f"task-{n}", requirements=Requirements(size)) for n, size in enumerate(sizes))
    return Case(Request("request", runs), snapshot)


@pytest.mark.parametrize("steps", [SECOND / 20, SECOND / 4])
@pytest.mark.parametrize(
    "case",
    [packed_case(2, fleets=12), quotas_that_are_too_small(80, 40), quotas_that_are_too_small(120, 3)],
    ids=["fleets", "different tasks", "tasks of three kinds"],
)
def test_the_search_for_places_and_cures_stops_at_the_end_of_the_budget(case: Case, steps: float) -> None:
    budget = Budget(steps)
    plan(case.request, case.snapshot, budget)
    assert budget.steps > -SECOND / 20


def clusters_under_quotas(count: int) -> Case:
    """Clusters of four nodes of several sizes, of which the quotas of twelve regions take about two thirds."""
    case = quotas_that_are_too_small(80, 40)
    fleets = tuple(
        FleetRequest(
            f"fleet-{n}", 4, Requirements(Resources(Range(1 + n % 3), Range(2 + n))), Placement(Strategy.CLUSTER)
        )
        for n in range(count)
    )
    return Case(Request("request", fleets), case.snapshot)


@pytest.mark.parametrize("steps", [SECOND / 20, SECOND / 4])
@pytest.mark.parametrize(
    ("case", "least"),
    [
        (clusters_under_quotas(24), 8),
        (quotas_that_are_too_small(120, 40), 30),
        (packed_case(2, fleets=12), 4),
    ],
    ids=["clusters", "tasks", "fleets"],
)
def test_what_fits_beside_the_others_is_placed_when_the_budget_leaves_the_rest_open(
    case: Case, least: int, steps: float
) -> None:
    answer = plan(case.request, case.snapshot, Budget(steps))
    short = unplaced(answer)
    assert CODES & set(short.values())
    pairs = list(zip(case.request.documents, answer.documents, strict=True))
    placed = [(document, part) for document, part in pairs if part.shortfall is None]
    assert len(placed) >= least
    documents, parts = zip(*placed, strict=True)
    alone = Case(Request(case.request.id, documents), case.snapshot)
    assert not list(violations(alone, replace(answer, documents=parts)))


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (None, "a cheaper plan may exist"),
        (0.00391, "0.4 % dearer"),
        (0.0401, "4.1 % dearer"),
        (0.00001, "0.1 % dearer"),
    ],
)
def test_a_plan_without_proof_says_how_good_it_is_and_rounds_up(gap: float | None, text: str) -> None:
    assert text in explain.proof_note(gap)
