"""What is said of a zone in worlds written by hand: one sentence for each behaviour that once was said wrongly."""

from dataclasses import replace

import pytest

from atoll.model.offer import UNKNOWN_PRICE, Market
from atoll.model.quota import Quota
from atoll.model.resources import Gpu, GpuRequirement, InstanceType, Range, Resources
from atoll.model.zone import Capacity, Zone
from atoll.planning import plan
from atoll.planning.plan import RefusalCode
from atoll.planning.reasons.explain import counts_note, cure_text, shortfall_reason
from atoll.planning.reasons.sentences import refusal_text
from atoll.planning.request import (
    Document,
    FleetRequest,
    MountRequest,
    NodeRequest,
    Placement,
    Requirements,
    RunRequest,
    SpotPolicy,
    Strategy,
)
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot
from tests.planning.scenes import ANY, ANYTHING, LARGE, SMALL, A, B, offer, part, request, where, world


def _said(document: Document, snapshot: Snapshot) -> dict[Zone, str]:
    answer = part(plan(request(document), snapshot), document.name)
    return {refusal.zone: refusal_text(refusal) for refusal in answer.refusals}


def _cures(document: Document, snapshot: Snapshot) -> list[str]:
    shortfall = part(plan(request(document), snapshot), document.name).shortfall
    assert shortfall is not None
    return [cure_text(cure) for cure in shortfall.cures]


def _instance(fleet: str, zone: Zone, kind: InstanceType = SMALL, node: int = 0) -> ExistingInstance:
    return ExistingInstance(f"i-{node}", zone, kind, Market.ON_DEMAND, 0.1, fleet, node)


def test_a_zone_that_has_a_fleets_nodes_and_takes_no_more_says_why() -> None:
    fleet = FleetRequest("train", 2, ANY)
    snapshot = world(offer(A, 0.1, count=0), offer(B, 0.5), instances=[_instance("train", A)])
    assert _said(fleet, snapshot) == {A: "1 node here, no more: small is not available now"}


def test_a_zone_that_has_a_fleets_nodes_and_could_take_more_is_in_use() -> None:
    fleet = FleetRequest("train", 2, ANY)
    assert _said(fleet, world(offer(A, 0.9), offer(B, 0.5), instances=[_instance("train", A)])) == {}


def test_nothing_as_spot_is_said_only_where_no_type_at_all_is_offered_as_spot() -> None:
    requirements = Requirements(Resources(Range(8, None), Range()), spot_policy=SpotPolicy.SPOT)
    offers = [offer(A, 0.1, market=Market.SPOT), offer(A, 0.5, LARGE), offer(B, 0.5, LARGE)]
    assert _said(FleetRequest("train", 1, requirements), world(*offers)) == {
        A: "nothing that meets the requirements is offered as spot here",
        B: "nothing is offered as spot here",
    }


def test_the_largest_type_is_named_only_where_no_other_one_is_larger() -> None:
    wide = InstanceType("wide", 16, 4)
    requirements = Requirements(Resources(Range(8, None), Range(8, None)))
    offers = [offer(A, 0.1), offer(A, 0.2, wide), offer(B, 0.1)]
    assert _said(FleetRequest("train", 1, requirements), world(*offers)) == {
        A: "no instance type here has 8 GB of memory and meets the other requirements",
        B: "needs 8 CPUs, the largest instance type here has 2",
    }


def test_reasons_for_a_run_that_only_reuses_name_amounts_of_instances_and_no_price() -> None:
    kind = InstanceType("gpus", 8, 61, 100, gpu=Gpu("H100", 4, 80))
    run = RunRequest(
        "job", requirements=Requirements(Resources(Range(), Range(), gpu=GpuRequirement(Range(8)))), may_create=False
    )
    snapshot = world(offer(A, 1.0, kind), instances=[_instance("idle", A, kind)])
    assert _said(run, snapshot) == {A: "needs 8 GPUs, the largest instance here has 4"}
    assert _cures(run, snapshot) == ["drop `resources.gpu`: us-east-1a fits"]


