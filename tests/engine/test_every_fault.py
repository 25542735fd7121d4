"""What `validate` finds in a file without a server, `apply` finds too, beside what only a server knows."""

import pytest

from atoll.configuration import SourceFile, parse
from atoll.engine.parts.refusal import Refused
from atoll.model.diagnostic import Diagnostic, Severity
from tests.engine.scene import Scene, play

PLACES = "regions: [us-eest-1]\navailability_zones: [us-east-1z, us-eest-1a]\n"
FAULTS = (
    f"type: fleet\nname: one\nnodes: 1\nbackends: [aws]\n{PLACES}"
    f"---\ntype: fleet\nname: two\nnodes: 1\n{PLACES}"
    f"---\ntype: fleet\nname: three\nnodes: 1\nbackends: [awz]\n{PLACES}"
    "---\ntype: volume\nname: four\nsize: 1GB\nbackend: awz\nregion: us-eest-1\navailability_zone: us-east-1z\n"
    "---\ntype: task\nname: five\ncommands: [x]\nfleets: [gone]\nvolumes: ['lost:/data']\nnods: 3\n"
    "---\ntype: fleet\nnodes: 1\nsise: 3\n"
    "---\ntype: volume\nsize: 1GB\nbackend: fake\nsise: 3\n"
)


def refused(text: str) -> tuple[Diagnostic, ...]:
    """The errors with which a server refuses a file."""
    found: list[Diagnostic] = []

    async def story(scene: Scene) -> None:
        with pytest.raises(Refused) as error:
            await scene.apply(text)
        found.extend(one for one in error.value.diagnostics if one.severity is Severity.ERROR)

    play(story)
    return tuple(found)


def places(found: tuple[Diagnostic, ...]) -> set[tuple[str, int, int]]:
    return {(one.code, one.span.line, one.span.column) for one in found if one.span}


def test_apply_reports_every_fault_that_validate_reports() -> None:
    offline = places(parse([SourceFile("test.yml", FAULTS)]).diagnostics)
    assert {code for code, _, _ in offline} == {"unknown-backend", "unknown-region", "unknown-zone", "unknown-key"}
    found = places(refused(FAULTS))
    assert offline <= found
    assert {code for code, _, _ in found - offline} == {"unknown-backend", "unknown-fleet", "unknown-volume"}


def test_a_backend_that_exists_nowhere_gets_the_nearest_name_on_a_server_too() -> None:
    [found] = refused("type: fleet\nname: f\nnodes: 1\nbackends: [awz]\n")
    assert (found.code, found.help) == ("unknown-backend", "did you mean `aws`?")


def test_a_faulty_document_hides_no_missing_fleet_or_volume_but_the_one_that_it_names() -> None:
    text = "type: task\nname: t\nfleets: [{}]\ncommands: [x]\n---\ntype: fleet\nname: Bad_Name\nnodes: 1\n"
    assert {one.code for one in refused(text.format("gone"))} == {"unknown-fleet", "bad-name"}
    assert {one.code for one in refused(text.format("Bad_Name"))} == {"bad-name"}
