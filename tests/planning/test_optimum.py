"""The planner against an exact model of its own: the same price, and infeasible exactly when the model is.

A case that fails can be run alone: `ATOLL_PLANNING_SEED=<number> pytest -n 0 tests/planning/test_optimum.py`.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest

from atoll.model.catalog import Catalog
from atoll.planning import plan
from atoll.planning.request import Document, FleetRequest, NodeRequest, RunRequest, Strategy
from atoll.planning.solving.options import UNKNOWN_COST
from tests.planning.checks import violations
from tests.planning.oracle import Verdict, fewest_zones, judge
from tests.planning.worlds import LARGE, NOW, SMALL, Case, Size, case_of_seed

CASES, OFTEN = 2_000, 275
CHUNK = 25
COPIED_CASES = NEAR_CASES = 500
LESS_OFTEN = 75
"""The cases of `make test`; the others are long."""
SOAK_CASES = 20_000
SOAK_LARGE_CASES = 1_000

CENT_FRACTION = 1e-5
"""USD: prices have four digits, so two different costs lie further apart."""


def _chunks(start: int, count: int, often: int | None = None) -> list[object]:
    """The cases in chunks; all but the first `often` of them are long."""
    only = os.environ.get("ATOLL_PLANNING_SEED")
    if only is not None:
        return [pytest.param(range(int(only), int(only) + 1))]
    chunks = [range(seed, min(seed + CHUNK, start + count)) for seed in range(start, start + count, CHUNK)]
    last = count if often is None else often
    return [pytest.param(c, marks=[pytest.mark.long] if c.start - start >= last else []) for c in chunks]


@pytest.mark.parametrize("seeds", _chunks(0, CASES, OFTEN), ids=lambda seeds: f"from-{seeds.start}")
def test_the_plan_costs_what_the_best_costs_and_lacks_what_cannot_be(seeds: range) -> None:
    _compare(seeds, None)


@pytest.mark.soak
@pytest.mark.parametrize(
    "seeds",
    _chunks(1_000_000, int(os.environ.get("ATOLL_PLANNING_SOAK", SOAK_CASES))),
    ids=lambda seeds: f"from-{seeds.start}",
)
def test_the_plan_costs_what_the_best_costs_over_many_more_cases(seeds: range) -> None:
    _compare(seeds, None)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seeds", _chunks(2_000_000, SOAK_LARGE_CASES), ids=lambda seeds: f"from-{seeds.start}")
def test_the_plan_costs_what_the_best_costs_over_large_cases(seeds: range) -> None:
    _compare(seeds, LARGE)


@pytest.mark.parametrize("seeds", _chunks(3_000_000, COPIED_CASES, LESS_OFTEN), ids=lambda seeds: f"from-{seeds.start}")
def test_the_plan_of_equal_runs_costs_what_the_best_costs(seeds: range) -> None:
    _compare(seeds, SMALL, copies=4)


@pytest.mark.parametrize("seeds", _chunks(4_000_000, NEAR_CASES, LESS_OFTEN), ids=lambda seeds: f"from-{seeds.start}")
def test_nodes_of_a_run_are_in_as_few_zones_as_the_price_allows(seeds: range) -> None:
    for seed in seeds:
        case = _with_equal_prices(case_of_seed(seed, SMALL), Random(seed))
        answer, best = plan(case.request, case.snapshot), judge(case)
        zones = {part.name: {node.zone for node in part.placements} for part in answer.documents}
        free = [d for d in best.placed if isinstance(d, RunRequest) and len(d.nodes) > 1]
        used = sum(len(zones[run.name]) for run in free if run.placement.strategy in (Strategy.ANY, Strategy.REGION))
        fewest = fewest_zones(case, best.placed)
        assert used == fewest, f"ATOLL_PLANNING_SEED={seed}: {used} zones instead of {fewest}"


def _with_equal_prices(case: Case, rng: Random) -> Case:
    """The case with two prices, a few machines of each offer and runs of several nodes: ties of zones."""
    offers = [replace(o, price=rng.choice([0.1, 0.1, 0.2]), count=rng.randint(1, 4)) for o in case.snapshot.catalog]
    snapshot = replace(case.snapshot, catalog=Catalog.from_offers(offers, NOW))
    documents = tuple(
        replace(d, nodes=tuple(NodeRequest(rank, d.nodes[0].mounts[: rank == 0]) for rank in range(rng.randint(2, 5))))
        if isinstance(d, RunRequest)
        else d
        for d in case.request.documents
    )
    return Case(replace(case.request, documents=documents), snapshot)


def _with_copies(case: Case, most: int, rng: Random) -> Case:
    """The case with up to so many runs more that are equal to one of its runs, at random places."""
    documents = list(case.request.documents)
    runs = [d for d in documents if isinstance(d, RunRequest)]
    for number in range(rng.randint(1, most) if runs else 0):
        run = rng.choice(runs)
        documents.insert(rng.randint(0, len(documents)), replace(run, name=f"{run.name}-{number}"))
    return replace(case, request=replace(case.request, documents=tuple(documents)))


def _compare(seeds: range, size: Size | None, copies: int = 0) -> None:
    for seed in seeds:
        case = _with_copies(case_of_seed(seed, size), copies, Random(seed)) if copies else case_of_seed(seed, size)
        differences = _differences(case, judge(case))
        assert not differences, f"ATOLL_PLANNING_SEED={seed}: {differences}"


def _differences(case: Case, best: Verdict) -> list[str]:
    """Where the plan is not the best one."""
    answer = plan(case.request, case.snapshot)
    assert answer.proven
    found = list(violations(case, answer))
    cost = sum(min(node.price, UNKNOWN_COST) for document in answer.documents for node in document.placements)
    if abs(cost - best.cost) > CENT_FRACTION:
        found.append(f"the plan costs {cost}, the best {best.cost}")
    asked: dict[tuple[type, str], Document] = {(type(d), d.name): d for d in case.request.documents}
    as_asked = {
        document.name
        for document in best.placed
        if document == asked[type(document), document.name] or _only_less_even(document, asked)
    }
    whole = {document.name for document in answer.documents if document.shortfall is None}
    if whole != as_asked:
        found.append(f"placed are {sorted(whole)}, and could be {sorted(as_asked)}")
    for document in best.placed:
        if isinstance(document, FleetRequest) and not document.placement.survive_zones:
            there = sum(instance.fleet == document.name for instance in case.snapshot.instances)
            got = next(d for d in answer.documents if d.name == document.name).placements
            if len(got) != max(0, document.nodes - there):
                found.append(f"{document.name} gets {len(got)} nodes and could have {document.nodes - there}")
    return found


def _only_less_even(document: Document, asked: Mapping[tuple[type, str], Document]) -> bool:
    """True for a best-effort fleet that got all its nodes, with more skew than it asked for."""
    if not isinstance(document, FleetRequest):
        return False
    original = asked[FleetRequest, document.name]
    assert isinstance(original, FleetRequest)
    return document.nodes == original.nodes and document.placement.strategy is original.placement.strategy
