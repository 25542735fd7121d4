"""What a fleet and a run ask for together is what suits both, and nothing is left of what contradicts itself."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from atoll.model.resources import GpuRequirement, Range, Resources
from atoll.planning.combined import Contradictory, combined
from atoll.planning.filters.feasibility import PASSED, assess
from atoll.planning.request import FleetRequest, Requirements, RunRequest, SpotPolicy
from atoll.planning.terrain import Terrain
from tests.planning import rules
from tests.planning.worlds import Case, case_of_seed

ANY = Requirements(Resources(Range(), Range()))


def offers(requirements: Requirements, case: Case) -> set[int]:
    return {number for number, _ in rules.buyable(requirements, case.snapshot)}


def passing(requirements: Requirements, case: Case) -> set[int]:
    return set(np.flatnonzero(assess(requirements, Terrain.of(case.snapshot, "")).offers == PASSED).tolist())


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_the_offers_that_meet_both_are_those_that_meet_the_combination(start: int) -> None:
    seen = 0
    for seed in range(start, start + 100):
        case = case_of_seed(seed)
        documents = [each for each in case.request.documents if isinstance(each, FleetRequest | RunRequest)]
        for one, other in pairwise(documents):
            both = offers(one.requirements, case) & offers(other.requirements, case)
            zones = rules.zones_of(case.snapshot)
            try:
                found = passing(combined(one.requirements, other.requirements, zones), case)
            except Contradictory:
                found = set()
            assert found == both, f"seed {seed}"
            seen += bool(both)
    assert seen > 20


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (replace(ANY, backends=("aws",)), replace(ANY, backends=("gcp",))),
        (replace(ANY, spot_policy=SpotPolicy.SPOT), ANY),
        (replace(ANY, resources=Resources(arch="arm")), replace(ANY, resources=Resources(arch="x86"))),
        (replace(ANY, resources=Resources(Range(4, 4))), replace(ANY, resources=Resources(Range(8, None)))),
        (
            replace(ANY, resources=Resources(gpu=GpuRequirement(names=("H100",)))),
            replace(ANY, resources=Resources(gpu=GpuRequirement(names=("A100",)))),
        ),
        (replace(ANY, availability_zones=("a",)), replace(ANY, availability_zones=("!a", "b"))),
    ],
)
def test_what_no_machine_can_be_is_contradictory(one: Requirements, other: Requirements) -> None:
    with pytest.raises(Contradictory):
        combined(one, other, ())
