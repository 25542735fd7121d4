"""Changed fleets whose placement can never be kept, measured against all layouts of their nodes, written out."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from atoll.model.offer import Market
from atoll.model.zone import Capacity, Zone, ZoneState
from atoll.planning import waiting
from atoll.planning.plan import DocumentPlan, Plan
from atoll.planning.planner import plan
from atoll.planning.reasons.explain import cure_text, shortfall_reason
from atoll.planning.request import FleetRequest, OnShortage, Placement, Request, Strategy
from atoll.planning.snapshot import ExistingInstance, Snapshot, Usage
from tests.planning.scenes import ANY, SMALL, A, B, C, offer, part, world

ZONES = (A, B, C)
Counts = tuple[int, ...]


def running(held: Counts, room: Counts) -> Snapshot:
    """Zones with room for so many nodes, of which fleet `f` has `held`."""
    zones = ZONES[: len(room)]
    nodes = [zone for zone, count in zip(zones, held, strict=True) for _ in range(count)]
    use = SMALL.capacity
    return world(
        *(offer(zone, 0.1) for zone in zones),
        capacities={zone: Capacity(2 * most, 8 * most) for zone, most in zip(zones, room, strict=True)},
        usage=[Usage(zone, use * count) for zone, count in zip(zones, held, strict=True)],
        instances=[
            ExistingInstance(str(node), zone, SMALL, Market.ON_DEMAND, 0.1, "f", node)
            for node, zone in enumerate(nodes)
        ],
    )


def changed(nodes: int, placement: Placement, snapshot: Snapshot, *, confirmed: bool = True) -> DocumentPlan:
    request = Request("r", (FleetRequest("f", nodes, ANY, placement),), confirmed=confirmed)
    return part(waiting.answer(request, snapshot, plan), "f")


@pytest.mark.parametrize(
    ("placement", "held", "room", "reason"),
    [
        (Placement(Strategy.SPREAD, max_share=0.3), (2, 2), (9, 9), "at most 1 node in each"),
        (Placement(max_share=0.3), (4, 0), (9, 9), "at most 1 node in each"),
        (Placement(Strategy.SPREAD, min_zones=3), (2, 2), (9, 9), "min_zones is 3, and only 2 zones can serve"),
        (Placement(max_zones=1), (2, 2), (2, 3), "in 1 of 2 zones"),
        (Placement(Strategy.SPREAD), (3, 1), (9, 1), "with a skew of at most 1"),
    ],
)
def test_a_placement_that_can_never_be_kept_is_refused_for_a_running_fleet_and_cured(
    placement: Placement, held: Counts, room: Counts, reason: str
) -> None:
    found = changed(4, placement, running(held, room))
    assert found.shortfall is not None
    assert not found.shortfall.passes
    assert reason in shortfall_reason(found.kind, found.shortfall)
    assert found.shortfall.cures
    assert not any("/h" in cure_text(cure) for cure in found.shortfall.cures), "nothing is bought"


@pytest.mark.parametrize(
    "placement",
    [Placement(Strategy.SPREAD, max_share=0.5), Placement(Strategy.SPREAD), Placement(max_share=0.5, min_zones=2)],
)
def test_what_moves_could_bring_is_accepted(placement: Placement) -> None:
    assert changed(4, placement, running((4, 0), (9, 9))).shortfall is None


def test_an_outage_refuses_no_change_of_a_fleet_that_needs_no_new_node() -> None:
    placement, healthy = Placement(Strategy.SPREAD, min_zones=3), running((2, 2, 2), (9, 9, 9))
    closed = replace(healthy.zones[2], state=ZoneState.CLOSED)
    cordoned = replace(healthy, zones=(*healthy.zones[:2], closed))
    lost = replace(cordoned, instances=healthy.instances[:4])
    assert changed(6, placement, cordoned).shortfall is None
    assert changed(3, placement, lost).shortfall is None
    assert len(changed(7, placement, cordoned).placements) == 1
    short = changed(5, placement, lost).shortfall
    assert short is not None
    assert short.passes


def test_room_that_others_take_does_not_make_a_limit_impossible() -> None:
    full = running((4, 0), (9, 9))
    full = replace(full, usage=(full.usage[0], Usage(B, Capacity(18, 72))))
    assert changed(4, Placement(Strategy.SPREAD), full).shortfall is None


def test_what_the_engine_plans_for_an_accepted_fleet_is_not_refused() -> None:
    assert changed(4, Placement(max_share=0.3), running((4, 0), (9, 9)), confirmed=False).shortfall is None


def keeps(counts: Counts, nodes: int, placement: Placement) -> bool:
    """Whether a layout over zones that could all take a node keeps every limit, by the documented rules."""
    held = sorted(counts, reverse=True)
    used, number = sum(count > 0 for count in counts), sum(counts)
    if placement.max_share is not None and held[0] > max(1, int(Fraction(str(placement.max_share)) * nodes)):
        return False
    if placement.max_zones is not None and used > placement.max_zones:
        return False
    if placement.min_zones is not None and used < min(placement.min_zones, number):
        return False
    over = held[: placement.max_zones]
    if placement.strategy is Strategy.SPREAD and placement.on_shortage is OnShortage.REJECT:
        return over[0] - over[-1] <= placement.max_skew
    return True


def final(made: DocumentPlan, snapshot: Snapshot, zones: int) -> Counts:
    gone = {one.id for one in made.removals}
    counts: Counter[Zone] = Counter(one.zone for one in snapshot.instances if one.id not in gone)
    counts.update(node.zone for node in made.placements)
    return tuple(counts[zone] for zone in ZONES[:zones])


placements = st.builds(
    Placement,
    st.sampled_from([Strategy.ANY, Strategy.SPREAD]),
    st.integers(1, 2),
    st.sampled_from([None, None, 2, 3]),
    st.sampled_from(OnShortage),
    max_zones=st.sampled_from([None, None, 1, 2, 3]),
    max_share=st.sampled_from([None, None, 0.3, 0.4, 0.5, 0.7]),
)


@settings(max_examples=40, deadline=None)
@given(
    room=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    share=st.lists(st.integers(0, 4), min_size=3, max_size=3),
    nodes=st.integers(1, 6),
    placement=placements,
)
@example(room=(4, 4), share=[2, 2, 0], nodes=4, placement=Placement(Strategy.SPREAD, max_share=0.3))
def test_a_running_fleet_is_refused_exactly_where_no_layout_keeps_its_placement(
    room: Counts, share: list[int], nodes: int, placement: Placement
) -> None:
    held = tuple(min(pair) for pair in zip(share, room, strict=False))
    assume(sum(held) and (placement.min_zones or 0) <= (placement.max_zones or 3))
    snapshot = running(held, room)
    request = Request("r", (FleetRequest("f", nodes, ANY, placement),), confirmed=True)
    before: Plan = plan(request, snapshot)
    assume(before.complete)
    found = changed(nodes, placement, snapshot)
    layouts = (counts for counts in product(*(range(most + 1) for most in room)) if sum(counts) == nodes)
    possible = any(keeps(counts, nodes, placement) for counts in layouts)
    kept = keeps(final(before.documents[0], snapshot, len(room)), nodes, placement)
    assert (found.shortfall is None) == (possible or kept), (found, before)