def test_a_wide_quota_changes_no_reason() -> None:
    first = FleetRequest("first", 1, Requirements(ANYTHING, availability_zones=("us-east-1a",)))
    second = FleetRequest("second", 1, ANY, Placement(Strategy.CLUSTER))
    offers, capacities = [offer(A, 2.0), offer(B, 1.0)], {A: Capacity(2, 8)}
    quota = Quota("aws", "us-east-1", Market.ON_DEMAND, 1000)
    said = [
        [refusal_text(r) for r in part(plan(request(first, second), snapshot), "second").refusals]
        for snapshot in (world(*offers, capacities=capacities), world(*offers, capacities=capacities, quotas=[quota]))
    ]
    assert said == [["2 of 2 CPUs are used, small needs 2"]] * 2


def test_a_price_names_the_limit_that_serves_or_what_else_is_in_the_way() -> None:
    requirements = Requirements(ANYTHING, max_price=0.1)
    offers = [offer(A, 0.2, count=0), offer(A, 0.30004, LARGE), offer(B, 0.2, count=0)]
    assert _said(FleetRequest("train", 1, requirements), world(*offers)) == {
        A: "large costs $0.3001/h, above max_price $0.10",
        B: "small costs $0.20/h, above max_price $0.10; besides, small is not available now",
    }


def test_an_unknown_price_comes_last_and_fails_a_limit_with_its_own_reason() -> None:
    offers = [offer(A, UNKNOWN_PRICE), offer(B, 0.2), offer(B, 900, LARGE)]
    assert where(plan(request(FleetRequest("train", 1, ANY)), world(*offers)), "train") == ["us-east-1b"]
    assert where(plan(request(FleetRequest("train", 1, ANY)), world(*offers[:1])), "train") == ["us-east-1a"]
    assert _said(FleetRequest("train", 1, ANY), world(*offers)) == {A: "suitable, but its price is not known"}
    limited = FleetRequest("train", 1, Requirements(ANYTHING, max_price=0.1))
    answer = part(plan(request(limited), world(*offers)), "train")
    assert [(refusal.code, refusal_text(refusal)) for refusal in answer.refusals] == [
        (RefusalCode.PRICE, "small costs $0.20/h, above max_price $0.10"),
        (RefusalCode.PRICE_UNKNOWN, "the price of small is not known, so max_price $0.10 cannot be kept"),
    ]
    assert _cures(limited, world(*offers)) == ["raise `max_price` to 0.2: us-east-1b fits"]
    assert _cures(limited, world(*offers[:1])) == ["drop `max_price`: us-east-1a fits"]


def test_an_instance_of_unknown_price_is_not_reused_within_a_limit() -> None:
    existing = replace(_instance("pool", A), price=UNKNOWN_PRICE)
    run = RunRequest("job", (NodeRequest(0),), Requirements(ANYTHING, max_price=0.1), may_create=False)
    assert _said(run, world(offer(A, 0.05), instances=[existing])) == {
        A: "the price of the instance here is not known, so max_price $0.10 cannot be kept"
    }


def test_a_printed_price_limit_is_never_below_the_price() -> None:
    fleet = FleetRequest("train", 1, Requirements(ANYTHING, max_price=0.1))
    assert _cures(fleet, world(offer(A, 12.3456789))) == ["raise `max_price` to 12.3457: us-east-1a fits"]


def test_a_lower_number_of_cpus_is_suggested_as_it_is_written_in_a_file() -> None:
    fleet = FleetRequest("train", 1, Requirements(Resources(Range(4, None), Range(), arch="x86")))
    assert _cures(fleet, world(offer(A, 0.5))) == ["set `resources.cpu` to x86:2..: us-east-1a fits, from $0.50/h"]


