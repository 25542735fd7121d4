"""Snapshot files: written and read without loss, refused with the place that is wrong, replayed by the real command."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.configuration.codes import codes
from atoll.configuration.codes.code import Code
from atoll.engine.snapshots.fault import BadSnapshot
from atoll.engine.snapshots.offers import FEW
from atoll.engine.snapshots.reading import read_snapshot
from atoll.engine.snapshots.saved import Saved, Settled, digest
from atoll.engine.snapshots.writing import write_snapshot
from atoll.model.catalog import Catalog
from atoll.model.failure import Failure, FailureKind, Scope
from atoll.model.offer import UNKNOWN_PRICE, Availability, Market, Offer
from atoll.model.quota import Quota
from atoll.model.resources import Gpu, InstanceType
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo, ZoneKind, ZoneState
from atoll.planning.request import Binding, FleetRequest, VolumeRequest
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot, Usage
from atoll.wire.snapshot import LARGEST_BYTES, schema
from tests.planning.golden.case import cases

NOW = datetime(2026, 11, 25, 14, 3, tzinfo=UTC)
A = Zone("aws", "us-east-1", "us-east-1a", "use1-az6")
B = Zone("aws", "us-east-1", "us-east-1b", "use1-az1")
LAX = Zone("aws", "us-west-2", "us-west-2-lax-1a", "usw2-lax1-az1", ZoneKind.LOCAL_ZONE)
SOUTH = Zone("lambda", "us-south-1", "", kind=ZoneKind.REGION)
SMALL = InstanceType("m7i.large", 2, 8, 50)
GREAT = InstanceType("p5.48xlarge", 192, 2048, gpu=Gpu("H100", 8, 80, compute_capability=(9, 0)))
ROW: dict[str, Any] = {
    "backend": "aws",
    "region": "us-east-1",
    "zone": "us-east-1a",
    "instance_type": "m7i.large",
    "cpus": 2,
    "memory_gb": 8,
    "price": 0.1,
}
TABLE: dict[str, Any] = {"zones": [{"backend": "aws", "region": "us-east-1", "zone": "us-east-1a"}],
         "types": [{"instance_type": "m7i.large", "cpus": 2, "memory_gb": 8}],
         "zone": [0], "type": [0], "price": [0.1]}  # fmt: skip
FLEET = "type: fleet\nname: train\nbackends: [aws]\nnodes: 2\nresources: {cpu: 2.., memory: 8GB..}\n"


def world() -> Saved:
    """A world with one of everything."""
    offers = [
        Offer(A, SMALL, Market.ON_DEMAND, 0.1),
        Offer(A, SMALL, Market.SPOT, 0.03, Availability.UNAVAILABLE),
        Offer(B, GREAT, Market.RESERVED, 98.32, count=3),
        Offer(LAX, replace(SMALL, arch="arm", name="m7g.large"), Market.ON_DEMAND, 0.2, Availability.NOT_OFFERED),
        Offer(SOUTH, InstanceType("a10", 30, 200, gpu=Gpu("A10", 1, 24)), Market.ON_DEMAND, UNKNOWN_PRICE),
    ]
    instance = ExistingInstance("i-0", A, SMALL, Market.SPOT, 0.03, "train", 0, True, ("data",))
    snapshot = Snapshot(
        catalog=Catalog.from_offers(offers, NOW),
        zones=(
            ZoneInfo(A, ZoneState.DRAINED, "power", NOW + timedelta(hours=1)),
            ZoneInfo(B, capacity=Capacity(512, 4096, 16)),
            ZoneInfo(LAX, ZoneState.NOT_OPTED_IN),
        ),
        now=NOW,
        backends=(BackendInfo("aws", multi_attach=True), BackendInfo("lambda", zoned=False, volumes=False)),
        instances=(instance,),
        volumes=(ExistingVolume("data", A, 100, ("i-0",)), ExistingVolume("shared", B, 5, (), True)),
        usage=(Usage(B, Capacity(192, 2048, 8)),),
        quotas=(Quota("aws", "us-east-1", Market.SPOT, 64, 2),),
        failures=(
            Failure(
                FailureKind.CAPACITY_UNAVAILABLE,
                Scope("aws", "us-east-1", "us-east-1a", "m7i.large", Market.SPOT),
                NOW - timedelta(minutes=1),
                NOW + timedelta(minutes=2),
                3,
            ),
            Failure(FailureKind.AUTH_FAILED, Scope("lambda"), NOW, None),
        ),
        seed=7,
    )
    waiting = VolumeRequest("later", 20, "aws", "us-east-1", None, Binding.WAIT)
    settled = frozenset({Settled("fleet", "train", digest(FleetRequest("train", 1)))})
    return Saved(snapshot, "research", (waiting,), ("empty", "train"), settled)


def test_what_is_written_is_read_the_same() -> None:
    saved = world()
    assert read_snapshot(write_snapshot(saved)) == saved


def test_many_offers_are_written_as_a_table_and_few_one_by_one() -> None:
    zones = [Zone("aws", f"region-{i}", f"region-{i}a") for i in range(FEW)]
    offers = [Offer(zone, SMALL, Market.ON_DEMAND, 0.1) for zone in zones]
    for count, kind in ((FEW, list), (FEW + 1, dict)):
        more = [*offers, Offer(A, GREAT, Market.SPOT, UNKNOWN_PRICE, count=0)][:count]
        saved = Saved(Snapshot(Catalog.from_offers(more, NOW), (), NOW))
        content = write_snapshot(saved)
        assert isinstance(json.loads(content)["offers"], kind)
        assert read_snapshot(content) == saved


OFFERS = st.builds(
    Offer,
    st.sampled_from([A, B, LAX, SOUTH]),
    st.sampled_from([SMALL, GREAT]),
    st.sampled_from(Market),
    st.floats(0, 1000),
    st.sampled_from(Availability),
    st.none() | st.integers(0, 100),
)


@given(st.lists(OFFERS, max_size=12, unique_by=lambda offer: (offer.zone, offer.instance_type, offer.market)))
def test_a_table_and_rows_say_the_same(offers: list[Offer]) -> None:
    catalog = Catalog.from_offers(offers, NOW)
    columns = {name: column.tolist() for name, column in catalog.columns.arrays.items()}
    rows = json.loads(write_snapshot(Saved(Snapshot(catalog, (), NOW))))["offers"]
    places = [{"backend": z.backend, "region": z.region, "zone": z.name, "zone_id": z.zone_id,
               "kind": z.kind} for z in catalog.zones]  # fmt: skip
    machine_keys = ("instance_type", "cpus", "memory_gb", "disk_gb", "gpus")
    by_name = {row["instance_type"]: {key: row[key] for key in machine_keys if key in row} for row in rows}
    table = {
        "zones": places,
        "types": [by_name[kind.name] for kind in catalog.table.types],
        "capacity": columns.pop("count"),
        **columns,
    }
    read = read_snapshot(json.dumps({"offers": table, "now": NOW.isoformat()}).encode())
    assert read.snapshot.catalog == catalog


def test_a_snapshot_may_hold_only_offers() -> None:
    for content in ([ROW], {"offers": [ROW]}, {"offers": TABLE}):
        (offer,) = read_snapshot(json.dumps(content).encode()).snapshot.catalog
        assert (str(offer.zone), offer.instance_type.name, offer.market, offer.price) == (
            "us-east-1a", "m7i.large", "on-demand", 0.1,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        (None, None),
        (0, None),
        (2, Gpu("", 2, 0)),
        ("H100:8", Gpu("H100", 8, 0)),
        ("A100:80GB:2", Gpu("A100", 2, 80)),
        ({"name": "MI300X", "count": 8, "memory_gb": 192, "vendor": "amd"}, Gpu("MI300X", 8, 192, "amd")),
    ],
)
def test_gpus_have_a_long_form_and_short_ones(gpus: Any, expected: Gpu | None) -> None:
    (offer,) = read_snapshot(json.dumps([{**ROW, "gpus": gpus}]).encode()).snapshot.catalog
    assert offer.instance_type.gpu == expected


def test_an_unnamed_zone_is_a_region() -> None:
    row = {key: value for key, value in ROW.items() if key != "zone"}
    (offer,) = read_snapshot(json.dumps([row]).encode()).snapshot.catalog
    assert offer.zone.kind is ZoneKind.REGION


WRONG: list[tuple[Any, str]] = [
    ([{**ROW, "price": "dear"}], "`[0].price`: expected a number or null, not text"),
    ({"offers": [ROW, {**ROW, "price": -1}]}, "`offers[1].price`: expected a number >= 0"),
    ({"offers": [{**ROW, "cpus": 0}]}, "`offers[0].cpus`: expected a number > 0"),
    ({"offers": [{**ROW, "prize": 1}]}, "`offers[0]`: there is no key `prize` here"),
    ({"offers": [{"backend": "aws"}]}, "`offers[0]`: `region` is missing"),
    ({"offers": [{**ROW, "market": "spt"}]}, "`offers[0].market`: `spt` is none of the possible values"),
    ({"offers": [{**ROW, "gpus": ":8"}]}, "`offers[0].gpus`: expected GPUs such as `H100:8` or `H100:80GB:8`"),
    ({"offers": [{**ROW, "zone": "\x1b[2J"}]}, "`offers[0].zone`: text may not have control characters"),
    ({"offers": [ROW, ROW]}, "`offers[1]`: the same zone, instance type and market as `offers[0]`"),
    ({"offers": 3}, "`offers`: expected an object or a list, not a whole number"),
    ({}, "`offers` is missing"),
    ("text", "expected an object, not text"),
    ({"offers": [], "now": "yesterday"}, "`now`: expected a time such as `2026-11-25T14:02:00Z`"),
    ({"offers": [], "now": "2026-11-25T14:02:00"}, "`now`: a time needs its zone: add `Z`"),
    ({"offers": [], "format": 2}, "`format`: `2` is none of the possible values"),
    ({"offers": {**TABLE, "zone": [1]}}, "`offers.zone[0]`: `zones` has no such entry"),
    ({"offers": {**TABLE, "type": [0, 0]}}, "`offers.type`: 2 entries, where `price` has 1"),
    ({"offers": {**TABLE, "market": [9]}}, "`offers.market[0]`: there is no such name"),
    ({"offers": {**TABLE, "zones": TABLE["zones"] * 2}}, "`offers.zones[1]`: the same zone as `offers.zones[0]`"),
    ({"offers": [], "failures": [{"kind": "throttled", "backend": "aws", "at": "2026-11-25T14:02:00Z"}]},
     "`now` is missing: it decides which failures have expired"),
    ({"offers": [], "zones": [{"backend": "aws", "region": "r", "used": {}}]},
     "`zones[0].used`: means nothing without `capacity`"),
    ({"offers": [], "fleets": [{"name": "a"}, {"name": "a"}]}, "`fleets[1]`: the same fleet as `fleets[0]`"),
    ({"offers": [], "fleets": [{"name": "a", "instances": [{**ROW, "id": "i", "node": n} for n in (0, 1)]}]},
     "`fleets[0].instances[1]`: the same id as `fleets[0].instances[0]`"),
    ({"offers": [], "volumes": [{"name": "v", "size_gb": 1, "backend": "aws", "region": "r"}] * 2},
     "`volumes[1]`: the same volume as `volumes[0]`"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRONG, ids=[message for _, message in WRONG])
def test_faults_are_reported_with_their_places(content: Any, message: str) -> None:
    with pytest.raises(BadSnapshot) as refused:
        read_snapshot(json.dumps(content).encode())
    (finding,) = refused.value.diagnostics
    assert (finding.code, finding.message) == ("wrong-snapshot", message)


def test_a_misspelt_key_gets_the_nearest() -> None:
    with pytest.raises(BadSnapshot) as refused:
        read_snapshot(json.dumps([{**ROW, "prise": 1}]).encode())
    assert refused.value.diagnostics[0].help == "did you mean `price`?"


@pytest.mark.parametrize("content", [b"", b"{", b'[{"backend": "aws"', b"\xff\xfe", b"{'a': 1}"])
def test_what_is_not_json_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(BadSnapshot) as refused:
        read_snapshot(content)
    assert refused.value.diagnostics[0].code == "not-json"


def test_a_deep_file_is_refused_like_any_other() -> None:
    with pytest.raises(BadSnapshot):
        read_snapshot(b"[" * 100_000)


def test_findings_are_bounded() -> None:
    fleets = [{"name": "a"}] * 5000
    with pytest.raises(BadSnapshot) as refused:
        read_snapshot(json.dumps({"offers": [], "fleets": fleets}).encode())
    assert len(refused.value.diagnostics) == 20


def test_a_file_that_is_too_large_is_not_looked_into() -> None:
    with pytest.raises(BadSnapshot) as refused:
        read_snapshot(b" " * (LARGEST_BYTES + 1))
    assert refused.value.diagnostics[0].code == "snapshot-too-large"


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    for case in cases():
        validator.validate(json.loads((case.folder / "snapshot.json").read_text()))
    validator.validate(json.loads(write_snapshot(world())))
    validator.validate({"offers": TABLE})
    for content in (
        [{**ROW, "price": "dear"}],
        {"offers": [{**ROW, "prize": 1}]},
        {},
        {"offers": [{"backend": "aws"}]},
    ):
        assert not validator.is_valid(content)


OF_SNAPSHOTS = [code for code in codes().values() if code.snapshot]


@pytest.mark.parametrize("code", [code for code in OF_SNAPSHOTS if code.wrong], ids=lambda code: code.code)
def test_the_example_of_a_code_causes_it_and_its_cure_does_not(code: Code) -> None:
    with pytest.raises(BadSnapshot) as refused:
        read_snapshot(code.wrong.encode())
    assert {one.code for one in refused.value.diagnostics} == {code.code}
    assert len(read_snapshot(code.cured.encode()).snapshot.catalog) == 1


def test_every_finding_about_a_snapshot_is_explained() -> None:
    assert {code.code for code in OF_SNAPSHOTS} == {"not-json", "wrong-snapshot", "snapshot-too-large"}
