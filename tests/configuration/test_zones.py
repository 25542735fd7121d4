"""Zones in files."""

from datetime import date

import pytest

from atoll.configuration import SourceFile, parse
from atoll.configuration.checks.zoning import Ground
from atoll.model.diagnostic import Diagnostic
from atoll.model.zone import Zone
from atoll.zones.directory import builtin

EAST = "type: fleet\nname: f\nnodes: 1\nbackends: [aws]\nregions: [us-east-1]\n"


def findings(text: str) -> tuple[Diagnostic, ...]:
    return parse([SourceFile("f.yml", text)]).diagnostics


def test_an_unknown_zone_is_reported_with_the_zones_and_the_nearest_name() -> None:
    (found,) = findings(EAST + "availability_zones: [us-east-1z, us-east-1b]")
    assert (found.code, found.message) == ("unknown-zone", "`us-east-1z` is not a zone of aws us-east-1")
    assert found.span is not None
    assert (found.span.line, found.span.column, found.span.end_column) == (6, 22, 32)
    assert found.notes == (
        "zones: us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, us-east-1f",
        f"from the zones of aws that this release knows, as of {builtin().as_of('aws')}",
    )
    assert found.help == "did you mean `us-east-1a`?"


@pytest.mark.parametrize("zones", ["[us-east-1a, use1-az4]", "['us-east-1*', '!us-east-1e']", "[US-EAST-1A]"])
def test_names_ids_globs_and_exclusions_are_zones(zones: str) -> None:
    assert findings(EAST + f"availability_zones: {zones}") == ()


@pytest.mark.parametrize("backends", ["[local]", "[fake]", "[ssh, aws]", "[openstack]", "[vastai]"])
def test_zones_that_only_the_server_knows_are_left_to_it(backends: str) -> None:
    fleet = f"type: fleet\nnodes: 1\nbackends: {backends}\navailability_zones: [local-q, us-east-1zz, fake-z]\n"
    assert findings(fleet) == ()


def test_a_local_zone_needs_no_backend_beside_it() -> None:
    assert findings("type: fleet\nnodes: 1\navailability_zones: [local-a]\n") == ()


def test_a_volumes_zone_is_checked_with_its_backend_and_region() -> None:
    text = "type: volume\nname: v\nbackend: aws\nregion: us-east-1\nsize: 1GB\navailability_zone: us-west-2a\n"
    (found,) = findings(text)
    assert found.code == "zone-of-other-region"
    assert found.help is not None
    assert "set `region` to us-west-2" in found.help
    assert findings(text.replace("backend: aws", "backend: local")) == ()


def test_a_volume_has_one_zone() -> None:
    (found,) = findings("type: volume\nname: v\nbackend: aws\nsize: 1GB\navailability_zone: 'us-east-1*'\n")
    assert found.code == "wrong-value"


def run(mount: str, zones: str, nodes: int = 1) -> str:
    volumes = "".join(
        f"type: volume\nname: v-{rank}\nbackend: local\nregion: local\nsize: 1GB\n"
        f"availability_zone: local-{letter}\n---\n"
        for rank, letter in enumerate("ab")
    )
    return volumes + (
        f"type: task\nname: t\nnodes: {nodes}\ncommands: [a]\nvolumes: [{mount}]\navailability_zones: {zones}\n"
    )


@pytest.mark.parametrize(
    ("mount", "zones", "nodes", "outside"),
    [
        ("'v-0:/v'", "[local-a]", 1, None),
        ("'v-0:/v'", "[local-b]", 1, "v-0"),
        ("'v-0:/v'", "['!local-a']", 1, "v-0"),
        ("{name: [v-0, v-1], path: /v}", "[local-b]", 1, None),
        ("'v-${{ dstack.node_rank }}:/v'", "[local-a]", 1, None),
        ("'v-${{ dstack.node_rank }}:/v'", "[local-a]", 2, "v-1"),
        ("'elsewhere:/v'", "[local-a]", 1, None),
    ],
)
def test_a_run_must_reach_its_volumes(mount: str, zones: str, nodes: int, outside: str | None) -> None:
    found = findings(run(mount, zones, nodes))
    assert [one.code for one in found] == (["volume-zone"] if outside else [])
    if outside:
        letter = "a" if outside == "v-0" else "b"
        assert f"the volume `{outside}` is in `local-{letter}`" in found[0].message


def test_the_servers_live_list_counts_where_it_is_given() -> None:
    live = builtin().with_live("aws", [Zone("aws", "us-east-1", "us-east-1z")], date(2026, 1, 1))
    file = SourceFile("f.yml", EAST + "availability_zones: [us-east-1z]")
    assert parse([file], ground=Ground(live)).diagnostics == ()
