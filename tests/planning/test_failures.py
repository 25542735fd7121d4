"""What is remembered of failures: the table of errors, how far each reaches and for how long. Time is an argument."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from atoll.model.failure import Failure, FailureKind, Scope
from atoll.model.offer import Market
from atoll.planning import plan
from atoll.planning.failures import in_force, remember
from atoll.planning.plan import RefusalCode
from atoll.planning.request import FleetRequest
from tests.planning.scenes import ANY, ANY_MARKET, LARGE, NOW, SMALL, WEST, A, B, offer, part, request, where, world

OFFER = Scope("aws", "us-east-1", "us-east-1a", "small", Market.ON_DEMAND)
MINUTE = timedelta(minutes=1)

REACH = [
    (FailureKind.CAPACITY_UNAVAILABLE, OFFER, timedelta(minutes=3)),
    (FailureKind.NOT_OFFERED, replace(OFFER, market=None), timedelta(days=1)),
    (FailureKind.QUOTA_EXCEEDED, Scope("aws", "us-east-1", market=Market.ON_DEMAND), timedelta(minutes=15)),
    (FailureKind.THROTTLED, Scope("aws", "us-east-1"), timedelta(seconds=10)),
    (FailureKind.UNAVAILABLE, Scope("aws", "us-east-1"), timedelta(seconds=30)),
    (FailureKind.AUTH_FAILED, Scope("aws"), timedelta(seconds=30)),
]


@pytest.mark.parametrize(("kind", "scope", "span"), REACH, ids=str)
def test_a_first_failure_leaves_out_its_scope_for_its_time(
    kind: FailureKind, scope: Scope, span: timedelta | None
) -> None:
    failure = remember((), kind, OFFER, NOW, "as the provider said")
    assert failure == Failure(kind, scope, NOW, None if span is None else NOW + span, 1, "as the provider said")
    assert [live.scope for live in in_force([failure], NOW)] == [scope]
    if span is not None:
        assert in_force([failure], NOW + span) == ()
        assert in_force([failure], NOW + span - timedelta(microseconds=1)) != ()
    else:
        assert in_force([failure], NOW + timedelta(days=365)) != ()


@pytest.mark.parametrize("kind", [FailureKind.ZONE_MISMATCH, FailureKind.INVALID_REQUEST, FailureKind.NOT_FOUND])
def test_a_failure_of_the_request_leaves_nothing_out(kind: FailureKind) -> None:
    assert in_force([remember((), kind, OFFER, NOW)], NOW) == ()


def test_a_capacity_failure_that_comes_again_is_left_out_longer_up_to_an_hour() -> None:
    former: list[Failure] = []
    spans, now = [], NOW
    for _ in range(8):
        failure = remember(former, FailureKind.CAPACITY_UNAVAILABLE, OFFER, now)
        assert failure.until is not None
        spans.append((failure.until - now) / MINUTE)
        former, now = [failure], failure.until
    assert spans == [3, 6, 12, 24, 48, 60, 60, 60]
    assert former[0].count == 8


def test_repeats_are_counted_by_kind_and_scope() -> None:
    first = remember((), FailureKind.CAPACITY_UNAVAILABLE, OFFER, NOW)
    elsewhere = remember([first], FailureKind.CAPACITY_UNAVAILABLE, replace(OFFER, zone="us-east-1b"), NOW)
    on_spot = remember([first], FailureKind.CAPACITY_UNAVAILABLE, replace(OFFER, market=Market.SPOT), NOW)
    otherwise = remember([first], FailureKind.QUOTA_EXCEEDED, OFFER, NOW)
    assert (elsewhere.count, on_spot.count, otherwise.count) == (1, 1, 1)


def test_a_quota_error_in_another_zone_of_the_region_is_a_repeat() -> None:
    first = remember((), FailureKind.QUOTA_EXCEEDED, OFFER, NOW)
    later = NOW + timedelta(minutes=15)
    second = remember([first], FailureKind.QUOTA_EXCEEDED, replace(OFFER, zone="us-east-1b"), later)
    assert second.count == 2
    assert second.until == later + timedelta(minutes=30)


@pytest.mark.parametrize(
    "kind", [FailureKind.CAPACITY_UNAVAILABLE, FailureKind.QUOTA_EXCEEDED, FailureKind.INTERRUPTED]
)
def test_refusals_of_launches_that_began_together_count_as_one(kind: FailureKind) -> None:
    first = remember((), kind, OFFER, NOW)
    second = remember([first], kind, OFFER, NOW + timedelta(seconds=1))
    assert second.count == 1
    assert first.until is not None
    assert second.until == first.until + timedelta(seconds=1)


def test_a_failure_that_did_not_come_again_for_hours_is_a_first_one_again() -> None:
    first = remember((), FailureKind.CAPACITY_UNAVAILABLE, OFFER, NOW)
    assert remember([first], FailureKind.CAPACITY_UNAVAILABLE, OFFER, NOW + timedelta(hours=2)).count == 2
    assert remember([first], FailureKind.CAPACITY_UNAVAILABLE, OFFER, NOW + timedelta(hours=2, seconds=1)).count == 1


def test_the_retry_after_is_never_undercut() -> None:
    told = remember((), FailureKind.THROTTLED, OFFER, NOW, retry_after=90)
    assert told.until == NOW + timedelta(seconds=90)
    shorter = remember((), FailureKind.THROTTLED, OFFER, NOW, retry_after=1)
    assert shorter.until == NOW + timedelta(seconds=10)


def _dry(count: int, at: datetime = NOW, market: Market = Market.ON_DEMAND) -> list[Failure]:
    scopes = [replace(OFFER, instance_type=f"type-{number}", market=market) for number in range(count)]
    return [remember((), FailureKind.CAPACITY_UNAVAILABLE, scope, at) for scope in scopes]


def test_a_zone_is_out_as_a_whole_after_four_types_had_no_capacity_there() -> None:
    whole = Scope("aws", "us-east-1", "us-east-1a")
    assert whole not in [failure.scope for failure in in_force(_dry(3), NOW)]
    assert whole in [failure.scope for failure in in_force(_dry(4), NOW)]
    assert in_force(_dry(4), NOW + 3 * MINUTE) == ()


def test_one_type_that_fails_on_every_market_and_often_is_not_a_zone() -> None:
    former: list[Failure] = []
    for turn in range(6):
        for market in Market:
            scope = replace(OFFER, market=market)
            new = remember(former, FailureKind.CAPACITY_UNAVAILABLE, scope, NOW + turn * MINUTE)
            former = [*(failure for failure in former if failure.scope != scope), new]
    assert all(failure.scope.instance_type is not None for failure in in_force(former, NOW + 6 * MINUTE))


def test_failures_long_ago_do_not_add_up_to_a_zone() -> None:
    old = [replace(failure, until=NOW + 50 * MINUTE) for failure in _dry(2, NOW - 11 * MINUTE)]
    new = [replace(f, scope=replace(f.scope, instance_type=f"other-{i}")) for i, f in enumerate(_dry(2))]
    assert all(failure.scope.instance_type is not None for failure in in_force([*old, *new], NOW))
    late = [replace(failure, at=NOW - 10 * MINUTE) for failure in old]
    assert any(failure.scope.instance_type is None for failure in in_force([*late, *new], NOW))


def test_quota_errors_never_make_a_zone_as_a_whole_fail() -> None:
    failures = [replace(failure, kind=FailureKind.QUOTA_EXCEEDED) for failure in _dry(9)]
    assert {failure.scope.market for failure in in_force(failures, NOW)} == {Market.ON_DEMAND}


def test_a_dry_offer_sends_the_fleet_to_the_next_one_and_no_further() -> None:
    dry = remember((), FailureKind.CAPACITY_UNAVAILABLE, OFFER, NOW)
    here = world(offer(A, 0.1), offer(A, 0.2, LARGE), offer(B, 0.3), failures=[dry])
    fleet = FleetRequest("train", 1, ANY)
    [node] = part(plan(request(fleet), here), "train").placements
    assert (str(node.zone), node.instance_type) == ("us-east-1a", LARGE)
    [later] = part(plan(request(fleet), replace(here, now=NOW + 3 * MINUTE)), "train").placements
    assert (str(later.zone), later.instance_type) == ("us-east-1a", SMALL)


def test_a_quota_error_moves_the_fleet_to_another_market_or_region_and_never_to_a_sibling_zone() -> None:
    full = remember((), FailureKind.QUOTA_EXCEEDED, OFFER, NOW)
    offers = [offer(A, 0.1), offer(B, 0.1), offer(WEST, 0.5)]
    answer = plan(request(FleetRequest("train", 1, ANY)), world(*offers, failures=[full]))
    assert where(answer, "train") == ["us-west-2a"]
    assert [r.code for r in part(answer, "train").refusals] == [RefusalCode.QUOTA, RefusalCode.QUOTA]
    spot = [*offers, offer(B, 0.2, market=Market.SPOT)]
    answer = plan(request(FleetRequest("train", 1, ANY_MARKET)), world(*spot, failures=[full]))
    assert where(answer, "train") == ["us-east-1b"]


def test_a_quota_of_the_whole_account_reaches_every_region() -> None:
    account = remember((), FailureKind.QUOTA_EXCEEDED, Scope("aws", market=Market.ON_DEMAND), NOW)
    answer = plan(request(FleetRequest("train", 1, ANY)), world(offer(A, 0.1), offer(WEST, 0.5), failures=[account]))
    assert not answer.complete
