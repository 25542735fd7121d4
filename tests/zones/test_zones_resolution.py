"""What an entry of `availability_zones` means, by the built-in directory and by live lists."""

from datetime import UTC, datetime

import pytest

from atoll.model.zone import Zone, ZoneKind
from atoll.zones.directory import Directory, Resolution, builtin

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def resolve(text: str, *backends: str, regions: list[str] | None = None) -> Resolution:
    return builtin().resolve(text, backends=backends or None, regions=regions)


@pytest.mark.parametrize(
    ("text", "backend", "region", "name"),
    [
        ("us-east-1a", "aws", "us-east-1", "us-east-1a"),
        ("US-East-1A", "aws", "us-east-1", "us-east-1a"),
        (" us-east-1a ", "aws", "us-east-1", "us-east-1a"),
        ("us-east-1/us-east-1a", "aws", "us-east-1", "us-east-1a"),
        ("euc1-az1", "aws", "eu-central-1", "eu-central-1c"),
        ("us-west-2-lax-1a", "aws", "us-west-2", "us-west-2-lax-1a"),
        ("usw2-lax1-az1", "aws", "us-west-2", "us-west-2-lax-1a"),
        ("us-east-1-wl1-bos-wlz-1", "aws", "us-east-1", "us-east-1-wl1-bos-wlz-1"),
        ("us-central1-ai1a", "gcp", "us-central1", "us-central1-ai1a"),
        ("eastus-1", "azure", "eastus", "1"),
        ("EastUS/1", "azure", "eastus", "1"),
        ("cn-wuhan-lr-a", "alibaba", "cn-wuhan-lr", "cn-wuhan-lr-a"),
        ("us-west-1a", "alibaba", "us-west-1", "us-west-1a"),
        ("ap-guangzhou-1", "tencent", "ap-guangzhou", "ap-guangzhou-1"),
        ("cn-north-4a", "huawei", "cn-north-4", "cn-north-4a"),
        ("fsn1-dc14", "hetzner", "fsn1", "fsn1-dc14"),
        ("fsn1", "hetzner", "fsn1", "fsn1-dc14"),
        ("EU-west-PAR-b", "ovh", "EU-WEST-PAR", "eu-west-par-b"),
        ("eu-ro-1", "runpod", "EU-RO-1", "EU-RO-1"),
    ],
)
def test_a_zone_is_found_in_every_spelling(text: str, backend: str, region: str, name: str) -> None:
    found = resolve(text, backend)
    assert found == Resolution((Zone(backend, region, name),))


def test_an_id_of_a_region_that_maps_letters_per_account_stands_for_itself() -> None:
    (zone,) = resolve("USE1-AZ4", "aws").zones
    assert (zone.region, zone.name, zone.zone_id) == ("us-east-1", "use1-az4", "use1-az4")
    (letter,) = resolve("us-east-1a", "aws").zones
    assert letter.zone_id is None


def test_a_bare_number_of_azure_means_the_zone_of_its_region() -> None:
    assert [(zone.region, zone.name) for zone in resolve("1", "azure", regions=["eastus"]).zones] == [("eastus", "1")]
    both = resolve("1", "azure", regions=["eastus", "westus2"])
    assert both.problem is None
    assert {zone.region for zone in both.zones} == {"eastus", "westus2"}


def test_a_bare_number_of_azure_without_region_is_ambiguous() -> None:
    found = resolve("1", "azure")
    assert found.problem == "ambiguous-zone"
    assert all(name.endswith("-1") for name in found.suggestions)


def test_a_bare_number_in_an_azure_region_without_zones_is_unknown() -> None:
    found = resolve("1", "azure", regions=["westus"])
    assert (found.problem, found.home, found.known) == ("unknown-zone", None, ("westus",))


def test_a_physical_zone_of_azure_is_accepted() -> None:
    (zone,) = resolve("westus2-az1", "azure").zones
    assert (zone.region, zone.zone_id) == ("westus2", "westus2-az1")


def test_a_region_without_zones_is_named_by_the_region() -> None:
    assert [zone.kind for zone in resolve("westus", "azure").zones] == [ZoneKind.REGION]


def test_a_glob_means_all_that_it_matches() -> None:
    found = resolve("us-east-1?", "aws")
    assert [zone.name for zone in found.zones] == [f"us-east-1{letter}" for letter in "abcdef"]
    assert {zone.backend for zone in resolve("us-west-1*").zones} == {"aws", "alibaba"}
    assert resolve("use1-az*", "aws").problem is None


def test_a_glob_that_matches_nothing_is_unknown() -> None:
    assert resolve("us-east-9*", "aws").problem == "unknown-zone"
    assert resolve("us-east-1*", "aws", regions=["eu-west-1"]).problem == "zone-of-other-region"


def test_an_exclusion_names_what_it_takes_away() -> None:
    found = resolve("!us-east-1e", "aws")
    assert found.exclude
    assert [zone.name for zone in found.zones] == ["us-east-1e"]
    wrong = resolve("!us-east-1z", "aws")
    assert (wrong.exclude, wrong.problem) == (True, "unknown-zone")


def test_an_unknown_zone_is_answered_with_the_nearest_names_and_the_zones_of_its_region() -> None:
    found = resolve("us-east-1z", "aws", regions=["us-east-1"])
    assert found.problem == "unknown-zone"
    assert found.suggestions[0] == "us-east-1a"
    assert found.known == tuple(f"us-east-1{letter}" for letter in "abcdef")
    assert found.home is None


