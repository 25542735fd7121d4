"""Every sentence of a plan is true, in some worlds here and thousands behind `long`; false ones are found."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache

import pytest

from atoll.planning import plan
from atoll.planning.plan import Cure, Fact, Plan, RefusalCode, Shortfall, ShortfallCode
from atoll.planning.request import Document
from tests.planning.relief import PLACEMENT, REQUIREMENTS, RESOURCES, RUN, VOLUME, relieved
from tests.planning.truth import elastic
from tests.planning.truth.said import Said
from tests.planning.truth.sentences import REASONS, is_true, sentences, untrue
from tests.planning.truth.worlds import elastic_case, truth_case
from tests.planning.worlds import Case

WORLDS, ELASTIC = 100, 20
LONG, ELASTIC_LONG = 3_000, 600
PLANTED = 3_000
"""How many worlds are looked at most for one in which a false sentence of a kind can be planted."""

FOUND: Mapping[str, int] = {
    "suitable machines": 16,
    "another nearest miss of zones": 78,
    "gone": 58,
    "instance-type": 556,
    "disk": 45,
    "gpu": 293,
    "gpu-vendor": 235,
    "gpu-name": 63,
    "gpu-capability": 1063,
    "gpu-count": 167,
    "gpu-memory": 399,
    "price-unknown": 141,
    "price": 100,
    "recent-failure": 178,
    "instance-busy": 70,
    "cluster": 56,
    "cure availability_zone": 2041,
    "summary min-zones": 102,
    "summary unknown-volume": 234,
}
"""Where the search for the rarer kinds begins: the world in which one was found."""


def _seeds(kind: str) -> Iterator[int]:
    first = FOUND.get(kind, 0)
    yield from (*range(first, PLANTED), *range(first))


@cache
def planned(seed: int) -> tuple[Case, Plan]:
    """A world of this number with its plan: many tests look for a sentence that is in few."""
    case = truth_case(seed)
    return case, plan(case.request, case.snapshot)


@pytest.mark.parametrize("start", range(0, WORLDS, 50))
def test_every_sentence_is_true(start: int) -> None:
    for seed in range(start, start + 50):
        case = truth_case(seed)
        assert list(untrue(case, plan(case.request, case.snapshot))) == [], f"seed {seed}"


@pytest.mark.long
@pytest.mark.parametrize("start", range(WORLDS, LONG + WORLDS, 100))
def test_every_sentence_is_true_over_many_worlds(start: int) -> None:
    for seed in range(start, start + 100):
        case = truth_case(seed)
        assert list(untrue(case, plan(case.request, case.snapshot))) == [], f"seed {seed}"


@pytest.mark.parametrize("start", range(0, ELASTIC, 10))
def test_every_sentence_about_fleets_that_cannot_grow_is_true(start: int) -> None:
    for seed in range(start, start + 10):
        assert _untrue_of_growth(seed) == [], f"seed {seed}"


@pytest.mark.long
@pytest.mark.parametrize("start", range(ELASTIC, ELASTIC_LONG + ELASTIC, 25))
def test_every_sentence_about_fleets_that_cannot_grow_is_true_over_many_worlds(start: int) -> None:
    for seed in range(start, start + 25):
        assert _untrue_of_growth(seed) == [], f"seed {seed}"


def _untrue_of_growth(seed: int) -> list[str]:
    case = elastic_case(seed)
    return [text for _, text, holds in elastic.sentences(case, elastic.planned(case)) if not holds]


def _with_shortfall(answer: Plan, place: int, shortfall: Shortfall) -> Plan:
    part = replace(answer.documents[place], shortfall=shortfall)
    return replace(answer, documents=(*answer.documents[:place], part, *answer.documents[place + 1 :]))


def _planted(code: RefusalCode, case: Case, answer: Plan) -> Iterator[Said]:
    """Each reason of this code said of the document's other zones, with other numbers, and of all instead of some."""
    for document, part in zip(case.request.documents, answer.documents, strict=True):
        for true in part.refusals:
            if true.code is not code:
                continue
            for other in part.refusals:
                if other.code is not code:
                    yield Said(case, answer, document, part, replace(true, zone=other.zone))
            for key, value in _tampered(true.data):
                yield Said(case, answer, document, part, replace(true, data={**true.data, key: value}))


def _tampered(data: Mapping[str, Fact]) -> Iterator[tuple[str, Fact]]:
    for key in ("most", "least", "price", "free", "needed", "fits", "eligible", "total", "count"):
        value = data.get(key)
        if isinstance(value, int | float) and value:
            yield key, value * 3
    if data.get("joint"):
        yield "joint", False
    if data.get("has") and not data.get("joint"):
        yield "has", ("other",)
    if data.get("instances"):
        yield "instances", ("other",)


@pytest.mark.parametrize("code", REASONS, ids=lambda code: code.value)
def test_a_false_reason_is_found(code: RefusalCode) -> None:
    for seed in _seeds(code.value):
        case, answer = planned(seed)
        if any(not is_true(said) for said in _planted(code, case, answer)):
            return
    pytest.fail(f"no false {code.value} is found")


CURES = sorted({*REQUIREMENTS, *RESOURCES, *PLACEMENT, *RUN, *VOLUME, "nodes"})


