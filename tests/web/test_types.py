"""The types against which the page's modules are checked are those of the wire."""

from importlib import resources

from atoll.fronts.web.typescript import render


def test_the_page_s_types_are_generated_from_the_wire() -> None:
    kept = (resources.files("atoll.fronts.web") / "static" / "wire.d.ts").read_text()
    assert kept == render(), "renew it: python -m atoll.fronts.web.typescript > src/atoll/fronts/web/static/wire.d.ts"


def test_a_shape_becomes_an_interface_with_its_optional_values_and_tuples() -> None:
    text = render()
    assert (
        "export interface MapHour {\n  start: string;\n  bins: [number, number, number][];\n  bands: Band[];\n}" in text
    )
    assert "  zones: MapZone[] | null;" in text
    assert ": any" not in text
