"""The offers that a question asks for: what is left out, what is kept with its reason, how they are put together."""

from datetime import UTC, datetime, timedelta

import pytest

from atoll.model.catalog import Catalog
from atoll.model.failure import Failure, FailureKind, Scope
from atoll.model.offer import UNKNOWN_PRICE, Availability, Market, Offer
from atoll.model.quota import Quota
from atoll.model.resources import Gpu, GpuRequirement, InstanceType, Range, Resources
from atoll.model.zone import Capacity, Zone, ZoneInfo, ZoneState
from atoll.planning.offers import GroupBy, OfferSearch
from atoll.planning.reasons.sentences import refusal_text
from atoll.planning.request import Requirements, SpotPolicy
from atoll.planning.snapshot import Snapshot, Usage
from atoll.planning.terrain import Terrain

NOW = datetime(2026, 11, 25, 14, 3, tzinfo=UTC)
A, B, C = (Zone("aws", "us-east-1", f"us-east-1{letter}") for letter in "abc")
WEST = Zone("aws", "us-west-2", "us-west-2a")
NOVA = Zone("openstack", "us-east-1", "nova")
SMALL = InstanceType("small", 2, 8)
LARGE = InstanceType("large", 16, 64)
GPU = InstanceType("gpu", 16, 64, gpu=Gpu("H100", 8, 80))
ANY = Resources(Range(), Range())


def search(offers: list[Offer], requirements: Requirements | None = None, **world: object) -> OfferSearch:
    snapshot = Snapshot(catalog=Catalog.from_offers(offers, NOW), now=NOW, **{"zones": (), **world})  # type: ignore[arg-type]
    asked = requirements or Requirements(ANY, spot_policy=SpotPolicy.AUTO)
    return OfferSearch.of(asked, Terrain.of(snapshot, "offers"))


def told(found: OfferSearch) -> list[tuple[str, str, str]]:
    """Zone, type and reason of each."""
    return [
        (str(one.offer.zone), one.offer.instance_type.name, refusal_text(one.refusal) if one.refusal else "")
        for one in found.cheapest(100)
    ]


def test_the_cheapest_comes_first_and_the_limit_is_kept() -> None:
    offers = [Offer(A, LARGE, Market.ON_DEMAND, 0.8), Offer(B, SMALL, Market.ON_DEMAND, 0.1),
              Offer(A, SMALL, Market.SPOT, 0.03)]  # fmt: skip
    assert [one.offer.price for one in search(offers).cheapest(100)] == [0.03, 0.1, 0.8]
    assert [one.offer.price for one in search(offers).cheapest(2)] == [0.03, 0.1]


def test_an_offer_of_unknown_price_is_last_and_says_that_no_limit_can_be_kept() -> None:
    offers = [Offer(A, SMALL, Market.ON_DEMAND, UNKNOWN_PRICE), Offer(B, SMALL, Market.ON_DEMAND, 0.1)]
    assert told(search(offers)) == [("us-east-1b", "small", ""), ("us-east-1a", "small", "")]
    limit = "the price of small is not known, so max_price $0.50 cannot be kept"
    assert told(search(offers, Requirements(ANY, max_price=0.5))) == [
        ("us-east-1b", "small", ""),
        ("us-east-1a", "small", limit),
    ]


@pytest.mark.parametrize(
    ("requirements", "left"),
    [
        (Requirements(Resources(Range(4), Range())), ["large", "gpu"]),
        (Requirements(Resources(Range(), Range(None, 8))), ["small"]),
        (Requirements(Resources(Range(), Range(), gpu=GpuRequirement())), ["gpu"]),
        (Requirements(ANY, instance_types=("Large",)), ["large"]),
        (Requirements(ANY, max_price=0.5), ["small"]),
        (Requirements(ANY, regions=("us-west-2",)), []),
        (Requirements(ANY, backends=("openstack",)), []),
        (Requirements(ANY, availability_zones=("us-east-1b",)), []),
        (Requirements(ANY, spot_policy=SpotPolicy.SPOT), []),
    ],
)
def test_offers_that_were_not_requested_are_left_out(requirements: Requirements, left: list[str]) -> None:
    offers = [Offer(A, SMALL, Market.ON_DEMAND, 0.1), Offer(A, LARGE, Market.ON_DEMAND, 0.8),
              Offer(A, GPU, Market.ON_DEMAND, 98)]  # fmt: skip
    assert [kind for _, kind, _ in told(search(offers, requirements))] == left


