"""The settings of the local backend, and the messages of wrong ones."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.backends.local import LocalConfig, LocalZone


def names(zone: LocalZone) -> list[str]:
    return [each.name for each in zone.instance_types()]


def test_without_settings_there_are_three_zones_with_a_ladder_of_types() -> None:
    config = LocalConfig.from_mapping({})
    assert [zone.name for zone in config.zones] == ["local-a", "local-b", "local-c"]
    assert names(config.zones[0]) == ["local.2x8", "local.4x16", "local.8x32", "local.16x64"]


@pytest.mark.parametrize(
    ("cpus", "memory", "expected"),
    [
        (1, 2, ["local.1x2"]),
        (6, 64, ["local.2x8", "local.4x16", "local.6x64"]),
        (4, 64, ["local.2x8", "local.2x32", "local.4x16", "local.4x64"]),
    ],
)
def test_other_capacities_get_types_that_fit_them(cpus: float, memory: float, expected: list[str]) -> None:
    assert names(LocalZone("a", cpus, memory)) == expected


@given(st.integers(1, 512), st.integers(1, 4096))
def test_every_type_fits_its_zone_and_one_fills_it(cpus: int, memory: int) -> None:
    zone = LocalZone("a", cpus, memory)
    types = zone.instance_types()
    assert all(zone.capacity.covers(each.capacity) for each in types)
    assert any(each.capacity == zone.capacity for each in types)
    assert len({each.name for each in types}) == len(types)


def test_zones_are_set_by_number_by_name_and_by_size() -> None:
    assert [zone.name for zone in LocalConfig.from_mapping({"zones": 2}).zones] == ["local-a", "local-b"]
    config = LocalConfig.from_mapping(
        {"zones": ["east", {"name": "west", "cpus": 4, "memory": "1TB"}], "cpus": 8, "memory": 32}
    )
    assert config.zones == (LocalZone("east", 8, 32), LocalZone("west", 4, 1024))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"zone": 3}, "no setting `zone`"),
        ({"zones": 0}, "1 to 26"),
        ({"zones": []}, "a number, or a list"),
        ({"zones": True}, "a number, or a list"),
        ({"zones": ["a", "a"]}, "two zones named `a`"),
        ({"zones": ["../up"]}, "needs a name"),
        ({"zones": [{"cpus": 3}]}, "needs a name"),
        ({"zones": [3]}, "is a name or"),
        ({"zones": [{"name": "a", "gpu": 1}]}, "no setting `gpu`"),
        ({"cpus": -1}, "a number above 0"),
        ({"cpus": "many"}, "a number above 0"),
        ({"memory": "64 bananas"}, "an amount like 64GB"),
    ],
)
def test_a_wrong_setting_is_reported_plainly(mapping: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LocalConfig.from_mapping(mapping)
