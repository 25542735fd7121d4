"""Every sentence of a plan is true: 300 worlds here, 3,000 in the soak; a false one of each kind is found."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random

import pytest

from atoll.model.catalog import Catalog
from atoll.model.resources import Gpu, GpuRequirement, InstanceType, Range, Resources
from atoll.planning import plan
from atoll.planning.plan import Cure, Fact, Plan, RefusalCode, Shortfall, ShortfallCode
from atoll.planning.request import Document, VolumeRequest
from tests.planning.relief import PLACEMENT, REQUIREMENTS, RESOURCES, RUN, VOLUME, relieved
from tests.planning.truth import REASONS, Said, is_true, sentences, untrue
from tests.planning.worlds import NOW, SMALL, Case, case_of_seed

WORLDS = 300
LONG = 3_000
PLANTED = 3_000
"""How many worlds are looked at most for one in which a false sentence of a kind can be planted."""


def truth_case(seed: int) -> Case:
    """A small world with ties, quotas, instances, failures; in every second one requirements of all kinds."""
    case, rng = case_of_seed(seed, SMALL), Random(seed)
    return _varied(case, rng) if seed % 2 else case


def _varied(case: Case, rng: Random) -> Case:
    """GPUs of two vendors and several abilities, and documents that ask for GPUs, disks and bounded ranges."""
    kinds: dict[InstanceType, InstanceType] = {}

    def kind_of(kind: InstanceType) -> InstanceType:
        if kind not in kinds:
            vendor = rng.choice(["nvidia", "nvidia", "amd"])
            ability = rng.choice([None, (8, 0), (9, 0)])
            gpu = kind.gpu and Gpu(kind.gpu.name, kind.gpu.count, kind.gpu.memory_gb, vendor, ability)
            disk = rng.choice([0, 50, 100, 200])
            kinds[kind] = replace(kind, gpu=gpu or _maybe_gpu(vendor, rng), disk_gb=disk)
        return kinds[kind]

    offers = [replace(offer, instance_type=kind_of(offer.instance_type)) for offer in case.snapshot.catalog]
    instances = tuple(replace(i, instance_type=kind_of(i.instance_type)) for i in case.snapshot.instances)
    documents = tuple(_asking(document, rng) for document in case.request.documents)
    snapshot = replace(case.snapshot, catalog=Catalog.from_offers(offers, NOW), instances=instances)
    return Case(replace(case.request, documents=documents), snapshot)


def _maybe_gpu(vendor: str, rng: Random) -> Gpu | None:
    if rng.random() < 0.5:
        return None
    return Gpu(rng.choice(["A10G", "T4"]), rng.choice([1, 4]), rng.choice([16, 24]), vendor, rng.choice([None, (7, 5)]))


def _asking(document: Document, rng: Random) -> Document:
    if isinstance(document, VolumeRequest) or rng.random() < 0.3:
        return document
    cpus = rng.choice([Range(1, None), Range(3, 3), Range(1, 3), Range(None, 1)])
    memory = rng.choice([Range(), Range(100, None), Range(5, 6)])
    disk = rng.choice([None, None, Range(150, None), Range(60, 90)])
    arch = rng.choice([None, None, "x86", "arm"])
    resources = Resources(cpus, memory, disk, arch, _gpu(rng) if rng.random() < 0.7 else None)
    return replace(document, requirements=replace(document.requirements, resources=resources))


def _gpu(rng: Random) -> GpuRequirement:
    return rng.choice(
        [
            GpuRequirement(names=("H100", "A100")),
            GpuRequirement(vendor="amd"),
            GpuRequirement(Range(3, 4)),
            GpuRequirement(memory_gb=Range(24, 30)),
            GpuRequirement(total_memory_gb=Range(100, None)),
            GpuRequirement(compute_capability=(9, 0)),
        ]
    )


@pytest.mark.parametrize("start", range(0, WORLDS, 50))
def test_every_sentence_is_true(start: int) -> None:
    for seed in range(start, start + 50):
        case = truth_case(seed)
        assert list(untrue(case, plan(case.request, case.snapshot))) == [], f"seed {seed}"


@pytest.mark.soak
@pytest.mark.parametrize("start", range(WORLDS, LONG + WORLDS, 100))
def test_every_sentence_is_true_over_many_worlds(start: int) -> None:
    for seed in range(start, start + 100):
        case = truth_case(seed)
        assert list(untrue(case, plan(case.request, case.snapshot))) == [], f"seed {seed}"


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
    for seed in range(PLANTED):
        case = truth_case(seed)
        answer = plan(case.request, case.snapshot)
        if any(not is_true(said) for said in _planted(code, case, answer)):
            return
    pytest.fail(f"no false {code.value} is found")


CURES = sorted({*REQUIREMENTS, *RESOURCES, *PLACEMENT, *RUN, *VOLUME, "nodes"})


@pytest.mark.parametrize("requirement", CURES)
def test_a_cure_that_does_not_help_is_found(requirement: str) -> None:
    for seed in range(PLANTED):
        case = truth_case(seed)
        answer = plan(case.request, case.snapshot)
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
    for seed in range(PLANTED):
        case = truth_case(seed)
        answer = plan(case.request, case.snapshot)
        for place, part in enumerate(answer.documents):
            short = part.shortfall
            if short is None or short.code != code:
                continue
            false = _with_shortfall(answer, place, replace(short, data=SHORTFALLS[code](short.data)))
            if any(kind == f"shortfall {code}" and not true for kind, _, true in sentences(case, false)):
                return
    pytest.fail(f"no false {code} is found")


def test_the_worlds_bring_every_kind_of_reason() -> None:
    seen: Counter[str] = Counter()
    for seed in range(WORLDS * 3):
        case = truth_case(seed)
        seen.update(r.code.value for part in plan(case.request, case.snapshot).documents for r in part.refusals)
    assert {code.value for code in REASONS} - set(seen) == set()
    # Machines that users own are in no world of these; their reason is in test_owned.py.
    assert set(REASONS) == set(RefusalCode) - {RefusalCode.OWNED}