def test_what_cannot_be_had_now_is_kept_with_its_reason() -> None:
    offers = [
        Offer(A, SMALL, Market.ON_DEMAND, 0.1, Availability.UNAVAILABLE),
        Offer(B, SMALL, Market.ON_DEMAND, 0.2, Availability.NOT_OFFERED),
        Offer(C, SMALL, Market.ON_DEMAND, 0.3),
        Offer(C, LARGE, Market.ON_DEMAND, 0.4),
        Offer(WEST, SMALL, Market.ON_DEMAND, 0.5),
        Offer(WEST, LARGE, Market.ON_DEMAND, 0.6),
        Offer(NOVA, SMALL, Market.ON_DEMAND, 0.7),
        Offer(NOVA, LARGE, Market.ON_DEMAND, 0.8),
    ]
    scope = Scope("aws", "us-west-2", "us-west-2a", "small", Market.ON_DEMAND)
    failure = Failure(FailureKind.CAPACITY_UNAVAILABLE, scope, NOW, NOW + timedelta(minutes=3))
    found = search(
        offers,
        zones=(ZoneInfo(C, ZoneState.DRAINED, "power"), ZoneInfo(NOVA, capacity=Capacity(16, 64))),
        usage=(Usage(NOVA, Capacity(4, 16)),),
        quotas=(Quota("aws", "us-west-2", Market.ON_DEMAND, 8),),
        failures=(failure,),
    )
    assert told(found) == [
        ("us-east-1a", "small", "small is not available now"),
        ("us-east-1b", "small", "small is not offered in this zone"),
        ("us-east-1c", "small", "drained: power"),
        ("us-east-1c", "large", "drained: power"),
        ("us-west-2a", "small", "small had no capacity at 14:03, left out until 14:06"),
        ("us-west-2a", "large", "the on-demand quota of us-west-2 has 8 of 8 vCPUs left, large needs 16"),
        ("nova", "small", ""),
        ("nova", "large", "4 of 16 CPUs are used, large needs 16"),
    ]


def test_each_offer_has_its_own_reason() -> None:
    offers = [Offer(A, SMALL, Market.ON_DEMAND, 0.1), Offer(A, LARGE, Market.ON_DEMAND, 0.2)]
    failures = tuple(
        Failure(
            FailureKind.CAPACITY_UNAVAILABLE,
            Scope("aws", "us-east-1", "us-east-1a", name),
            NOW - timedelta(minutes=minute),
            NOW + timedelta(minutes=3),
        )
        for minute, name in enumerate(("small", "large"))
    )
    assert [reason for _, _, reason in told(search(offers, failures=failures))] == [
        "small had no capacity at 14:03, left out until 14:06",
        "large had no capacity at 14:02, left out until 14:06",
    ]


GROUPED = [
    Offer(A, SMALL, Market.ON_DEMAND, 0.1, Availability.UNAVAILABLE),
    Offer(A, GPU, Market.ON_DEMAND, 98),
    Offer(B, SMALL, Market.ON_DEMAND, 0.2),
    Offer(B, SMALL, Market.SPOT, 0.05),
    Offer(NOVA, LARGE, Market.ON_DEMAND, 0, Availability.UNAVAILABLE),
    Offer(WEST, SMALL, Market.ON_DEMAND, 0.3),
]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (GroupBy.ZONE, [("us-east-1b", "aws", 2, 2, 1, 0.05), ("us-west-2a", "aws", 1, 1, 1, 0.3),
                        ("us-east-1a", "aws", 2, 1, 1, 98), ("nova", "openstack", 1, 0, 1, None)]),
        (GroupBy.REGION, [("us-east-1", "aws", 4, 3, 2, 0.05), ("us-west-2", "aws", 1, 1, 1, 0.3),
                          ("us-east-1", "openstack", 1, 0, 1, None)]),
        (GroupBy.TYPE, [("small", "aws", 4, 3, 3, 0.05), ("gpu", "aws", 1, 1, 1, 98),
                        ("large", "openstack", 1, 0, 1, None)]),
        (GroupBy.GPU, [("none", "", 5, 3, 4, 0.05), ("H100:8", "", 1, 1, 1, 98)]),
    ],
)  # fmt: skip
def test_offers_are_put_together(by: GroupBy, expected: list[tuple[object, ...]]) -> None:
    groups = search(GROUPED).grouped(by)
    assert [
        (one.name, one.backend, one.offers, one.available, one.zones, one.cheapest.price if one.cheapest else None)
        for one in groups
    ] == expected


def test_without_offers_there_is_nothing_to_show() -> None:
    assert search([]).cheapest(10) == ()
    assert search([]).grouped(GroupBy.ZONE) == ()
