"""Which zones a list of patterns allows."""

import subprocess
import sys
import time

import pytest

from atoll.model.zone import Zone
from atoll.zones.selection import ZoneSelector
from atoll.zones.table import load

A = Zone("aws", "us-east-1", "us-east-1a", "use1-az4")
B = Zone("aws", "us-east-1", "us-east-1b", "use1-az6")
E = Zone("aws", "us-east-1", "us-east-1e", "use1-az3")
ONE = Zone("azure", "eastus", "1", "eastus-az2")
BARE = Zone("nebius", "eu-north1", "")


@pytest.mark.parametrize(
    ("patterns", "allowed"),
    [
        (None, [A, B, E, ONE, BARE]),
        ([], [A, B, E, ONE, BARE]),
        (["us-east-1a"], [A]),
        (["US-EAST-1A "], [A]),
        (["use1-az4", "USE1-AZ3"], [A, E]),
        (["us-east-1/us-east-1b"], [B]),
        (["us-east-1*"], [A, B, E]),
        (["us-east-1?"], [A, B, E]),
        (["us-east-1?a"], []),
        (["us-east-1*", "!us-east-1e"], [A, B]),
        (["!us-east-1e"], [A, B, ONE, BARE]),
        (["!us-east-1*", "us-east-1a"], []),
        (["! us-east-1e", "us-east-1e"], []),
        (["1"], [ONE]),
        (["eastus-1"], [ONE]),
        (["eastus/1"], [ONE]),
        (["eastus-az2"], [ONE]),
        (["eu-north1"], [BARE]),
        (["eu-*"], []),
        (["eu-*", "eu-north1"], [BARE]),
        (["!eu-*"], [A, B, E, ONE]),
        (["us-east-1[ab]"], []),
        (["*"], [A, B, E, ONE, BARE]),
        (["nowhere"], []),
    ],
)
def test_a_zone_is_allowed_when_named_and_not_excluded(patterns: list[str] | None, allowed: list[Zone]) -> None:
    selector = ZoneSelector.compile(patterns)
    assert [zone for zone in (A, B, E, ONE, BARE) if selector.matches(zone)] == allowed


def test_excluded_is_only_what_an_exclusion_names() -> None:
    selector = ZoneSelector.compile(["us-east-1a", "!use1-az3"])
    assert [zone for zone in (A, B, E) if selector.excluded(zone)] == [E]


def test_no_pattern_takes_long() -> None:
    selector = ZoneSelector.compile(["*a" * 40 + "x", "*" * 1000 + "y", "!" + "?*" * 60])
    zone = Zone("openstack", "r", "a" * 200)
    started = time.process_time()
    assert not selector.matches(zone)
    assert time.process_time() - started < 1


def test_thousands_of_zones_are_matched_in_a_blink() -> None:
    selector = ZoneSelector.compile(["us-east-1*", "eu-*", "use1-az4", "!us-east-1e"])
    started = time.process_time()
    for zone in load().zones * 5:
        selector.matches(zone)
    assert time.process_time() - started < 0.5


def test_importing_the_directory_loads_neither_the_table_nor_anything_heavy() -> None:
    heavy = {"numpy", "pydantic", "sqlalchemy", "asyncio", "importlib.resources", "difflib"}
    code = "import sys, atoll.zones.directory, atoll.zones.selection; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(done.stdout.split())
