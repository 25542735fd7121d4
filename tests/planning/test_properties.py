"""What every plan must keep, over cases that Hypothesis draws and makes smaller. `test_faults` shows what each sees."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atoll.planning import plan
from tests.planning import relations
from tests.planning.checks import ALL, Check
from tests.planning.relations import Relation
from tests.planning.worlds import SMALL, case_of, case_of_seed

drawn = st.randoms(use_true_random=False)
quietly = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
@settings(quietly, max_examples=40)
@given(random=drawn)
def test_every_plan_keeps(check: Check, random: Random) -> None:
    case = case_of(random, SMALL)
    assert list(check(case, plan(case.request, case.snapshot))) == []


@pytest.mark.parametrize("relation", relations.ALL, ids=lambda relation: relation.__name__)
@settings(quietly, max_examples=60)
@given(random=drawn)
def test_plans_of_related_cases_keep(relation: Relation, random: Random) -> None:
    case = case_of(random, SMALL)
    assert list(relation(case, plan(case.request, case.snapshot), random)) == []


@pytest.mark.parametrize(
    "start", [*range(0, 200, 40), *(pytest.param(n, marks=pytest.mark.long) for n in range(20, 200, 40))]
)
def test_plans_of_related_cases_keep_over_cases_of_all_sizes(start: int) -> None:
    for seed in range(start, start + 20):
        case = case_of_seed(seed)
        answer = plan(case.request, case.snapshot)
        found = [f"{r.__name__}: {text}" for r in relations.ALL for text in r(case, answer, Random(seed))]
        assert not found, f"seed {seed}: {found}"
