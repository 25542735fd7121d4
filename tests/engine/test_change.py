"""How the difference between two configurations is shown."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pytest

from atoll.configuration import SourceFile, parse
from atoll.engine.requests.change import Standing, change_of, changed_keys
from atoll.engine.requests.meaning import respelled
from atoll.model.records import Fleet
from atoll.model.states import FleetState
from atoll.wire.api import ChangeAction, FieldChange


def difference(key: str, old: Any, new: Any, outdated: Collection[str] = ()) -> FieldChange:
    kept = Fleet("f", "main", "f", FleetState.ACTIVE, {key: old}, 1, datetime(2026, 11, 1, tzinfo=UTC))
    change = change_of("fleet", "fleet", "f", {key: new}, kept, standing=Standing(outdated=outdated))
    assert change.action in (ChangeAction.UPDATE, ChangeAction.REPLACE)
    [field] = change.fields
    return field


@pytest.mark.parametrize(
    ("key", "old", "new", "shown"),
    [
        ("nodes", {"min": 1, "target": 1, "max": 1}, {"min": 2, "target": 2, "max": 8}, ("1", "2..8")),
        ("nodes", {"min": 0, "target": 3, "max": None}, {"min": 2, "target": 2, "max": None}, ("0.., target 3", "2..")),
        ("availability_zones", None, ["local-a", "local-b"], ("", "local-a, local-b")),
        ("resources", {"cpu": {"min": 2, "max": None}, "gpu": None}, {"cpu": {"min": 4.0, "max": 8.0}},
         ("cpu: 2..", "cpu: 4..8")),
        ("reservation", "r-1", None, ("r-1", "")),
        ("max_price", 1.5, 2.0, ("1.5", "2")),
        ("spread", True, False, ("true", "false")),
    ],
)  # fmt: skip
def test_values_are_shown_as_a_user_writes_them(key: str, old: Any, new: Any, shown: tuple[str, str]) -> None:
    field = difference(key, old, new)
    assert (field.old, field.new) == shown


@pytest.mark.parametrize("key", ["env", "registry_auth"])
def test_values_that_may_be_secret_are_not_shown(key: str) -> None:
    field = difference(key, {"PASSWORD": "one"}, {"PASSWORD": "two"})
    assert (field.old, field.new) == ("(changed)", "(changed)")


def test_zones_change_in_place_where_no_node_has_to_go_and_the_number_of_nodes_always() -> None:
    assert difference("availability_zones", ["a"], ["b"]).in_place
    assert not difference("availability_zones", ["a"], ["b"], outdated=["i1"]).in_place
    assert difference("nodes", {"min": 1}, {"min": 2}, outdated=["i1"]).in_place


@pytest.mark.parametrize(("strategy", "in_place"), [("spread", True), ("any", True), ("cluster", False)])
def test_of_placements_only_a_cluster_replaces_nodes(strategy: str, in_place: bool) -> None:
    before, after = {"strategy": "any", "max_share": 0.4}, {"strategy": strategy}
    assert difference("placement", before, after, outdated=["i1"]).in_place is in_place


@pytest.mark.parametrize(
    ("kind", "old", "new", "differing"),
    [
        ("fleet", "nodes: 2", "nodes: 2\nplacement: any\nidle_duration: 3d\nresources: {cpu: '2..'}", set()),
        ("fleet", "nodes: 2\nplacement: spread", "nodes: 2\nplacement: {strategy: spread, max_skew: 1}", set()),
        ("fleet", "nodes: 2\nplacement: {strategy: spread, survive_zones: 0}", "nodes: 2\nplacement: spread", set()),
        ("fleet", "nodes: 2", "nodes: 2\nidle_duration: off", {"idle_duration"}),
        ("fleet", "nodes: 2", "nodes: 2\nplacement: spread", {"placement"}),
        ("fleet", "ssh_config: {hosts: [h]}", "ssh_config: {hosts: [h]}\nresources: {cpu: '2..'}", {"resources"}),
        ("task", "commands: [a]", "commands: [a]\nnodes: 1\nresources: {cpu: '2..'}", set()),
    ],
)
def test_a_default_that_is_written_out_changes_nothing(kind: str, old: str, new: str, differing: set[str]) -> None:
    before, after = (
        parse([SourceFile("f.yml", f"type: {kind}\nname: x\n{text}\n")]).documents[0].to_json() for text in (old, new)
    )
    assert set(changed_keys(kind, respelled(kind, before, after), after, ())) == differing
