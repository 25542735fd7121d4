"""What must hold for every zone: of the built-in directory, and of the reference data where that is at hand.

The reference data lies beside the repository (`../shared/data/zones.csv`) and is not part of it; without it the same
tests run over the built-in zones.
"""

import csv
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.model.zone import Zone, ZoneKind
from atoll.zones.directory import Directory, builtin
from atoll.zones.naming import canonical, fold, parse, spellings
from atoll.zones.selection import ZoneSelector, is_glob
from atoll.zones.suggestion import one_edit
from atoll.zones.table import load, read

SHARED = Path(__file__).parents[3] / "shared" / "data" / "zones.csv"
DIRECTORY = builtin()
ZONES = (*load().zones, *load().ids)
LETTERS = string.ascii_lowercase + string.digits + "-"

a_zone = st.sampled_from(ZONES)
in_its_time = settings(deadline=None)  # the first example builds the index


def reference() -> list[tuple[str, str, str]]:
    """(backend, region, zone) of the reference data; Azure's `0`, a region without zones, as an empty name."""
    if not SHARED.exists():
        return [(zone.backend, zone.region, zone.name) for zone in load().zones]
    with SHARED.open(encoding="utf-8", newline="") as file:
        rows = [(row["backend"], row["region"], row["zone"]) for row in csv.DictReader(file)]
    return [(backend, region, "" if (backend, zone) == ("azure", "0") else zone) for backend, region, zone in rows]


def test_every_zone_of_the_reference_is_recognised_with_its_region() -> None:
    missing = []
    for backend, region, name in reference():
        found = DIRECTORY.resolve(f"{region}/{name}" if backend == "azure" and name else name, backends=[backend])
        if not name:
            ok = bool(DIRECTORY.zones(backend, region))
        elif backend == "hetzner":  # the reference takes the data centre for the region, Hetzner a location
            ok = [zone.name for zone in found.zones] == [name]
        else:
            ok = [(zone.region, zone.name) for zone in found.zones] == [(region, name)]
        if not ok:
            missing.append((backend, region, name, found))
    assert missing == []


def test_no_zone_of_the_reference_is_mistaken_for_another_backends() -> None:
    backends = {backend for backend, _, _ in reference()}
    for backend, _, name in reference():
        if not name:
            continue
        assert {zone.backend for zone in DIRECTORY.resolve(name, backends=[backend]).zones} == {backend}
        for other in backends - {backend}:
            found = DIRECTORY.resolve(name, backends=[other])
            assert {zone.backend for zone in found.zones} <= {other}
            assert found.zones or found.problem in {"zone-of-other-backend", "unknown-zone"}


def test_a_name_is_ambiguous_among_exactly_the_backends_that_have_it() -> None:
    owners: dict[str, set[str]] = {}
    for zone in load().zones:
        if zone.name and not zone.name.isdecimal():
            owners.setdefault(fold(zone.name), set()).add(zone.backend)
    shared = {name for name, backends in owners.items() if len(backends) > 1}
    assert len(shared) >= 27
    for name, backends in owners.items():
        found = DIRECTORY.resolve(name, backends=sorted({zone.backend for zone in ZONES}))
        assert (found.problem == "ambiguous-zone") == (name in shared)
        assert {zone.backend for zone in found.zones} == backends


def test_the_canonical_spelling_means_its_zone_in_either_case() -> None:
    for zone in ZONES:
        for text in (canonical(zone), canonical(zone).upper()):
            assert DIRECTORY.resolve(text, backends=[zone.backend]).zones == (zone,)
            assert DIRECTORY.resolve(text, backends=[zone.backend], regions=[zone.region]).zones == (zone,)


def test_the_canonical_spelling_parses_to_itself() -> None:
    for zone in ZONES:
        parsed = parse(zone.backend, canonical(zone))
        assert parsed is not None, zone
        assert (parsed.backend, parsed.name, parsed.kind) == (zone.backend, zone.name, zone.kind)
        assert parsed.region in {zone.region, None}
        again = Zone(zone.backend, parsed.region or zone.region, parsed.name, kind=parsed.kind)
        assert canonical(again) == canonical(zone)