def test_local_zones_are_mentioned_when_one_was_meant() -> None:
    known = resolve("us-west-2-lax-1z", "aws").known
    assert "us-west-2-lax-1b" in known
    assert "us-west-2-wl1-las-wlz-1" not in known


def test_a_well_formed_name_that_the_list_lacks_is_unknown() -> None:
    assert resolve("us-east-1g", "aws").problem == "unknown-zone"


@pytest.mark.parametrize("typo", ["us-eat-1a", "us-eastt-1a", "us-esat-1a", "us_east-1a", "us-east1a"])
def test_a_slip_of_the_pen_is_answered_with_the_name_that_was_meant(typo: str) -> None:
    assert "us-east-1a" in resolve(typo, "aws").suggestions


def test_the_region_in_place_of_a_zone_is_answered_with_its_zones() -> None:
    assert resolve("us-east-1", "aws").suggestions[:2] == ("us-east-1a", "us-east-1b")


def test_a_zone_of_another_region_is_reported_with_its_region() -> None:
    found = resolve("us-west-2a", "aws", regions=["us-east-1", "US-EAST-2"])
    assert found.problem == "zone-of-other-region"
    assert found.home == Zone("aws", "us-west-2", "us-west-2a")
    assert set(found.suggestions) <= set(found.known)
    assert found.known[0] == "us-east-1a"


def test_a_zone_of_another_backend_is_reported_with_its_backend() -> None:
    found = resolve("us-central1-a", "aws", "azure")
    assert found.problem == "zone-of-other-backend"
    assert found.home == Zone("gcp", "us-central1", "us-central1-a")


def test_a_slip_within_an_allowed_cloud_is_unknown_even_if_another_cloud_has_such_a_zone() -> None:
    found = resolve("ap-northeast-1e", "aws")
    assert (found.problem, found.home) == ("unknown-zone", None)
    assert "ap-northeast-1a" in found.suggestions


def test_a_name_of_two_backends_is_ambiguous_only_where_both_are_possible() -> None:
    assert resolve("us-west-1a", "aws").problem is None
    assert resolve("us-west-1a", "aws", "gcp").problem is None
    both = resolve("us-west-1a", "aws", "alibaba")
    assert both.problem == "ambiguous-zone"
    assert {zone.backend for zone in both.zones} == {"aws", "alibaba"}
    assert resolve("us-west-1a").problem == "ambiguous-zone"


@pytest.mark.parametrize("backend", ["local", "fake", "openstack", "kubernetes", "slurm", "ssh"])
def test_free_text_is_taken_as_it_is_until_there_is_a_live_list(backend: str) -> None:
    assert resolve("gpu-h100", backend) == Resolution()
    assert resolve("us-east-1a", backend) == Resolution()
    assert builtin().source(backend) == "none"
    live = builtin().with_live(backend, [Zone(backend, "here", "gpu-h100")], NOON)
    assert live.resolve("GPU-H100", backends=[backend]).zones == (Zone(backend, "here", "gpu-h100"),)
    wrong = live.resolve("gpu-h10", backends=[backend])
    assert (wrong.problem, wrong.suggestions) == ("unknown-zone", ("gpu-h100",))


def test_a_text_that_no_zone_of_a_free_backend_can_be_is_unknown() -> None:
    assert resolve("nova:host:node", "openstack").problem == "unknown-zone"
    assert resolve("us-east-1a", "oci").problem == "zone-of-other-backend"
    assert resolve("Uocm:PHX-AD-1", "oci") == Resolution()


def test_a_backend_without_zones_has_nothing_to_say() -> None:
    assert resolve("us-east-1a", "lambda", "nebius") == Resolution()
    assert resolve("us-east-1z", "aws", "lambda").problem == "unknown-zone"


def test_without_a_backend_only_what_looks_like_a_listed_zone_is_held_against_the_lists() -> None:
    assert resolve("local-a") == Resolution()
    assert resolve("gpu-h100") == Resolution()
    assert resolve("us-east-1z").problem == "unknown-zone"
    assert resolve("us-esat-1a").problem == "unknown-zone"


def test_a_live_list_takes_the_place_of_what_is_built_in() -> None:
    live = builtin().with_live("aws", [Zone("aws", "us-east-1", "us-east-1g", "use1-az7")], NOON)
    assert live.resolve("us-east-1g", backends=["aws"]).problem is None
    assert live.resolve("USE1-AZ7", backends=["aws"]).zones[0].name == "us-east-1g"
    assert live.resolve("us-east-1a", backends=["aws"]).problem == "unknown-zone"
    assert (live.source("aws"), live.as_of("aws")) == ("live", NOON)
    assert (live.source("gcp"), builtin().source("aws")) == ("built-in", "built-in")
    assert builtin().resolve("us-east-1a", backends=["aws"]).problem is None


def test_an_entry_of_nothing_and_an_entry_without_end_are_unknown_zones() -> None:
    for text in ["", "!", "  ", "x" * 100_000, "/", "//", "!!us-east-1a", "*" * 50_000 + "q"]:
        assert resolve(text, "aws").problem == "unknown-zone"


def test_a_directory_of_zones_that_someone_gives_knows_those() -> None:
    directory = Directory([Zone("aws", "us-east-1", "us-east-1a")])
    assert directory.resolve("us-east-1a", backends=["aws"]).problem is None
    assert directory.resolve("us-east-1b", backends=["aws"]).suggestions == ("us-east-1a",)
