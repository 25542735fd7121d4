"""Files from before there were zone keys mean what they meant, key by key, with all defaults.

`data/old` holds files as dstack's users have them, and beside each what it meant when that was written down. A key that
did not exist then may be added to what a file means, but only at its default, and never one of these.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from atoll.configuration import Document, Parsed, SourceFile, parse
from atoll.engine.placing.demand import fleet_request, run_request, volume_request
from atoll.planning.request import Binding, Placement
from tests.configuration.conftest import DATA

OLD = DATA / "old"
FILES = sorted(OLD.glob("*.dstack.yml"))


def parsed(path: Path) -> Parsed:
    profiles = SourceFile("profiles.yml", (OLD / "profiles.yml").read_text())
    file = SourceFile(path.name, path.read_text())
    return parse([file], profiles=profiles if path.stem.startswith("profiled") else None)


def meaning(document: Document) -> dict[str, Any]:
    """Every key of a document in its long form, set or not."""
    identity = {"type": document.type, "name": document.name}
    return document.spec.model_dump(mode="json", by_alias=True) | identity


def cut(actual: Any, expected: Any) -> Any:
    """`actual` without the keys that `expected` does not know."""
    if isinstance(actual, dict) and isinstance(expected, dict):
        return {key: cut(value, expected[key]) for key, value in actual.items() if key in expected}
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        return [cut(one, other) for one, other in zip(actual, expected, strict=True)]
    return actual


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_old_file_means_what_it_meant(path: Path) -> None:
    result = parsed(path)
    assert result.ok, result.diagnostics
    expected = json.loads(path.with_suffix(".json").read_text())
    assert cut([meaning(document) for document in result.documents], expected) == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_old_file_requires_nothing_of_zones(path: Path) -> None:
    for document in parsed(path).documents:
        spec: Any = document.spec
        if document.type == "fleet":
            request = fleet_request(document.name, spec, spec.nodes.target)
            strategy = "cluster" if "cluster" in path.read_text() else "any"
            assert (request.requirements.availability_zones, request.placement.strategy) == (None, strategy)
            assert (request.placement.min_zones, request.placement.survive_zones) == (None, Placement().survive_zones)
        elif document.type == "volume" and spec.size is not None:
            volume = volume_request(document.name, spec)
            assert (volume.availability_zone, volume.binding) == (None, Binding.IMMEDIATE)
        elif document.type == "task":
            run = run_request(document.name, spec, tuple(range(spec.nodes)), "main")
            assert (run.requirements.availability_zones, run.placement.strategy) == (None, "region")


def test_there_is_an_old_file_for_every_type() -> None:
    assert {document.type for path in FILES for document in parsed(path).documents} == {
        "fleet", "volume", "task", "service", "dev-environment", "gateway",
    }  # fmt: skip
