"""The exported JSON Schema agrees with the parser, on the examples and on faults of shape."""

import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from atoll.configuration import SourceFile, parse
from atoll.configuration.codes import codes
from atoll.configuration.reading.reader import read
from atoll.configuration.schema import schema

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```ya?ml\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def examples() -> dict[str, str]:
    """Every configuration of the repository that a reader may copy: example files, and blocks of the documentation."""
    found = {f"examples/{path.name}": path.read_text() for path in sorted((ROOT / "examples").glob("*.yml"))}
    wrong = {code.wrong for code in codes().values()}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for number, block in enumerate(BLOCK.findall(page.read_text()), 1):
            if block not in wrong and re.search(r"^type: ", block, re.MULTILINE):
                found[f"{page.relative_to(ROOT)}#{number}"] = block
    return found


EXAMPLES = examples()
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
    "type: gateway\nbackend: aws\nregion: a\ndefualt: true",
    "type: dev-environment\nide: [3]",
    "type: service\nport: 0\ncommands: [a]",
    "type: service\nport: 80\ncommands: [a]\nscaling: {metric: cpu, target: 1}",
    "type: task\ncommands: [a]\ninstances: [{}]",
    "type: task\ncommands: [a]\ninstances: [{fleet: a}]",
    "type: task\ncommands: [a]\nports: ['a:b']",
    "type: task\ncommands: [a]\npriority: 101",
    "type: task\ncommands: [a]\nutilization_policy: {min_gpu_utilization: 10}",
    "type: task\ncommands: [a]\nspot_policy: cheap",
    "type: task\ngroups: [{nodes: 0}]",
    "type: fleet\nnodes: 1\nenv: {1A: x}",
    "type: fleet\nnodes: {least: 1}",
    "type: fleet\nssh_config: {hosts: [{user: me}]}",
    "type: fleet\nnodes: 1\nresources: {gpu: ''}",
    "type: volume\nbackend: local\nsize: 0",
    "type: volume\nbackend: local\nsize: 1GB\nbinding_mode: never",
    "[a]",
    "nodes: 1",
]


def documents(text: str) -> list[Any]:
    """The plain data of a file, read as Atoll reads it."""
    return [document.data for document in read(SourceFile("x.yml", text))]


@pytest.fixture(scope="module")
def validator() -> Any:
    exported = schema()
    jsonschema.Draft202012Validator.check_schema(exported)
    return jsonschema.Draft202012Validator(exported)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_valid_for_both(name: str, validator: Any) -> None:
    found = parse([SourceFile(name, EXAMPLES[name])]).diagnostics
    assert [one for one in found if one.severity == "error"] == []
    assert name.startswith("docs/") or found == ()
    for document in documents(EXAMPLES[name]):
        validator.validate(document)


def test_the_examples_of_files_pages_and_codes_are_among_them() -> None:
    for beginning, least in (("examples/", 7), ("docs/configuration.md", 1), ("docs/diagnostics.md", 25)):
        assert sum(name.startswith(beginning) for name in EXAMPLES) >= least


@pytest.mark.parametrize("text", SHAPE_FAULTS)
def test_a_fault_of_shape_is_refused_by_both(text: str, validator: Any) -> None:
    assert not parse([SourceFile("x.yml", text)]).ok
    assert not all(validator.is_valid(document) for document in documents(text))


def test_the_schema_describes_types_and_has_no_titles_of_fields() -> None:
    exported = schema()
    assert "description" in exported["$defs"]["Fleet"]
    assert "title" not in exported["$defs"]["Fleet"]["properties"]["nodes"]


def test_every_key_has_a_description_and_every_optional_one_a_default_that_is_valid() -> None:
    exported = schema()
    count = 0
    for name, definition in exported["$defs"].items():
        long = definition if "properties" in definition else definition["anyOf"][-1]
        assert definition["description"], name
        for key, described in long["properties"].items():
            assert described["description"], (name, key)
            assert ("default" in described) != (key in long.get("required", ())), (name, key)
            if "default" in described:
                one = {"$schema": exported["$schema"], "$defs": exported["$defs"], **described}
                jsonschema.Draft202012Validator(one).validate(described["default"])
                count += 1
    assert count > 150