@pytest.mark.parametrize("requirement", CURES)
def test_a_cure_that_does_not_help_is_found(requirement: str) -> None:
    for seed in _seeds(f"cure {requirement}"):
        case, answer = planned(seed)
        for place, (document, part) in enumerate(zip(case.request.documents, answer.documents, strict=True)):
            short = part.shortfall
            if short is None or any(cure.requirement == requirement for cure in short.cures):
                continue
            value = _value(requirement, document)
            try:
                if relieved(document, requirement, value) == document:
                    continue
            except KeyError:
                continue
            cure = Cure(requirement, value, (), 0)
            false = _with_shortfall(answer, place, replace(short, cures=(cure,)))
            found = [true for kind, _, true in sentences(case, false) if kind == f"cure {requirement}"]
            assert found == [False], f"seed {seed}"
            return
    pytest.fail(f"no useless {requirement} is found")


def _value(requirement: str, document: Document) -> Fact:
    if requirement == "nodes":
        return getattr(document, "nodes", 2) - 1 or 2
    return 0.3 if requirement == "max_price" else None


Tamper = Callable[[Mapping[str, Fact]], Mapping[str, Fact]]
SHORTFALLS: Mapping[str, Tamper] = {
    ShortfallCode.MIN_ZONES: lambda data: {**data, "zones": ("nowhere",)},
    ShortfallCode.NOT_ENOUGH: lambda data: {**data, "missing": 99},
    ShortfallCode.UNKNOWN_VOLUME: lambda data: {**data, "volumes": ("e0", "v0")},
    ShortfallCode.UNPLACED_VOLUME: lambda data: {**data, "volumes": ("lost",)},
    ShortfallCode.VOLUMES_APART: lambda data: {**data, "other_zones": data["one_zones"]},
    RefusalCode.CPU: lambda data: {**data, "zone": "nowhere"},
    RefusalCode.PRICE: lambda data: {**data, "zone": "nowhere"},
}


@pytest.mark.parametrize("code", SHORTFALLS)
def test_a_false_summary_is_found(code: str) -> None:
    for seed in _seeds(f"summary {code}"):
        case, answer = planned(seed)
        for place, part in enumerate(answer.documents):
            short = part.shortfall
            if short is None or short.code != code:
                continue
            false = _with_shortfall(answer, place, replace(short, data=SHORTFALLS[code](short.data)))
            if any(kind == f"shortfall {code}" and not true for kind, _, true in sentences(case, false)):
                return
    pytest.fail(f"no false {code} is found")


def _other_rule(data: Mapping[str, Fact]) -> Mapping[str, Fact]:
    return {**data, "rule": "max_share" if data["rule"] != "max_share" else "max_zones"}


GROWTH: Mapping[str, tuple[str, Tamper]] = {
    "another size": (ShortfallCode.FLEET_FULL, lambda data: {**data, "most": 99}),
    "another reason to hold": (ShortfallCode.FLEET_HELD, lambda data: {**data, "reason": "another"}),
    "another fleet on hold": (ShortfallCode.FLEET_HELD, lambda data: {**data, "fleet": "other"}),
    "suitable machines": (
        ShortfallCode.FLEET_UNSUITED,
        lambda data: {**data, "suited": not data["suited"]} if "suited" in data else data,
    ),
    "another nearest miss of machines": (
        ShortfallCode.FLEET_UNSUITED,
        lambda data: {**data, "zone": "nowhere"} if "miss" in data else data,
    ),
    "another rule": (ShortfallCode.FLEET_RULE, _other_rule),
    "more nodes by a rule": (ShortfallCode.FLEET_RULE, lambda data: {**data, "nodes": 9}),
    "other zones by a rule": (ShortfallCode.FLEET_RULE, lambda data: {**data, "zones": ("nowhere",)}),
    "another nearest miss of zones": (
        RefusalCode.DRAINED,
        lambda data: {**data, "zone": "nowhere"} if "growing" in data else data,
    ),
}


@pytest.mark.parametrize("name", GROWTH)
def test_a_false_reason_of_a_fleet_that_cannot_grow_is_found(name: str) -> None:
    code, tamper = GROWTH[name]
    for seed in _seeds(name):
        case, made = _grown(seed)
        for place, part in enumerate(made.documents):
            short = part.shortfall
            if short is None or short.code != code or tamper(short.data) == short.data:
                continue
            false = _with_shortfall(made, place, replace(short, data=tamper(short.data)))
            found = [true for kind, _, true in elastic.sentences(case, false) if kind == f"shortfall {code}"]
            if not all(found):
                return
    pytest.fail(f"no false {code} is found")


def test_a_cure_of_a_fleet_that_cannot_grow_and_does_not_help_is_found() -> None:
    useless = Cure("spot_policy", "auto", (), 0)
    for seed in _seeds("useless cure"):
        case, made = _grown(seed)
        for place, part in enumerate(made.documents):
            short = part.shortfall
            if short is not None and not any(cure.requirement == "spot_policy" for cure in short.cures):
                false = _with_shortfall(made, place, replace(short, cures=(useless,)))
                if any(kind.startswith("cure") and not true for kind, _, true in elastic.sentences(case, false)):
                    return
    pytest.fail("no useless cure is found")


@cache
def _grown(seed: int) -> tuple[Case, Plan]:
    case = elastic_case(seed)
    return case, elastic.planned(case)


def test_the_worlds_bring_every_kind_of_reason() -> None:
    seen: Counter[str] = Counter()
    for seed in {*range(WORLDS), *FOUND.values()}:
        seen.update(r.code.value for part in planned(seed)[1].documents for r in part.refusals)
    assert {code.value for code in REASONS} - set(seen) == set()
    # Machines that users own are in no world of these; their reasons are in test_owned.py and test_containers.py.
    assert set(REASONS) == set(RefusalCode) - {RefusalCode.OWNED, RefusalCode.CONTAINERS}