@settings(max_examples=400, deadline=None)
@given(a_zone, st.data(), st.booleans(), st.booleans())
def test_one_changed_letter_is_another_zone_or_an_error_that_suggests_the_original(
    zone: Zone, data: st.DataObject, of_backend: bool, of_region: bool
) -> None:
    original = canonical(zone)
    place = data.draw(st.integers(0, len(original) - 1))
    letter = data.draw(st.sampled_from([one for one in LETTERS if one != original[place].lower()]))
    changed = original[:place] + letter + original[place + 1 :]
    found = DIRECTORY.resolve(
        changed,
        backends=[zone.backend] if of_backend else None,
        regions=[zone.region] if of_region else None,
    )
    if any(fold(changed) in spellings(other) for other in ZONES):
        assert found.zones or found.home is not None or original in found.suggestions
    else:
        assert found.problem is not None
        assert original in found.suggestions


def test_a_wrong_last_letter_always_suggests_the_original_however_many_zones_a_region_has() -> None:
    for zone in ZONES:
        original = canonical(zone)
        for letter in "q0":
            changed = original[:-1] + letter
            found = DIRECTORY.resolve(changed, backends=[zone.backend])
            assert found.problem is None or original in found.suggestions


@in_its_time
@given(st.text(), st.none() | st.lists(st.sampled_from(["aws", "azure", "local", "oci", "lambda", "nowhere"])))
def test_any_text_gets_an_answer(text: str, backends: list[str] | None) -> None:
    for directory in (DIRECTORY, Directory(())):
        found = directory.resolve(text, backends=backends, regions=["us-east-1"])
        assert not (found.zones and found.problem) or found.problem == "ambiguous-zone"
        assert all(zone.region == "us-east-1" for zone in found.zones)
    ZoneSelector.compile([text]).matches(ZONES[0])


@in_its_time
@given(a_zone, st.data())
def test_the_selector_agrees_with_the_directory(zone: Zone, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([canonical(zone), zone.name or zone.region, zone.zone_id or zone.region + "*"]))
    found = DIRECTORY.resolve(text, backends=[zone.backend], regions=[zone.region])
    selector, without = ZoneSelector.compile([text]), ZoneSelector.compile(["!" + text])
    assert all(without.excluded(one) and not without.matches(one) for one in found.zones)
    # A glob is about zones: it takes no place of a backend that has regions only.
    assert all(selector.matches(one) == (bool(one.name) or not is_glob(text)) for one in found.zones)


@in_its_time
@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_one_edit_is_a_letter_changed_added_left_out_or_two_swapped(left: str, right: str) -> None:
    places = range(len(left) + 1)
    changed = {left[:at] + letter + left[at + 1 :] for at in places[:-1] for letter in "ab"}
    added = {left[:at] + letter + left[at:] for at in places for letter in "ab"}
    short = {left[:at] + left[at + 1 :] for at in places[:-1]}
    swapped = {left[:at] + left[at + 1] + left[at] + left[at + 2 :] for at in places[:-2]}
    assert one_edit(left, right) == (right in (changed | added | short | swapped) - {left})


def test_no_zone_is_listed_twice_and_no_id_has_two_names() -> None:
    assert len(set(ZONES)) == len(ZONES)
    ids = [zone.zone_id for zone in ZONES if zone.zone_id]
    assert len(set(ids)) == len(ids)


def test_every_listed_zone_is_of_a_kind_that_its_backend_has() -> None:
    kinds = {(zone.backend, zone.kind) for zone in ZONES if zone.kind is not ZoneKind.AVAILABILITY_ZONE}
    assert kinds == {
        ("aws", ZoneKind.LOCAL_ZONE),
        ("aws", ZoneKind.WAVELENGTH_ZONE),
        ("azure", ZoneKind.REGION),
        ("hetzner", ZoneKind.DATA_CENTRE),
        ("runpod", ZoneKind.DATA_CENTRE),
        ("upcloud", ZoneKind.DATA_CENTRE),
    }


@pytest.mark.parametrize("line", ["[aws no-such-kind]", "as-of yesterday"])
def test_a_wrong_line_of_the_table_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"no-such-kind|yesterday"):
        read(line)
