"""The catalog: the same offers in whatever order and from whatever parts, and its bytes."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.model.catalog import PRICE_DIGITS, Catalog
from atoll.model.offer import UNKNOWN_PRICE, Availability, Market, Offer
from atoll.model.packed import FORMAT, DamagedCatalog, pack, unpack
from atoll.model.resources import Gpu, InstanceType
from atoll.model.zone import Zone, ZoneKind

AS_OF = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

zones = st.builds(
    Zone,
    st.sampled_from(("aws", "gcp", "ssh")),
    st.sampled_from(("north", "south")),
    st.sampled_from(("", "a", "b", "ü")),
    st.just("id-1"),
    st.just(ZoneKind.LOCAL_ZONE),
)
names = st.sampled_from(("H100", "L4"))
gpu = st.builds(Gpu, names, st.integers(1, 8), st.just(80.0), st.just("nvidia"), st.just((9, 0)))
gpus = st.none() | gpu
types = st.builds(
    InstanceType,
    st.sampled_from(("small", "large")),
    st.sampled_from((1.0, 2.5, 64.0)),
    st.just(8.0),
    st.just(100.0),
    st.sampled_from(("x86", "arm")),
    gpus,
)
offers = st.builds(
    Offer,
    zones,
    types,
    st.sampled_from(Market),
    st.floats(0, 1000).map(lambda price: round(price, PRICE_DIGITS)),
    st.sampled_from(Availability),
    st.one_of(st.none(), st.integers(0, 1000)),
)
listings = st.lists(offers, max_size=30, unique_by=lambda offer: (offer.zone, offer.instance_type, offer.market))


def key(offer: Offer) -> tuple[object, ...]:
    return (offer.zone, offer.instance_type.name, repr(offer.instance_type), list(Market).index(offer.market))


@given(listings)
def test_a_catalog_has_exactly_the_offers_it_was_made_of_in_order(found: list[Offer]) -> None:
    assert list(Catalog.from_offers(found, AS_OF)) == sorted(found, key=key)


@given(listings, st.randoms())
def test_the_order_of_the_offers_makes_no_difference(found: list[Offer], chance: random.Random) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert Catalog.from_offers(shuffled, AS_OF) == Catalog.from_offers(found, AS_OF)


@given(listings, st.integers(1, 4))
def test_merged_parts_are_the_whole(found: list[Offer], parts: int) -> None:
    catalogs = [Catalog.from_offers(found[part::parts], AS_OF) for part in range(parts)]
    assert Catalog.merged(catalogs, AS_OF) == Catalog.from_offers(found, AS_OF)
    assert Catalog.merged(catalogs[::-1], AS_OF) == Catalog.from_offers(found, AS_OF)


def test_nothing_merged_is_an_empty_catalog() -> None:
    assert Catalog.merged([], AS_OF) == Catalog.from_offers([], AS_OF)


@given(listings)
def test_each_zone_has_its_own_rows(found: list[Offer]) -> None:
    catalog = Catalog.from_offers(found, AS_OF)
    for place, zone in enumerate(catalog.zones):
        rows = catalog.rows(place)
        here = [catalog.offer(row) for row in range(rows.start, rows.stop)]
        assert here == sorted((offer for offer in found if offer.zone == zone), key=key)


@given(listings)
def test_packed_and_unpacked_is_the_same(found: list[Offer]) -> None:
    catalog = Catalog.from_offers(found, AS_OF)
    again = unpack(pack(catalog))
    assert again == catalog
    assert [(zone.zone_id, zone.kind) for zone in again.zones] == [(zone.zone_id, zone.kind) for zone in catalog.zones]
    assert pack(again) == pack(catalog)


@given(st.lists(offers, min_size=1, max_size=5), st.data())
def test_bytes_of_which_one_was_changed_are_refused(found: list[Offer], data: st.DataObject) -> None:
    packed = bytearray(pack(Catalog.from_offers(found, AS_OF)))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedCatalog):
        unpack(bytes(packed))


@given(st.lists(offers, min_size=1, max_size=5), st.data())
def test_bytes_that_were_cut_are_refused(found: list[Offer], data: st.DataObject) -> None:
    packed = pack(Catalog.from_offers(found, AS_OF))
    with pytest.raises(DamagedCatalog):
        unpack(packed[: data.draw(st.integers(0, len(packed) - 1))])


@given(st.binary(max_size=200))
def test_bytes_that_are_no_catalog_are_refused(data: bytes) -> None:
    for packed in (data, FORMAT + data):
        with pytest.raises(DamagedCatalog):
            unpack(packed)


@pytest.mark.parametrize("column", ["zone", "type", "market", "price", "availability", "count"])
def test_offers_that_point_nowhere_are_refused_whatever_their_checksum(column: str) -> None:
    catalog = Catalog.from_offers([Offer(Zone("aws", "r", "a"), InstanceType("t", 1, 1), Market.SPOT, 1.0)], AS_OF)
    wrong = catalog.columns.arrays[column]
    wrong.setflags(write=True)
    wrong[:] = {"price": float("nan"), "count": -2}.get(column, 9)
    with pytest.raises(DamagedCatalog):
        unpack(pack(catalog))


def test_an_offer_with_none_left_counts_as_unavailable() -> None:
    zone, kind = Zone("aws", "r", "a"), InstanceType("t", 1, 1)
    spent = Offer(zone, kind, Market.SPOT, 1.0, Availability.AVAILABLE, 0)
    gone = Offer(zone, kind, Market.SPOT, 1.0, Availability.UNAVAILABLE)
    some = Offer(zone, kind, Market.SPOT, 1.0, Availability.AVAILABLE, 1)
    kinds = [Catalog.from_offers([offer], AS_OF).kinds[0] for offer in (spent, gone, some)]
    assert kinds[0] == kinds[1] != kinds[2]


def test_prices_have_nothing_that_binary_fractions_add() -> None:
    noisy = Offer(Zone("aws", "north", "a"), InstanceType("small", 1, 8), Market.SPOT, 0.1 + 0.2)
    [offer] = Catalog.from_offers([noisy], AS_OF)
    assert offer.price == 0.3


def test_an_unknown_price_is_kept_as_it_is() -> None:
    offer = Offer(Zone("aws", "r", "a"), InstanceType("t", 1, 1), Market.SPOT, UNKNOWN_PRICE)
    assert list(unpack(pack(Catalog.from_offers([offer], AS_OF)))) == [offer]