def test_what_a_zone_can_take_of_a_cluster_is_the_most_of_all_combinations() -> None:
    tall = InstanceType("tall", 1, 12)
    fleet = FleetRequest("train", 4, ANY, Placement(Strategy.CLUSTER))
    snapshot = world(offer(A, 0.1, tall), offer(A, 0.2), capacities={A: Capacity(5, 32)})
    answer = part(plan(request(fleet), snapshot), "train")
    assert answer.shortfall is not None
    assert shortfall_reason(answer.kind, answer.shortfall) == (
        "no zone can take 4 nodes; us-east-1a can take the most, 3"
    )


def test_busy_instances_that_would_not_do_anyway_are_not_counted() -> None:
    busy = ExistingInstance("i-1", A, LARGE, Market.ON_DEMAND, 0.1, "idle", 1, busy=True)
    run = RunRequest("job", (NodeRequest(0),), Requirements(Resources(Range(8, None), Range())), may_create=False)
    snapshot = world(offer(A, 1.0), instances=[_instance("idle", A), busy])
    refusal = part(plan(request(run), snapshot), "job").refusals[0]
    assert (refusal.code, refusal_text(refusal)) == (RefusalCode.INSTANCE_BUSY, "the suitable instance here is busy")


@pytest.mark.parametrize(
    ("strategy", "where"),
    [
        (Strategy.CLUSTER, ""),
        (Strategy.REGION, "the zones of us-east-1 "),
        (Strategy.ANY, "the zones that can serve "),
    ],
)
def test_a_run_of_several_nodes_names_the_quota_that_binds(strategy: Strategy, where: str) -> None:
    run = RunRequest("job", (NodeRequest(0), NodeRequest(1)), ANY, placement=Placement(strategy))
    quota = Quota("aws", "us-east-1", Market.ON_DEMAND, 6, 3)
    text = "can take 1 of 2 nodes, then the on-demand quota of us-east-1 has 1 of 6 vCPUs left, small needs 2"
    assert _said(run, world(offer(A, 0.1), offer(B, 0.2), quotas=[quota])) == {A: where + text, B: where + text}


def test_a_cluster_names_what_its_zones_lack_for_one_more_node() -> None:
    fleet = FleetRequest("train", 2, ANY, Placement(Strategy.CLUSTER))
    capacities = {A: Capacity(2, 100), B: Capacity(100, 9)}
    assert _said(fleet, world(offer(A, 0.1), offer(B, 0.2), capacities=capacities)) == {
        A: "can take 1 of 2 nodes, then 2 of 2 CPUs are used, small needs 2",
        B: "can take 1 of 2 nodes, then 8 of 9 GB of memory are used, small needs 8",
    }


def test_a_volume_that_another_run_of_the_plan_uses_is_the_reason() -> None:
    runs = [RunRequest(name, (NodeRequest(0, (MountRequest(("data",), "/data"),)),), ANY) for name in ("one", "two")]
    snapshot = world(offer(A, 0.1), volumes=[ExistingVolume("data", A, 10)])
    answer = part(plan(request(*runs), snapshot), "two")
    assert [refusal_text(refusal) for refusal in answer.refusals] == [
        "volume `data` is used by another run of the plan"
    ]


def test_an_idle_instance_that_another_run_of_the_plan_takes_is_the_reason() -> None:
    runs = [RunRequest(name, requirements=ANY, may_create=False) for name in ("one", "two")]
    answer = part(plan(request(*runs), world(offer(A, 0.1), instances=[_instance("train", A)])), "two")
    assert [refusal_text(refusal) for refusal in answer.refusals] == ["its machines go to other runs of the plan"]


def test_a_fleet_that_gives_up_its_last_node_says_that_it_has_none() -> None:
    assert counts_note({}) == "then it has no node"
    assert counts_note({Zone("aws", "east", "east-a"): 2}) == "then east-a has 2"
