"""What holds for every text and every document."""

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.cli.diagnostics import as_github, as_json, render
from atoll.configuration import Parsed, SourceFile, named_environment, parse, spec_from_json
from atoll.configuration.codes import codes
from atoll.configuration.reading.document import MODELS

KEYS = sorted({info.alias or name for model in MODELS.values() for name, info in model.model_fields.items()})
WORDS = [
    "", "a", "4..8", "..", "16GB", "3d", "off", "any", "spread", "us-east-1a", "!us-east-1*", "aws", "H100:8", "a:/b",
    "${{ dstack.node_rank }}:/x", "x86:4", "task", "fleet", "spot", "reject", "A=1", "*", "日本",
]  # fmt: skip
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(WORDS), st.text(max_size=8))
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
documents = st.builds(
    lambda type, rest: {"type": type, **rest},
    st.sampled_from([*MODELS, "tsk"]),
    st.dictionaries(st.sampled_from(KEYS), values, max_size=5),
)

sizes = st.sampled_from(["16GB..", "512MB", 4, "1TB..2TB", {"min": 3}])
counts = st.sampled_from([2, "4..", "..8", "2..4", {"min": 1, "max": 2}])
durations = st.sampled_from(["off", "90s", 5, "3d", "2h"])
resources = st.fixed_dictionaries(
    {},
    optional={
        "cpu": counts | st.sampled_from(["arm:4..", {"arch": "x86", "count": 2}]),
        "memory": sizes,
        "shm_size": st.sampled_from(["1GB", 2]),
        "disk": sizes | st.fixed_dictionaries({"size": sizes}),
        "gpu": st.sampled_from([0, 1, "H100:8", "24GB..", "amd:MI300X", {"name": ["A100"], "compute_capability": 8.0}]),
    },
)
lines = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]))
tasks = st.fixed_dictionaries(
    {
        "type": st.just("task"),
        "commands": st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), min_size=1),
    },
    optional={
        "name": st.just("t"),
        "nodes": st.integers(1, 100),
        "env": st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["", "x", 1, 1.5, True])),
        "resources": resources,
        "retry": st.sampled_from([True, False, {"on_events": ["error"]}, {"duration": "1h"}]),
        "max_duration": durations,
        "stop_duration": durations,
        "idle_duration": durations,
        "volumes": st.sampled_from([[], ["a:/a"], [{"name": ["a", "b"], "path": "/x"}, "/h:/y"]]),
        "availability_zones": st.lists(st.sampled_from(["local-a", "local-b"]), unique=True),
        "fleets": st.sampled_from([["a"], [{"project": "p", "name": "b"}]]),
        "ports": st.lists(st.sampled_from([80, "8000:80", "*:90"])),
        "files": st.just(["a:b", "c"]),
        "max_price": st.floats(0.01, 100),
    },
)
fleets = st.fixed_dictionaries(
    {"type": st.just("fleet"), "nodes": st.sampled_from([3, "2..8", "2..", {"min": 1, "target": 2}])},
    optional={
        "placement": st.sampled_from(
            [
                "any",
                "cluster",
                {"strategy": "spread", "min_zones": 2, "survive_zones": 1},
                {"max_zones": 3, "max_share": "50%"},
                {"strategy": "spread", "max_share": 0.5},
            ]
        ),
        "resources": resources,
        "idle_duration": durations,
        "disruption": st.sampled_from(
            [{"max_unavailable": 1, "per": "10m"}, {"max_unavailable": "10%"}, {"at": "0 2 * * 6 for 4h"}]
        ),
        "tags": st.just({"a": "b"}),
        "ssh_config": st.just({"hosts": ["a", {"hostname": "b", "port": 22}]}),
    },
)


def shown(text: str) -> Parsed:
    """Parse, and render what is found in every form."""
    named_environment(text)
    result = parse([SourceFile("x.yml", text)])
    assert {found.code for found in result.diagnostics} <= codes().keys()
    for found in result.diagnostics:
        assert found.span is None or 1 <= found.span.line <= len(text.splitlines()) + 1
    render(result.diagnostics, {"x.yml": text}, colour=True)
    as_json(result.diagnostics)
    as_github(result.diagnostics)
    return result


@given(st.text() | st.text(alphabet="a1:-[]{},'\"&*!|>#?%@ \n\t<.~"))
@settings(max_examples=150, deadline=None)
def test_any_text_gives_documents_or_diagnostics(text: str) -> None:
    shown(text)


@given(documents)
@settings(max_examples=250, deadline=None)
def test_any_document_is_read_or_refused_with_a_reason(document: dict[str, Any]) -> None:
    result = shown(yaml.safe_dump(document, allow_unicode=True))
    assert result.documents or not result.ok
    for one in result.documents:
        assert spec_from_json(one.type, one.to_json()) == one.spec


@given(tasks | fleets)
@settings(max_examples=150, deadline=None)
def test_a_saved_document_is_loaded_as_the_same(written: dict[str, Any]) -> None:
    result = shown(yaml.safe_dump(written))
    assert result.ok, result.diagnostics
    (document,) = result.documents
    again = spec_from_json(document.type, document.to_json())
    assert again == document.spec
    assert again.model_dump(mode="json", by_alias=True, exclude_unset=True) == document.to_json()
    assert document.to_json().keys() == written.keys()


@given(tasks | fleets)
@settings(max_examples=150, deadline=None)
def test_what_is_parsed_printed_and_parsed_again_is_the_same(written: dict[str, Any]) -> None:
    (document,) = shown(yaml.safe_dump(written)).documents
    printed = {**document.to_json(), "type": document.type, "name": document.name}
    again = shown(yaml.safe_dump(printed, allow_unicode=True))
    assert again.ok, (printed, again.diagnostics)
    (same,) = again.documents
    assert same.to_json() == printed
    assert (same.kind, same.name) == (document.kind, document.name)
    assert same.spec.model_dump(exclude={"name"}) == document.spec.model_dump(exclude={"name"})
