"""Each backend's grammar of zone names, one row for each row of what is known about them."""

import time

import pytest

from atoll.model.zone import Zone, ZoneKind
from atoll.zones.naming import LONGEST, ZONELESS, ParsedName, canonical, parse

AZ = ZoneKind.AVAILABILITY_ZONE


@pytest.mark.parametrize(
    ("backend", "text", "expected"),
    [
        ("aws", "US-EAST-1A", ParsedName("aws", "us-east-1", "us-east-1a")),
        ("aws", "us-gov-west-1b", ParsedName("aws", "us-gov-west-1", "us-gov-west-1b")),
        ("aws", "use1-az4", ParsedName("aws", None, "use1-az4", "use1-az4")),
        (
            "aws",
            "us-west-2-lax-1a",
            ParsedName("aws", "us-west-2", "us-west-2-lax-1a", kind=ZoneKind.LOCAL_ZONE),
        ),
        (
            "aws",
            "usw2-lax1-az1",
            ParsedName("aws", None, "usw2-lax1-az1", "usw2-lax1-az1", ZoneKind.LOCAL_ZONE),
        ),
        (
            "aws",
            "us-east-1-wl1-bos-wlz-1",
            ParsedName("aws", "us-east-1", "us-east-1-wl1-bos-wlz-1", kind=ZoneKind.WAVELENGTH_ZONE),
        ),
        ("gcp", "us-central1-a", ParsedName("gcp", "us-central1", "us-central1-a")),
        ("gcp", "us-south1-ai1b", ParsedName("gcp", "us-south1", "us-south1-ai1b")),
        ("azure", "2", ParsedName("azure", None, "2")),
        ("azure", "eastus-2", ParsedName("azure", "eastus", "2")),
        ("azure", "WestUS2/2", ParsedName("azure", "westus2", "2")),
        ("azure", "westus2-az1", ParsedName("azure", "westus2", "westus2-az1", "westus2-az1")),
        ("azure", "eastus2euap", ParsedName("azure", "eastus2euap", "", kind=ZoneKind.REGION)),
        ("oci", "Uocm:PHX-AD-1", ParsedName("oci", None, "Uocm:PHX-AD-1")),
        ("alibaba", "cn-beijing-a", ParsedName("alibaba", "cn-beijing", "cn-beijing-a")),
        ("alibaba", "us-west-1a", ParsedName("alibaba", "us-west-1", "us-west-1a")),
        ("alibaba", "cn-wuhan-lr-a", ParsedName("alibaba", "cn-wuhan-lr", "cn-wuhan-lr-a")),
        ("tencent", "ap-guangzhou-3", ParsedName("tencent", "ap-guangzhou", "ap-guangzhou-3")),
        ("huawei", "cn-north-4a", ParsedName("huawei", None, "cn-north-4a")),
        ("openstack", "Rack 7", ParsedName("openstack", None, "Rack 7")),
        ("kubernetes", "zone.A_1", ParsedName("kubernetes", None, "zone.A_1")),
        ("slurm", "gpu-h100", ParsedName("slurm", None, "gpu-h100", kind=ZoneKind.PARTITION)),
        ("runpod", "eu-ro-1", ParsedName("runpod", "EU-RO-1", "EU-RO-1", kind=ZoneKind.DATA_CENTRE)),
        ("hetzner", "fsn1-dc14", ParsedName("hetzner", "fsn1", "fsn1-dc14", kind=ZoneKind.DATA_CENTRE)),
        ("hetzner", "fsn1", ParsedName("hetzner", "fsn1", "fsn1", kind=ZoneKind.LOCATION)),
        ("ovh", "EU-WEST-PAR-A", ParsedName("ovh", None, "eu-west-par-a")),
        ("upcloud", "fi-hel1", ParsedName("upcloud", "fi-hel1", "fi-hel1", kind=ZoneKind.DATA_CENTRE)),
        ("ssh", "basement", ParsedName("ssh", None, "basement", kind=ZoneKind.SITE)),
        ("local", "local-a", ParsedName("local", None, "local-a")),
    ],
)
def test_a_name_is_read_by_its_backends_grammar(backend: str, text: str, expected: ParsedName) -> None:
    assert parse(backend, f" {text} ") == expected


@pytest.mark.parametrize(
    ("backend", "text"),
    [
        ("aws", "us-central1-a"),
        ("aws", "us-east-1"),
        ("gcp", "us-east-1a"),
        ("azure", "us-east-1a"),
        ("alibaba", "cn-beijing"),
        ("openstack", "nova:host:node"),
        ("kubernetes", "-a"),
        ("kubernetes", "a" * 64),
        ("slurm", "gpu,cpu"),
        ("oci", "us-east-1a"),
        ("local", ""),
        ("local", "x" * (LONGEST + 1)),
        *((backend, "us-east-1a") for backend in sorted(ZONELESS)),
    ],
)
def test_what_no_zone_of_the_backend_is_called_is_not_read(backend: str, text: str) -> None:
    assert parse(backend, text) is None


def test_the_region_of_the_file_completes_a_name_without_one() -> None:
    assert parse("azure", "1", region="eastus") == ParsedName("azure", "eastus", "1")
    assert parse("azure", "westus2-1", region="eastus") == ParsedName("azure", "westus2", "1")


def test_the_canonical_spelling_needs_no_further_context() -> None:
    assert canonical(Zone("azure", "eastus", "1", "eastus-az3")) == "eastus-1"
    assert canonical(Zone("nebius", "eu-north1", "")) == "eu-north1"
    assert canonical(Zone("slurm", "cluster", "1")) == "1"


def test_no_text_takes_a_grammar_long() -> None:
    started = time.process_time()
    for backend in ("aws", "gcp", "azure", "oci", "alibaba", "tencent", "ovh", "kubernetes"):
        for text in ("a-" * 63, "a" * 127 + "!", "a1-" * 42, "-".join("abcdefgh" * 7) + "/"):
            parse(backend, text)
    assert time.process_time() - started < 0.5
