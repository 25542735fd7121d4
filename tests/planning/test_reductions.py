"""What makes the planner quick changes no answer: filters in columns against one offer at a time, reduced problems
against the exact model of the whole one."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from atoll.model.catalog import Catalog
from atoll.model.failure import Failure, FailureKind, Scope
from atoll.model.offer import UNKNOWN_PRICE, Availability, Market, Offer
from atoll.model.resources import Gpu, GpuRequirement, InstanceType, Range, Resources
from atoll.model.zone import BackendInfo, Zone, ZoneInfo, ZoneState
from atoll.planning import plan
from atoll.planning.filters.feasibility import FILTERS, PASSED, assess
from atoll.planning.plan import DocumentPlan, RefusalCode, Source
from atoll.planning.request import (
    Document,
    FleetRequest,
    MountRequest,
    NodeRequest,
    Placement,
    Request,
    Requirements,
    RunRequest,
    SpotPolicy,
    Strategy,
    VolumeRequest,
)
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot
from atoll.planning.solving import programme as model
from atoll.planning.solving.joint import Decider
from atoll.planning.solving.limits import Limits
from atoll.planning.solving.options import suiting
from atoll.planning.solving.problem import Solution
from atoll.planning.solving.reductions import reused
from atoll.planning.terrain import Terrain
from atoll.planning.volumes import volume_zones

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = tuple(Zone("aws", region, region + letter) for region in ("east", "west") for letter in "abc")
TYPES = tuple(
    InstanceType(
        f"t{cpus}x{memory}{'g' if gpus else ''}",
        cpus,
        memory,
        gpu=Gpu("L4", gpus, 24, compute_capability=(8, 9)) if gpus else None,
    )
    for cpus in (1, 2, 4, 8)
    for memory in (4, 16)
    for gpus in (0, cpus // 4)
)


OF_FLEETS = (Strategy.ANY, Strategy.CLUSTER, Strategy.SPREAD)


def some_world(chance: random.Random, limited: float = 0.2) -> Snapshot:
    offers = [
        Offer(
            zone,
            kind,
            market,
            round(chance.uniform(0.5, 1.5) * (kind.cpus + kind.memory_gb / 8) * (1 if market == "spot" else 3), 2),
            chance.choices(list(Availability), (8, 1, 1))[0],
            chance.randint(0, 2) if chance.random() < limited else None,
        )
        for zone in ZONES
        for kind in TYPES
        for market in (Market.ON_DEMAND, Market.SPOT)
        if chance.random() < 0.6
    ]
    infos = [ZoneInfo(zone, chance.choices(list(ZoneState), (9, *(1,) * (len(ZoneState) - 1)))[0]) for zone in ZONES]
    instances = [
        ExistingInstance(f"i{n}", chance.choice(ZONES), chance.choice(TYPES), Market.SPOT, 1, "old", n, n % 3 == 0)
        for n in range(chance.choice((0, 0, 4)))
    ]
    scope = Scope("aws", "east", chance.choice(("easta", None)), chance.choice((TYPES[0].name, None)), None)
    failure = Failure(chance.choice(list(FailureKind)), scope, NOW, NOW + timedelta(minutes=1))
    return Snapshot(
        Catalog.from_offers(offers, NOW),
        tuple(infos),
        NOW,
        (BackendInfo("aws"),),
        tuple(instances),
        tuple(ExistingVolume(f"e{n}", chance.choice(ZONES), 1) for n in range(2)),
        failures=(failure,) if chance.random() < 0.3 else (),
        seed=chance.randrange(9),
    )


def some_requirements(chance: random.Random) -> Requirements:
    gpu = GpuRequirement(Range(1, 2), chance.choice(((), ("l4",)))) if chance.random() < 0.2 else None
    return Requirements(
        Resources(Range(chance.choice((1, 2, 4))), Range(chance.choice((4, 5, 16))), gpu=gpu),
        regions=chance.choice((None, None, ("east",))),
        availability_zones=chance.choice((None, None, ("*a", "*b"), ("!easta",))),
        instance_types=(TYPES[4].name, "nothing") if chance.random() < 0.1 else None,
        spot_policy=chance.choice(list(SpotPolicy)),
        max_price=chance.choice((None, None, 12.0)),
    )


def some_mounts(chance: random.Random) -> tuple[MountRequest, ...]:
    if chance.random() < 0.6:
        return ()
    return (MountRequest((chance.choice(("v0", "v1", "v2", "e0")),), "/data"),)


def some_documents(chance: random.Random) -> tuple[Document, ...]:
    fleets = [
        FleetRequest(
            f"f{n}",
            chance.randint(1, 4),
            some_requirements(chance),
            Placement(chance.choice(OF_FLEETS), survive_zones=chance.choice((0, 0, 0, 1))),
        )
        for n in range(chance.randint(0, 2))
    ]
    volumes = [VolumeRequest(f"v{n}", 1, "aws", chance.choice((None, "east"))) for n in range(3)]
    runs = [
        RunRequest(
            f"r{n}",
            tuple(NodeRequest(rank, some_mounts(chance)) for rank in range(chance.randint(1, 3))),
            some_requirements(chance),
            chance.choice((None, ("f0",), ("f0", "f1", "old"))),
            may_create=chance.random() < 0.8,
            placement=Placement(chance.choice(list(Strategy))),
        )
        for n in range(chance.randint(1, 3))
    ]
    return (*fleets, *volumes, *runs)


def _idle_case(seed: int) -> tuple[Terrain, tuple[Document, ...]]:
    """Documents in a world with a few idle machines, for which they compete."""
    chance = random.Random(seed)
    snapshot = some_world(chance, limited=0)
    idle = tuple(
        ExistingInstance(f"i{n}", chance.choice(ZONES), chance.choice(TYPES[-4:]), Market.ON_DEMAND, 1, "old", n)
        for n in range(chance.randint(2, 12))
    )
    easy = Requirements(Resources(Range(1), Range(1)))
    documents = [d if isinstance(d, VolumeRequest) else replace(d, requirements=easy) for d in some_documents(chance)]
    world = Terrain.of(replace(snapshot, instances=idle), "request")
    placeable = (d for d in documents if not isinstance(d, VolumeRequest) or volume_zones(d, world))
    return world, tuple(placeable)


def _used(solution: Solution, source: Source) -> int:
    shares = (share for shares in solution.runs.values() for share in shares)
    return sum(len(share.ranks) for share in shares if share.supply.source is source)


@pytest.mark.parametrize("seed", range(0, 60, 20))
def test_runs_on_idle_machines_are_as_good_as_the_whole_model_places_them(seed: int) -> None:
    for number in range(seed, seed + 20):
        world, documents = _idle_case(number)
        decider = Decider(world, documents)
        problem = decider.problem(documents, None, Limits.of(world))
        quick, whole = decider.solve(documents), model.solve(problem, world)
        assert (quick is None) == (whole is None), number
        if quick is None or whole is None:
            continue
        assert quick.cost == pytest.approx(whole.cost), number
        assert reused.are_enough([quick]), number
        ranks = [(_used(found, Source.NEW), problem.apart(found)) for found in (quick, whole)]
        assert ranks[0] <= ranks[1], number


def test_idle_machines_that_are_given_twice_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    enough = reused.are_enough
    monkeypatch.setattr(reused, "are_enough", lambda _: True)
    for number in range(60):
        world, documents = _idle_case(number)
        solution = Decider(world, documents).solve(documents)
        if solution is not None and not enough([solution]):
            return
    pytest.fail("no machine is given twice")


@pytest.mark.parametrize("seed", range(150))
def test_a_reduced_problem_costs_what_the_whole_one_does(seed: int) -> None:
    chance = random.Random(seed)
    world = Terrain.of(some_world(chance), "request")
    documents = some_documents(chance)
    decider = Decider(world, documents)
    quick, whole = decider.solve(documents), model.solve(decider.problem(documents, None, Limits.of(world)), world)
    assert (quick is None) == (whole is None)
    if quick is not None and whole is not None:
        assert quick.cost == pytest.approx(whole.cost, abs=1e-4)


def test_the_reductions_are_tried_on_problems_that_fit_and_on_some_that_do_not() -> None:
    fits: Counter[bool] = Counter()
    for seed in range(150):
        chance = random.Random(seed)
        world = Terrain.of(some_world(chance), "request")
        documents = some_documents(chance)
        fits[Decider(world, documents).solve(documents) is not None] += 1
    assert min(fits[True], fits[False]) > 15


def first_failed(offer: Offer, asked: Requirements, snapshot: Snapshot) -> RefusalCode | None:
    """The filters one after the other, as a reader of the documentation would apply them; no failures, no limits."""
    state = next(info.state for info in snapshot.zones if info.zone == offer.zone)
    names = asked.availability_zones
    plain = [name for name in names or () if not name.startswith("!")]
    if asked.regions is not None and offer.zone.region not in asked.regions:
        return RefusalCode.REGION
    if names is not None and f"!{offer.zone.name}" in names:
        return RefusalCode.ZONE_EXCLUDED
    if plain and not any(offer.zone.name.endswith(name.lstrip("*")) for name in plain):
        return RefusalCode.ZONE
    if state is not ZoneState.AVAILABLE:
        return RefusalCode(state.value)
    kind, needs = offer.instance_type, asked.resources
    if asked.instance_types is not None and kind.name not in asked.instance_types:
        return RefusalCode.INSTANCE_TYPE
    if kind.cpus not in needs.cpus:
        return RefusalCode.CPU
    if kind.memory_gb not in needs.memory_gb:
        return RefusalCode.MEMORY
    if needs.gpu is not None and (kind.gpu is None or kind.gpu.count == 0):
        return RefusalCode.GPU
    if needs.gpu is not None and kind.gpu is not None and kind.gpu.count not in needs.gpu.count:
        return RefusalCode.GPU_COUNT
    if asked.spot_policy is not SpotPolicy.AUTO and offer.market.value != asked.spot_policy.value:
        return RefusalCode.MARKET
    if asked.max_price is not None and offer.price == UNKNOWN_PRICE:
        return RefusalCode.PRICE_UNKNOWN
    if asked.max_price is not None and offer.price > asked.max_price:
        return RefusalCode.PRICE
    if offer.availability is Availability.NOT_OFFERED:
        return RefusalCode.NOT_OFFERED
    if offer.availability is Availability.UNAVAILABLE or offer.count == 0:
        return RefusalCode.UNAVAILABLE
    return None


def counted(document: DocumentPlan) -> Counter[tuple[Zone, RefusalCode]]:
    return Counter({(refusal.zone, refusal.code): refusal.count for refusal in document.offers})


@pytest.mark.parametrize("seed", range(60))
def test_offers_filtered_in_columns_fail_the_same_filters_as_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    world = some_world(chance)
    snapshot = Snapshot(world.catalog, world.zones, NOW, world.backends)
    asked = some_requirements(chance)
    alone = [first_failed(offer, asked, snapshot) for offer in snapshot.catalog]
    stages = assess(asked, Terrain.of(snapshot, "request")).offers.tolist()
    assert [None if stage == PASSED else FILTERS[stage] for stage in stages] == alone

    whole_zone = {
        RefusalCode.REGION,
        RefusalCode.ZONE,
        RefusalCode.ZONE_EXCLUDED,
        RefusalCode.DRAINED,
        RefusalCode.CLOSED,
        RefusalCode.IMPAIRED,
        RefusalCode.NOT_OPTED_IN,
        RefusalCode.GONE,
    }
    told = counted(plan(Request("request", (FleetRequest("f", 1, asked),)), snapshot).documents[0])
    expected = Counter(
        (offer.zone, code)
        for offer, code in zip(snapshot.catalog, alone, strict=True)
        if code is not None and code not in whole_zone
    )
    assert told == expected


@pytest.mark.parametrize("seed", range(60))
def test_a_single_node_gets_the_cheapest_offer_that_passes(seed: int) -> None:
    chance = random.Random(seed)
    world = some_world(chance)
    snapshot = Snapshot(world.catalog, world.zones, NOW, world.backends)
    asked = some_requirements(chance)
    prices = [offer.price for offer in snapshot.catalog if first_failed(offer, asked, snapshot) is None]
    for document in (FleetRequest("f", 1, asked), RunRequest("r", requirements=asked)):
        answer = plan(Request("request", (document,)), snapshot)
        assert answer.complete == bool(prices)
        for node in (node for found in answer.documents for node in found.placements):
            assert node.price == min(prices)
            assert suiting(asked, [node]) == [True]


@pytest.mark.parametrize("state", [state for state in ZoneState if state is not ZoneState.AVAILABLE])
def test_a_zone_in_any_state_but_available_takes_nothing_new_and_the_plan_says_which(state: ZoneState) -> None:
    zone = ZONES[0]
    offers = Catalog.from_offers([Offer(zone, TYPES[4], Market.ON_DEMAND, 1.0, Availability.AVAILABLE)], NOW)
    snapshot = Snapshot(offers, (ZoneInfo(zone, state),), NOW, (BackendInfo("aws"),))
    documents = (FleetRequest("f", 1), VolumeRequest("v", 1, "aws"), RunRequest("r"))
    for found in plan(Request("request", documents), snapshot).documents:
        assert found.zone is None
        assert not found.placements
        assert [(refusal.zone, refusal.code) for refusal in found.refusals] == [(zone, RefusalCode(state.value))]
