"""How quantities, tables and plans read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.cli import plan_view, units
from atoll.cli.table import Table
from atoll.wire.api import ChangeAction, PlannedDocument, PlannedShortfall, PlanView
from tests.cli import samples as s


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "just now"), (30, "30 s ago"), (120, "2 min ago"), (3600, "1 hour ago"), (7200, "2 hours ago"),
     (86_400, "1 day ago"), (864_000, "10 days ago"), (-5, "just now")],
)  # fmt: skip
def test_times_are_relative(seconds: int, text: str) -> None:
    assert units.ago(s.NOW - timedelta(seconds=seconds), s.NOW) == text


def test_a_time_without_a_zone_is_in_utc() -> None:
    assert units.ago(s.EARLIER.replace(tzinfo=None), s.NOW) == "2 min ago"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "$0"), (0.2016, "$0.2016"), (0.5, "$0.50"), (1.2096, "$1.21"), (98.32, "$98.32")]
)
def test_prices_have_the_digits_that_distinguish_them(value: float, text: str) -> None:
    assert units.price(value) == text


def test_a_null_price_reads_as_unknown() -> None:
    assert (units.price(None), units.hourly(None), units.hourly(0.5)) == ("unknown", "price unknown", "$0.50/h")


@pytest.mark.parametrize(("value", "text"), [(100, "100GB"), (0.5, "512MB"), (1.5, "1.5GB")])
def test_sizes_are_short(value: float, text: str) -> None:
    assert units.gigabytes(value) == text


CELLS = st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8))
def test_each_column_begins_at_one_place(rows: list[tuple[str, str, str]]) -> None:
    table = Table(("A", "B", "C"))
    for row in rows:
        table.add(*row)
    head, *lines = table.render().splitlines()
    places = [head.index(heading) for heading in "ABC"]
    for line, row in zip(lines, rows, strict=True):
        assert all(line[place:].startswith(cell) for place, cell in zip(places, row, strict=True))


def test_an_empty_optional_column_is_left_out() -> None:
    table = Table(("NAME", "ERROR"), optional=("ERROR",))
    table.add("a", "")
    assert table.render() == " NAME\n a"


def test_a_cell_stays_on_its_line() -> None:
    table = Table(("MESSAGE",))
    table.add("one\ntwo")
    assert table.render() == " MESSAGE\n one two"


def document(**more: object) -> str:
    kind, name = str(more.pop("kind", "fleet")), str(more.pop("name", "train"))
    verbose = bool(more.pop("verbose", False))
    return "\n".join(plan_view.document_lines(PlannedDocument(kind, name, **more), verbose=verbose))  # type: ignore[arg-type]


def test_a_fleet_is_summed_up_by_type_region_and_zone() -> None:
    nodes = (s.node(0, s.B), s.node(1, s.A), s.node(2, s.B))
    assert document(nodes=nodes, price=0.6048) == " train: 3 × local-2x8 in local, $0.6048/h\n   local-a 1   local-b 2"


def test_a_run_names_the_instance_that_it_uses() -> None:
    text = document(kind="run", name="hello", nodes=(s.node(0, s.B, source="existing", instance="train-1"),))
    assert text.startswith(" hello: 1 × local-2x8 in local, $0/h on train-1\n")


def test_a_volume_shows_its_zone_or_when_it_gets_one() -> None:
    assert document(kind="volume", name="data", zone=s.EAST_A) == " data: volume in us-east-1a (use1-az4)"
    assert document(kind="volume", name="data") == " data: volume in the zone of its first use"


def test_reasons_name_the_backend_where_there_are_several() -> None:
    refusals = (s.refusal(s.EAST_A, "price", "too dear"), s.refusal(s.A, "cpu", "too small"))
    assert "   aws us-east-1a  too dear\n   local local-a   too small" in document(refusals=refusals)
    verbose = document(refusals=refusals, verbose=True)
    assert "aws    us-east-1  us-east-1a  use1-az4" in verbose


def test_a_shortfall_names_its_cures() -> None:
    shortfall = PlannedShortfall(2, 0, "cpu", {}, "no zone has 64 CPUs", (s.cure("drop `resources.cpu`: it fits"),))
    text = document(shortfall=shortfall)
    assert text == (
        " train: nothing placed\n"
        "   does not fit: no zone has 64 CPUs\n"
        " to make it fit\n"
        "   drop `resources.cpu`: it fits"
    )


def test_what_is_unchanged_is_one_line_unless_everything_is_shown() -> None:
    changes = (s.change("fleet", "train", ChangeAction.UNCHANGED), s.change("volume", "data"))
    documents = (PlannedDocument("fleet", "train"), PlannedDocument("volume", "data", zone=s.B, price=0.1))
    note = "the search ended with its budget; this plan is at most 0.4 % dearer than the best"
    plan = PlanView(documents, 0.1, True, proven=False, gap=0.004, note=note)
    shown = plan_view.render(changes, plan, verbose=False)
    assert " train:" not in shown
    assert " together:" not in shown
    assert f" note: {note}" in shown
    assert " train:" in plan_view.render(changes, plan, verbose=True)
