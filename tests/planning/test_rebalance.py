"""A rebalance moves as few nodes as bring a fleet back into shape, each to a place that the plan found."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from atoll.model.catalog import Catalog
from atoll.model.offer import Availability, Market, Offer
from atoll.model.resources import InstanceType, Range, Resources
from atoll.model.zone import Capacity, Zone, ZoneInfo, ZoneState
from atoll.planning.budget import Budget
from atoll.planning.filters.eligible import eligible_zones
from atoll.planning.plan import RefusalCode
from atoll.planning.planner import Planner
from atoll.planning.rebalance import Rebalance, RebalanceCode, better, rebalance
from atoll.planning.request import FleetRequest, Placement, Request, Requirements, Strategy
from atoll.planning.shape import Excess, Member, excess, missing, shape, skew_of
from atoll.planning.snapshot import ExistingInstance, Snapshot, Usage

A, B, C, D = ZONES = tuple(Zone("aws", "us-east-1", f"us-east-1{letter}") for letter in "abcd")
NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
SMALL = InstanceType("small", 2, 4, 0)
NEEDS = Requirements(Resources(Range(2, 2), Range()))
SPREAD = Placement(Strategy.SPREAD)
SURVIVE = Placement(Strategy.SPREAD, survive_zones=1)


def world(nodes: str, busy: str = "", zones: str = "abc", capacity: dict[Zone, int] | None = None) -> Snapshot:
    """One node of the fleet for each letter, busy where `busy` has an `x`; `capacity` counts machines."""
    places = dict(zip("abcd", ZONES, strict=True))
    marks = busy.ljust(len(nodes))
    here = [places[letter] for letter in zones]
    offers = [Offer(zone, SMALL, Market.ON_DEMAND, 0.1, Availability.AVAILABLE) for zone in here]
    instances = tuple(
        ExistingInstance(str(node), places[letter], SMALL, Market.ON_DEMAND, 0.1, "web", node, marks[node] == "x")
        for node, letter in enumerate(nodes)
    )
    used = Counter(one.zone for one in instances)
    room = capacity or {}
    infos = tuple(
        ZoneInfo(zone, capacity=Capacity(2.0 * room[zone], 1000, 0) if zone in room else None) for zone in here
    )
    usage = tuple(Usage(zone, Capacity(2.0 * used[zone], 4.0 * used[zone], 0)) for zone in used)
    return Snapshot(Catalog.from_offers(offers, NOW), infos, NOW, instances=instances, usage=usage)


def fleet(nodes: int, placement: Placement = SPREAD) -> Request:
    return Request("r", (FleetRequest("web", nodes, NEEDS, placement),))


def of(nodes: int, snapshot: Snapshot, placement: Placement = SPREAD, **rest: object) -> Rebalance:
    return rebalance(fleet(nodes, placement), snapshot, Planner(Budget()), **rest)  # type: ignore[arg-type]


def carried_out(snapshot: Snapshot, found: Rebalance) -> Snapshot:
    """The world once the successors have taken their places."""
    new = tuple(
        ExistingInstance(f"new {node.node}", node.zone, node.instance_type, node.market, node.price, "web", node.node)
        for node in found.placements
    )
    staying = tuple(one for one in snapshot.instances if one.id not in found.leaving)
    used = Counter(one.zone for one in (*staying, *new))
    usage = tuple(Usage(zone, Capacity(2.0 * used[zone], 4.0 * used[zone], 0)) for zone in used)
    return replace(snapshot, instances=(*staying, *new), usage=usage)


@pytest.mark.parametrize(
    ("nodes", "placement", "here", "after", "moves"),
    [
        (6, SPREAD, "aaaccc", {A: 2, B: 2, C: 2}, 2),
        (3, SPREAD, "abc", None, 0),
        (4, SPREAD, "aabc", None, 0),
        (4, Placement(Strategy.SPREAD, max_skew=2), "aacc", None, 0),
        (6, Placement(Strategy.SPREAD, max_skew=2), "aaaccc", {A: 2, B: 1, C: 3}, 1),
        (3, Placement(), "aaa", None, 0),
        (4, SURVIVE, "aaaacccc", {A: 2, B: 2, C: 2}, 4),
        (4, Placement(survive_zones=1), "aaaacccc", {A: 2, B: 2, C: 2}, 4),
        (4, SURVIVE, "aabbcc", None, 0),
        (3, Placement(Strategy.CLUSTER), "aaa", None, 0),
        (4, Placement(Strategy.SPREAD, max_skew=4, min_zones=3), "aaab", {A: 2, B: 1, C: 1}, 1),
        (6, Placement(Strategy.SPREAD, max_zones=2), "aabbcc", {A: 3, B: 3}, 2),
        (4, Placement(max_zones=1), "aabb", {A: 4}, 2),
        (4, Placement(max_share=0.5), "aaaa", {A: 2, B: 2}, 2),
        (6, Placement(max_zones=2, max_share=0.5), "aaaabc", {A: 3, B: 3}, 2),
    ],
)
def test_the_fewest_moves_restore_the_shape(
    nodes: int, placement: Placement, here: str, after: dict[Zone, int] | None, moves: int
) -> None:
    found = of(nodes, world(here), placement)
    assert len(found.leaving) == moves
    assert found.code == (RebalanceCode.MOVES if moves else RebalanceCode.BALANCED)
    assert found.after == after or (
        after is not None and Counter((found.after or {}).values()) == Counter(after.values())
    )


def test_idle_nodes_move_and_busy_ones_only_on_request() -> None:
    mixed = of(6, world("aaaccc", busy="xx xx "))
    assert mixed.leaving == ("2", "5")
    assert of(6, world("aaaccc", busy="xxxxxx")).code is RebalanceCode.BUSY
    assert len(of(6, world("aaaccc", busy="xxxxxx"), busy=True).leaving) == 2


def test_no_more_nodes_move_than_the_request_allows() -> None:
    assert len(of(6, world("aaaccc"), most=1).leaving) == 1
    half = of(4, world("aaaacccc"), Placement(survive_zones=1), most=3)
    assert (half.code, half.needed) == (RebalanceCode.LIMIT, 4)


def test_a_fleet_gets_to_its_size_first() -> None:
    assert of(6, world("aac")).code is RebalanceCode.SETTLING
    assert of(2, world("aaac")).code is RebalanceCode.SETTLING


def test_where_only_some_successors_have_a_place_as_many_move() -> None:
    found = of(9, world("aaaaacccc", capacity={B: 1}))
    assert found.code is RebalanceCode.MOVES
    assert (len(found.leaving), found.after and found.after[B]) == (1, 1)
    assert not of(9, carried_out(world("aaaaacccc", capacity={B: 1}), found)).leaving


def test_without_a_place_nothing_moves_and_the_reason_is_named() -> None:
    snapshot = world("aaaccc", capacity={B: 1})
    full = of(6, replace(snapshot, usage=(*snapshot.usage, Usage(B, Capacity(2, 4, 0)))))
    assert full.code is RebalanceCode.NO_PLACE
    assert (B, RefusalCode.CAPACITY_USED) in [(one.zone, one.code) for one in full.refusals]


def test_a_share_that_the_zones_cannot_keep_is_not_balanced_and_plan_and_rebalance_say_so() -> None:
    placement, here = Placement(Strategy.SPREAD, max_share=0.3), world("abcc")
    assert of(4, here, placement).code is RebalanceCode.OUT_OF_REACH
    [plan] = Planner(Budget())(fleet(4, placement), here).documents
    assert plan.notes == (
        "us-east-1c has 2 nodes, and max_share allows 1 in one zone",
        "existing nodes stay where they are: max_share cannot be kept: 3 zones hold at most 3 of 4 nodes",
    )


def test_all_zones_above_their_share_are_named() -> None:
    [plan] = Planner(Budget())(fleet(6, Placement(max_share=0.4)), world("aaabbb")).documents
    assert plan.notes == (
        "us-east-1a has 3 nodes, us-east-1b has 3 nodes, and max_share allows 2 in one zone",
        "existing nodes stay where they are: `atoll fleet rebalance web` moves nodes into zones with room",
    )


def test_successors_go_to_the_emptiest_zones_where_the_skew_would_let_them_go_beside() -> None:
    placement = Placement(Strategy.SPREAD, max_skew=3)
    snapshot = world("daadaaba", zones="abcd")
    found = of(8, snapshot, placement)
    assert len(found.leaving) == 1
    assert not of(8, carried_out(snapshot, found), placement).leaving


def test_nothing_leaves_a_zone_that_is_out_of_service() -> None:
    snapshot = world("aaaccc")
    closed = tuple(replace(info, state=ZoneState.CLOSED) if info.zone == A else info for info in snapshot.zones)
    found = of(6, replace(snapshot, zones=closed))
    assert {one.zone for one in snapshot.instances if one.id in found.leaving} <= {C}


PLACEMENTS = st.builds(
    Placement,
    st.sampled_from([Strategy.ANY, Strategy.SPREAD]),
    max_skew=st.integers(1, 3),
    min_zones=st.sampled_from([None, None, 2, 3]),
    survive_zones=st.integers(0, 2),
    max_zones=st.sampled_from([None, None, 2, 3]),
    max_share=st.sampled_from([None, None, 0.4, 0.6]),
)


def settled(placement: Placement, snapshot: Snapshot) -> tuple[int, Snapshot]:
    """The largest fleet that these nodes are enough for, without those that it does not need."""
    counts = Counter(one.zone for one in snapshot.instances)
    nodes = counts.total() - sum(sorted(counts.values(), reverse=True)[: placement.survive_zones])
    members = [Member(one.id, one.zone, one.node, one.busy) for one in snapshot.instances]
    surplus = shape(nodes, placement, members, ZONES).removals
    return nodes, replace(snapshot, instances=tuple(one for one in snapshot.instances if one.id not in surplus))


@settings(max_examples=150, deadline=None)
@given(
    PLACEMENTS,
    st.text("abcd", max_size=12),
    st.text("x ", max_size=12),
    st.dictionaries(st.sampled_from(ZONES), st.integers(0, 6)),
    st.booleans(),
)
def test_a_rebalanced_fleet_needs_no_further_move_and_no_move_breaks_a_limit(
    placement: Placement, here: str, marks: str, capacity: dict[Zone, int], busy: bool
) -> None:
    nodes, snapshot = settled(placement, world(here, marks, "abcd", capacity))
    found = of(nodes, snapshot, placement, busy=busy)
    if found.code is not RebalanceCode.MOVES:
        assert not found.leaving
        assert not found.placements
        return
    after, before = Counter(found.after), Counter(found.before)
    fresh = Counter(node.zone for node in found.placements)
    assert missing(nodes, placement, after) == 0
    eligible = eligible_zones(NEEDS, snapshot)  # not one whose capacity is 0
    assert better(nodes, placement, before, after, eligible)
    assert (
        skew_of(placement, after, eligible)[0] <= max(placement.max_skew, skew_of(placement, before, eligible)[0])
        or placement.strategy is not Strategy.SPREAD
    )
    for zone, most in capacity.items():
        assert before[zone] + fresh[zone] <= max(most, before[zone]), "both are there for a while"
    if not busy:
        assert not [one for one in snapshot.instances if one.id in found.leaving and one.busy]
    moved = carried_out(snapshot, found)
    again = of(nodes, moved, placement, busy=busy)
    for _ in here if capacity else "":  # beside a full zone each rebalance may find one more move; that ends
        moved = carried_out(moved, again)
        again = of(nodes, moved, placement, busy=busy)
    assert not again.leaving, (found.before, found.after, again.after)


@settings(max_examples=100, deadline=None)
@given(PLACEMENTS, st.text("abcd", max_size=12))
def test_one_rebalance_reaches_the_requested_shape_where_nothing_is_in_the_way(placement: Placement, here: str) -> None:
    most = placement.max_zones or len(ZONES)
    assume(placement.survive_zones < most and (placement.min_zones or 0) <= most)
    nodes, snapshot = settled(placement, world(here, zones="abcd"))
    total = len(snapshot.instances)
    assume((placement.most_in_zone(total) or total) * most >= total)
    found = of(nodes, snapshot, placement)
    if found.code is RebalanceCode.MOVES:
        snapshot = carried_out(snapshot, found)
    counts = Counter(one.zone for one in snapshot.instances)
    assert excess(nodes, placement, counts, ZONES) == Excess()
    assert of(nodes, snapshot, placement).code is RebalanceCode.BALANCED
