"""A run and its fleet clash over zones: the reason names the fleet's rule, and each cure lets the run fit."""

from dataclasses import replace

import pytest

from atoll.model.offer import Market
from atoll.model.zone import Zone
from atoll.planning import Planner
from atoll.planning.budget import Budget
from atoll.planning.plan import DocumentPlan, ShortfallCode
from atoll.planning.reasons.explain import cure_text, shortfall_reason
from atoll.planning.request import (
    ElasticFleet,
    FleetRequest,
    MountRequest,
    NodeRequest,
    Placement,
    Request,
    RunRequest,
    Strategy,
)
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot
from atoll.planning.waiting import answer
from tests.planning.relief import relieved
from tests.planning.scenes import ANY, SMALL, A, B, C, offer, part, world

IN_B = replace(ANY, availability_zones=("us-east-1b",))
REGION, CLUSTER, SPREAD = Placement(Strategy.REGION), Placement(Strategy.CLUSTER), Placement(Strategy.SPREAD)


def _with_nodes(*zones: Zone) -> Snapshot:
    """A world with a volume in B and busy nodes of the fleet in these zones."""
    nodes = [
        ExistingInstance(f"i-{n}", zone, SMALL, Market.ON_DEMAND, 0.1, "pool", n, busy=True)
        for n, zone in enumerate(zones)
    ]
    offers = [offer(zone, 0.1 + n / 100) for n, zone in enumerate((A, B, C))]
    return world(*offers, instances=nodes, volumes=[ExistingVolume("data", B, 10)])


def _run(nodes: int = 1, placement: Placement = REGION, *, mounts: bool = False) -> RunRequest:
    mount = (MountRequest(("data",), "/data"),) if mounts else ()
    return RunRequest("job", tuple(NodeRequest(n, mount) for n in range(nodes)), ANY, ("pool",), placement=placement)


def _planned(
    run: RunRequest, placement: Placement, snapshot: Snapshot, *, fleet: FleetRequest | None = None
) -> DocumentPlan:
    here = len(snapshot.instances)
    elastic = ElasticFleet(replace(fleet or FleetRequest("pool", here, ANY), placement=placement), here + 3)
    request = Request("request", (run,), (elastic,), confirmed=True)
    return part(answer(request, snapshot, Planner(Budget())), "job")


CLASHES = {
    "a volume beside max_zones": (_run(mounts=True), Placement(max_zones=1), (A,), "`max_zones` is 1"),
    "zones beside max_zones": (replace(_run(), requirements=IN_B), Placement(max_zones=1), (A,), "`max_zones` is 1"),
    "a volume beside a cluster": (_run(mounts=True), CLUSTER, (A,), "`placement` is cluster"),
    "zones beside a cluster": (replace(_run(), requirements=IN_B), CLUSTER, (A,), "`placement` is cluster"),
    "a volume beside max_share": (_run(mounts=True), Placement(max_share=0.5), (A, B), "`max_share` is 50%"),
    "zones beside max_share": (
        replace(_run(2), requirements=IN_B),
        Placement(max_share=0.34),
        (),
        "`max_share` is 34%",
    ),
    "a volume beside a spread": (_run(mounts=True), SPREAD, (A, B, B, C), "`placement` is spread"),
    "a cluster beside a spread": (_run(2, CLUSTER), SPREAD, (), "`placement` is spread"),
    "a spread beside a cluster": (_run(2, SPREAD), CLUSTER, (), "`placement` is cluster"),
    "a spread beside max_zones": (_run(3, SPREAD), Placement(max_zones=1), (), "`max_zones` is 1"),
}


@pytest.mark.parametrize(("run", "placement", "there", "rule"), CLASHES.values(), ids=CLASHES)
def test_the_rule_of_the_fleet_that_is_in_the_way_is_named(
    run: RunRequest, placement: Placement, there: tuple[Zone, ...], rule: str
) -> None:
    snapshot = _with_nodes(*there)
    found = _planned(run, placement, snapshot)
    assert found.shortfall is not None
    assert found.shortfall.code == ShortfallCode.FLEET_RULE
    assert shortfall_reason(found.kind, found.shortfall).endswith(f": its {rule}")
    # Without any rule about zones the run gets just the nodes that the sentence names.
    free = _planned(run, Placement(), snapshot)
    assert free.shortfall is None
    assert len(free.placements) == found.shortfall.data["nodes"]


@pytest.mark.parametrize(("run", "placement", "there", "rule"), CLASHES.values(), ids=CLASHES)
def test_each_cure_of_a_clash_lets_the_run_fit(
    run: RunRequest, placement: Placement, there: tuple[Zone, ...], rule: str
) -> None:
    snapshot = _with_nodes(*there)
    found = _planned(run, placement, snapshot)
    assert found.shortfall is not None
    assert found.shortfall.cures
    for cure in found.shortfall.cures:
        changed = relieved(run, cure.requirement, cure.value)
        assert isinstance(changed, RunRequest)
        assert changed != run
        fits = _planned(changed, placement, snapshot)
        assert fits.shortfall is None, cure_text(cure)
        assert {node.zone for node in fits.placements} <= set(cure.zones)


def test_the_zones_of_a_fleet_are_named_where_they_leave_out_the_zone_of_a_volume() -> None:
    fleet = FleetRequest("pool", 0, replace(ANY, availability_zones=("us-east-1a",)))
    found = _planned(_run(mounts=True), Placement(), _with_nodes(), fleet=fleet)
    assert found.shortfall is not None
    assert shortfall_reason(found.kind, found.shortfall) == (
        "fleet `pool` cannot get 1 node for the run in us-east-1b: not in its `availability_zones`"
    )


def test_a_fleet_without_a_suitable_machine_is_not_said_to_lack_a_zone() -> None:
    huge = replace(ANY, instance_types=("huge",))
    found = _planned(replace(_run(), requirements=huge), Placement(max_zones=1), _with_nodes(A))
    assert found.shortfall is not None
    assert found.shortfall.code != ShortfallCode.FLEET_RULE
