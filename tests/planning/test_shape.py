"""The shape of a fleet: what is missing, what is surplus, and in which order it goes."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atoll.model.zone import Zone
from atoll.planning.request import Placement, Strategy
from atoll.planning.shape import Member, can_spare, missing, shape, share_over, skew_of, zones_short

A, B, C, D = (Zone("aws", "us-east-1", f"us-east-1{letter}") for letter in "abcd")
ANY, SPREAD, CLUSTER = (Placement(strategy) for strategy in (Strategy.ANY, Strategy.SPREAD, Strategy.CLUSTER))


def members(zones: str, busy: str = "") -> list[Member]:
    """One node for each letter, numbered from 0; a letter of `busy` that is `x` marks a busy one."""
    places = {"a": A, "b": B, "c": C, "d": D}
    marks = busy.ljust(len(zones))
    return [Member(str(node), places[zone], node, marks[node] == "x") for node, zone in enumerate(zones)]


@pytest.mark.parametrize(
    ("nodes", "placement", "zones", "busy", "removed"),
    [
        (3, SPREAD, "aaabc", "", ["2", "1"]),
        (2, SPREAD, "abc", "", ["2"]),
        (4, SPREAD, "aabbcc", "", ["5", "3"]),
        (2, ANY, "aabc", "   x", ["2", "1"]),
        (2, ANY, "aaaa", "xx  ", ["3", "2"]),
        (1, ANY, "ab", "xx", ["1"]),
        (3, CLUSTER, "aabaa", "", ["2", "4"]),
        (4, Placement(Strategy.SPREAD, survive_zones=1), "aabbcc", "", []),
        (3, Placement(Strategy.SPREAD, survive_zones=1), "aabbcc", "", ["5"]),
        (2, SPREAD, "abcd", "", ["3", "2"]),
        (4, Placement(max_share=0.5), "aaabbb", "   x  ", ["5", "2"]),
        (3, Placement(max_share=0.4), "aab", "", []),
        (2, Placement(max_share=0.5), "aab", " x ", ["0"]),
        (4, Placement(Strategy.SPREAD, max_zones=2), "aabbc", "", ["4"]),
        (4, Placement(Strategy.SPREAD, max_zones=2), "aabbcd", "", ["5", "4"]),
        (3, Placement(max_zones=1), "abba", "  xx", ["1"]),
        (3, Placement(Strategy.SPREAD, max_skew=3, min_zones=2), "aaad", "", ["2"]),
        (1, Placement(Strategy.SPREAD, min_zones=2), "aad", "", ["1", "2"]),
    ],
)
def test_the_zone_comes_first_then_idle_nodes_then_the_newest(
    nodes: int, placement: Placement, zones: str, busy: str, removed: list[str]
) -> None:
    assert list(shape(nodes, placement, members(zones, busy), (A, B, C)).removals) == removed


def test_of_a_zone_the_node_that_does_not_work_goes_before_one_that_does() -> None:
    nodes = [replace(one, ready=one.node != 0) for one in members("aab")]
    assert shape(2, SPREAD, nodes, (A, B, C)).removals == ("0",)


def test_a_zone_without_nodes_counts_zero_where_it_could_take_one() -> None:
    seen = shape(3, SPREAD, members("aab"), (A, B, C))
    assert (seen.skew, seen.emptiest, seen.counts) == (2, C, {A: 2, B: 1, C: 0})
    assert skew_of(SPREAD, {A: 2, B: 1}, (A, B)) == (1, B)
    assert skew_of(SPREAD, {A: 2}, ()) == (0, None)


def test_of_more_zones_than_may_be_used_the_fullest_count_and_those_beyond_do_not() -> None:
    two, one = Placement(Strategy.SPREAD, max_zones=2), Placement(Strategy.SPREAD, max_zones=1)
    assert skew_of(two, {A: 2, B: 2}, (A, B, C)) == (0, A)
    assert skew_of(two, {A: 2}, (A, B, C)) == (2, B)
    assert skew_of(two, {A: 3, B: 1, C: 1}, (A, B, C)) == (2, B)
    assert skew_of(two, {A: 3, B: 3, C: 1}, (A, B, C)) == (0, A)
    assert skew_of(two, {D: 2, A: 1}, (A, B, C)) == (1, A)
    assert skew_of(one, {D: 2}, (A, B)) == (0, None)


def test_a_zone_gives_up_no_node_where_others_would_hold_more_than_their_share() -> None:
    half = Placement(max_share=0.5)
    assert can_spare(2, half, {A: 2, B: 2}, A)
    assert can_spare(2, half, {A: 2, B: 1}, A)
    assert not can_spare(2, half, {A: 2, B: 1}, B)
    assert not can_spare(2, half, {A: 1, B: 1}, A)
    assert share_over(6, half, {A: 4, B: 2}) == (A, 3)
    assert share_over(6, half, {A: 3, B: 1}) is None


def test_missing_counts_what_the_loss_of_zones_would_leave() -> None:
    survive = Placement(Strategy.SPREAD, survive_zones=1)
    assert missing(4, survive, {A: 2, B: 2, C: 2}) == 0
    assert missing(4, survive, {A: 2, B: 2}) == 2
    assert missing(4, SPREAD, {A: 3}) == 1


PLACEMENTS = st.builds(
    Placement,
    st.sampled_from(Strategy),
    max_skew=st.integers(1, 3),
    min_zones=st.sampled_from([None, None, 1, 2, 3]),
    survive_zones=st.integers(0, 2),
    max_zones=st.sampled_from([None, None, 1, 2, 3]),
    max_share=st.sampled_from([None, None, 0.3, 0.5, 0.7]),
)


def skew_is_kept(placement: Placement, before: Counter[Zone], after: Counter[Zone], eligible: set[Zone]) -> bool:
    """Whether no zone over which the nodes are to lie then falls behind by more than is allowed or one did before."""
    homes = placement.homes(after, eligible)
    former, now = (max(counts.values(), default=0) - min(counts[z] for z in homes or [A]) for counts in (before, after))
    return placement.strategy is not Strategy.SPREAD or not homes or now <= max(placement.max_skew, former)


@given(
    st.integers(0, 8),
    PLACEMENTS,
    st.text("abcd", max_size=12),
    st.text("x ", max_size=12),
    st.sets(st.sampled_from([A, B, C, D])),
)
@example(5, Placement(Strategy.SPREAD, max_zones=1), "aaaabb", "", {A, B})
@example(2, Placement(Strategy.SPREAD, max_zones=2), "daa", "", {A, B})
def test_what_is_removed_leaves_enough_no_more_than_needed_and_no_wider_skew(
    nodes: int, placement: Placement, zones: str, busy: str, eligible: set[Zone]
) -> None:
    there = members(zones, busy)
    before = Counter(member.zone for member in there)
    seen = shape(nodes, placement, there, eligible)
    after = Counter(member.zone for member in there if member.id not in seen.removals)
    if missing(nodes, placement, before) == 0:
        assert missing(nodes, placement, after) == 0
        for zone in after:
            assert missing(nodes, placement, after - Counter([zone])) > 0, "one more could go"
    else:
        assert not seen.removals
    if zones_short(placement, after):
        assert len(after) == len(before), "a zone is given up that `min_zones` needs, and another choice exists"
    assert skew_is_kept(placement, before, after, eligible)
    held = sum(count > 0 for count in before.values())
    assert sum(count > 0 for count in after.values()) <= held
    again = shape(nodes, placement, [member for member in there if member.id not in seen.removals], eligible)
    assert again.removals == ()


def over_share(nodes: int, placement: Placement, counts: Counter[Zone]) -> int:
    """How many nodes the fullest zone has beyond its share."""
    over = share_over(nodes, placement, counts)
    return 0 if over is None else counts[over[0]] - over[1]


@given(
    st.integers(0, 8),
    PLACEMENTS,
    st.text("abcd", max_size=12),
    st.text("x ", max_size=12),
    st.sets(st.integers(0, 11)),
    st.sets(st.sampled_from([A, B, C, D])),
)
@example(2, SPREAD, "aabbc", " x   ", {0}, {A, B, C})
@example(1, Placement(Strategy.SPREAD, survive_zones=1, max_zones=1), "caabcbc", " xxxx", {0, 6}, {A, B, C})
@example(6, Placement(Strategy.SPREAD, max_zones=2), "aaabbbccc", "", {1, 2, 3, 4, 5, 6, 7, 8}, {A, B, C})
@example(2, Placement(max_share=0.5), "aaaabbbb", "", {0, 1}, {A, B})
def test_what_goes_before_others_work_leaves_enough_that_work_and_no_wider_skew(
    nodes: int, placement: Placement, zones: str, busy: str, ready: set[int], eligible: set[Zone]
) -> None:
    there = [replace(one, ready=one.node in ready) for one in members(zones, busy)]
    seen = shape(nodes, placement, there, eligible)
    assert set(seen.released) <= set(seen.removals)
    left = [one for one in there if one.id not in seen.released]
    before, after = (Counter(one.zone for one in each) for each in (there, left))
    assert skew_is_kept(placement, before, after, eligible)
    if seen.released != seen.removals:
        assert over_share(nodes, placement, after) <= over_share(nodes, placement, before)
    if any(one.ready and one.id in seen.released for one in there):
        assert missing(nodes, placement, Counter(one.zone for one in left if one.ready)) == 0
    if all(one.ready for one in left):
        assert seen.released == seen.removals, "nothing is left to wait for"
