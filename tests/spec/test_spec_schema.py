"""The exported JSON Schema agrees with the parser, on the examples and on faults of shape."""

from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from atoll.spec import SourceFile, parse
from atoll.spec.schema import schema

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yml"))
SHAPE_FAULTS = [
    "type: flt\nnodes: 1",
    "type: fleet",
    "type: fleet\nnodes: many",
    "type: fleet\nnodes: 1\nnodez: 2",
    "type: fleet\nnodes: 1\nplacement: clustr",
    "type: fleet\nnodes: 1\nplacement: {strategy: spread, max_skew: 0}",
    "type: fleet\nnodes: 1\nmax_price: 0",
    "type: fleet\nnodes: 1\nname: My Fleet",
    "type: fleet\nnodes: 1\nregions: us-east-1",
    "type: fleet\nnodes: 1\nresources: {memory: 8XB}",
    "type: fleet\nnodes: 1\nresources: {cpu: {arch: sparc}}",
    "type: fleet\nnodes: 1\nidle_duration: 1y",
    "type: fleet\nssh_config: {hosts: []}",
    "type: volume\nbackend: local",
    "type: volume\nsize: 1GB",
    "type: task",
    "type: task\ncommands: run",
    "type: task\ncommands: [a]\nnodes: 0",
    "type: task\ncommands: [a]\nvolumes: [a]",
    "type: task\ncommands: [a]\nvolumes: [{name: a}]",
    "type: task\ncommands: [a]\nenv: [1]",
    "type: task\ncommands: [a]\nretry: {on_events: [sometimes]}",
    "type: service\ncommands: [a]",
    "type: gateway\nbackend: aws",
]


@pytest.fixture(scope="module")
def validator() -> Any:
    exported = schema()
    jsonschema.Draft202012Validator.check_schema(exported)
    return jsonschema.Draft202012Validator(exported)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid_for_both(path: Path, validator: Any) -> None:
    text = path.read_text()
    assert parse([SourceFile(path.name, text)]).diagnostics == ()
    for document in yaml.safe_load_all(text):
        validator.validate(document)


@pytest.mark.parametrize("text", SHAPE_FAULTS)
def test_a_fault_of_shape_is_refused_by_both(text: str, validator: Any) -> None:
    assert not parse([SourceFile("x.yml", text)]).ok
    assert not validator.is_valid(yaml.safe_load(text))


def test_the_schema_describes_types_and_has_no_titles_of_fields() -> None:
    exported = schema()
    assert "description" in exported["$defs"]["Fleet"]
    assert "title" not in exported["$defs"]["Fleet"]["properties"]["nodes"]
