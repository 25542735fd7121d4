"""What a cure says, applied to the document as its reader would apply it; and every such change that there is."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from random import Random

from atoll.model.offer import UNKNOWN_PRICE, Offer
from atoll.model.resources import Range, Resources
from atoll.planning import plan
from atoll.planning.plan import Fact, Plan
from atoll.planning.request import (
    Document,
    FleetRequest,
    OnShortage,
    Placement,
    Request,
    Requirements,
    RunRequest,
    SpotPolicy,
    Strategy,
    VolumeRequest,
)
from tests.planning.worlds import Case

REQUIREMENTS: Mapping[str, Callable[[Requirements, Fact], Requirements]] = {
    "availability_zones": lambda requirements, _: replace(requirements, availability_zones=None),
    "regions": lambda requirements, _: replace(requirements, regions=None),
    "backends": lambda requirements, _: replace(requirements, backends=None),
    "instance_types": lambda requirements, _: replace(requirements, instance_types=None),
    "spot_policy": lambda requirements, value: replace(requirements, spot_policy=SpotPolicy(str(value or "auto"))),
    "max_price": lambda requirements, value: replace(
        requirements, max_price=value if isinstance(value, float) else None
    ),
}
RESOURCES: Mapping[str, Callable[[Resources, Fact], Resources]] = {
    "resources.cpu": lambda requirements, value: replace(requirements, cpus=_at_least(value)),
    "resources.memory": lambda requirements, value: replace(requirements, memory_gb=_at_least(value)),
    "resources.disk": lambda requirements, _: replace(requirements, disk_gb=None),
    "resources.cpu.arch": lambda requirements, _: replace(requirements, arch=None),
    "resources.gpu": lambda requirements, _: replace(requirements, gpu=None),
}
PLACEMENT: Mapping[str, Callable[[Placement], Placement]] = {
    "placement": lambda _: Placement(),
    "placement.min_zones": lambda requirements: replace(requirements, min_zones=None),
    "placement.max_zones": lambda requirements: replace(requirements, max_zones=None),
    "placement.max_share": lambda requirements: replace(requirements, max_share=None),
    "placement.survive_zones": lambda requirements: replace(requirements, survive_zones=0),
    "placement.on_shortage": lambda requirements: replace(requirements, on_shortage=OnShortage.BEST_EFFORT),
}
RUN: Mapping[str, Callable[[RunRequest], RunRequest]] = {
    "placement": lambda run: replace(run, placement=Placement()),
    "fleets": lambda run: replace(run, fleets=None),
    "instances": lambda run: replace(run, instances=None),
    "creation_policy": lambda run: replace(run, may_create=True),
}
VOLUME: Mapping[str, Callable[[VolumeRequest], VolumeRequest]] = {
    "availability_zone": lambda volume: replace(volume, availability_zone=None),
    "region": lambda volume: replace(volume, region=None),
    "backend": lambda volume: replace(volume, backend=None),
}


def _at_least(value: Fact) -> Range:
    """The range that is written as `x86:2..` or `4GB..`; without a value, any amount."""
    text = str(value or "0..").rpartition(":")[2].removesuffix("..").removesuffix("GB")
    return Range(float(text), None)


def relieved(document: Document, requirement: str, value: Fact = None) -> Document:
    """The document with one requirement dropped or changed. Raises KeyError for one that it cannot have."""
    if isinstance(document, VolumeRequest):
        return VOLUME[requirement](document)
    requirements = document.requirements
    if requirement in REQUIREMENTS:
        return replace(document, requirements=REQUIREMENTS[requirement](requirements, value))
    if requirement in RESOURCES:
        return replace(
            document,
            requirements=replace(requirements, resources=RESOURCES[requirement](requirements.resources, value)),
        )
    if isinstance(document, RunRequest) and value == Strategy.REGION:
        return replace(document, placement=Placement(Strategy.REGION))
    if isinstance(document, RunRequest):
        return RUN[requirement](document)
    if requirement == "nodes":
        assert isinstance(value, int)
        return replace(document, nodes=value)
    return replace(document, placement=PLACEMENT[requirement](document.placement))


def changes(document: Document, offers: Iterable[Offer]) -> Iterator[tuple[str, Fact]]:
    """Every requirement of the document that could be dropped, every smaller number of nodes and every higher price."""
    names: list[str] = list(VOLUME)
    if not isinstance(document, VolumeRequest):
        names = [*REQUIREMENTS, *RESOURCES, *(PLACEMENT if isinstance(document, FleetRequest) else RUN)]
    yield from ((name, None) for name in names if relieved(document, name) != document)
    if isinstance(document, FleetRequest):
        yield from (("nodes", nodes) for nodes in range(1, document.nodes))
    if not isinstance(document, VolumeRequest) and document.requirements.max_price is not None:
        limit = document.requirements.max_price
        yield from (
            ("max_price", price) for price in sorted({offer.price for offer in offers}) if limit < price < UNKNOWN_PRICE
        )


def _fits(case: Case, document: Document, changed: Document) -> bool:
    """True when the document fits after the change, planned with all the others."""
    place = case.request.documents.index(document)
    documents = tuple(changed if i == place else d for i, d in enumerate(case.request.documents))
    return plan(Request(case.request.id, documents), case.snapshot).documents[place].shortfall is None


def cures_are_true(case: Case, answer: Plan, rng: Random) -> Iterator[str]:
    """Each single change that is told lets the document fit."""
    for document, part in zip(case.request.documents, answer.documents, strict=True):
        for cure in part.shortfall.cures if part.shortfall else ():
            changed = relieved(document, cure.requirement, cure.value)
            if changed == document:
                yield f"{part.name}: {cure.requirement} is told to be changed to what it is"
            elif not _fits(case, document, changed):
                yield f"{part.name} does not fit with {cure.requirement} {cure.value}"


def a_cure_is_told_where_there_is_one(case: Case, answer: Plan, rng: Random) -> Iterator[str]:
    """Where a single change would let the document fit beside the others, at least one is told."""
    placed = sum(part.shortfall is None for part in answer.documents)
    for document, part in zip(case.request.documents, answer.documents, strict=True):
        if part.shortfall is None or part.shortfall.cures:
            continue
        for requirement, value in changes(document, case.snapshot.catalog):
            changed = relieved(document, requirement, value)
            place = case.request.documents.index(document)
            documents = tuple(changed if i == place else d for i, d in enumerate(case.request.documents))
            other = plan(Request(case.request.id, documents), case.snapshot)
            fits = other.documents[place].shortfall is None
            if fits and sum(d.shortfall is None for d in other.documents) > placed:
                yield f"{part.name} would fit with {requirement} {value or 'dropped'}, and no cure is told"
                break
