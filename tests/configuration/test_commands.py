"""Diagnostics as they are printed, and the commands that need no server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from atoll.cli.diagnostics import as_github, as_json, render, summary
from atoll.cli.validate import explain, export, validate
from atoll.configuration import SourceFile, parse
from atoll.model.diagnostic import Diagnostic, Severity, Span

TRAIN = """type: fleet
name: train
nodes: 2
backends: [aws]
regions: [us-east-1]
availability_zones: [us-east-1z, us-east-1b]
"""

SHOWN = """error[unknown-zone]: `us-east-1z` is not a zone of aws us-east-1
  --> train.atoll.yml:6:22
   |
 6 | availability_zones: [us-east-1z, us-east-1b]
   |                      ^^^^^^^^^^
   = zones: us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, us-east-1f
   = note: from the zones of aws that this release knows, as of 2026-11-24
   = help: did you mean `us-east-1a`?
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(validate, arguments)


def test_a_diagnostic_shows_its_piece_of_the_file() -> None:
    found = parse([SourceFile("train.atoll.yml", TRAIN)]).diagnostics
    assert render(found, {"train.atoll.yml": TRAIN}, colour=False) == SHOWN
    assert "\x1b[1;31m" in render(found, {"train.atoll.yml": TRAIN}, colour=True)


def test_the_frame_is_as_wide_as_the_line_number_and_the_caret_counts_wide_characters() -> None:
    text = "\n" * 99 + "\t日本é: x"
    span = Span("f.yml", 100, 7, 100, 8)
    assert render([Diagnostic("wrong-value", "no", span=span, notes=("why",))], {"f.yml": text}, colour=False) == (
        "error[wrong-value]: no\n"
        "    --> f.yml:100:7\n"
        "     |\n"
        " 100 |     日本é: x\n"
        "     |            ^\n"
        "     = note: why\n"
    )


def test_long_lines_are_cut_around_the_fault() -> None:
    text = "a: [" + "x, " * 500 + "bad, " + "y, " * 500 + "]"
    column = text.index("bad") + 1
    shown = render([Diagnostic("c", "m", span=Span("f", 1, column, 1, column + 3))], {"f": text}, colour=False)
    lines = shown.splitlines()
    assert max(map(len, lines)) < 140
    assert lines[3][lines[4].index("^") : lines[4].rindex("^") + 1] == "bad"


def test_control_characters_do_not_reach_the_terminal() -> None:
    shown = render(
        [Diagnostic("c", "a\x1b[31m\u202e", span=Span("f", 1, 1, 1, 2))], {"f": "\x1b]0;x\x07"}, colour=False
    )
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_findings_without_a_place_have_no_frame() -> None:
    found = [Diagnostic("missing-file", "there is no file `x`", help="check the path")]
    assert render(found, {}, colour=False) == "error[missing-file]: there is no file `x`\n   = help: check the path\n"
    assert summary([*found, Diagnostic("a", "b", Severity.WARNING)]) == "1 error, 1 warning"


def test_programs_get_json_or_annotations() -> None:
    found = parse([SourceFile("a,b.yml", TRAIN)]).diagnostics
    (read,) = json.loads(as_json(found))
    assert (read["code"], read["severity"], read["span"]["line"]) == ("unknown-zone", "error", 6)
    assert as_github(found).startswith(
        "::error file=a%2Cb.yml,line=6,col=22,endLine=6,title=unknown-zone::`us-east-1z`"
    )
    assert "\n" not in as_github(found)


def test_validate_says_what_is_wrong_and_ends_with_1(tmp_path: Path) -> None:
    path = tmp_path / "train.atoll.yml"
    path.write_text(TRAIN)
    result = call(str(path))
    assert result.exit_code == 1
    assert result.output == SHOWN.replace("train.atoll.yml", str(path)) + "\n1 error; checked 1 document in 1 file\n"


def test_validate_takes_a_folder_and_its_profiles(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.atoll.yml").write_text("type: task\nname: a\ncommands: [x]\n")
    (tmp_path / "b.dstack.yml").write_text("type: fleet\nname: b\nnodes: 1\n")
    (tmp_path / "other.yml").write_text("nonsense")
    result = call(str(tmp_path))
    assert (result.exit_code, result.output) == (0, "2 documents in 2 files, nothing wrong\n")
    (tmp_path / ".atoll").mkdir()
    (tmp_path / ".atoll/profiles.yml").write_text("profiles: [{name: p, default: true, max_price: -1}]")
    assert "max_price" in call(str(tmp_path)).output


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "missing-file"), (b"", "empty-file"), (b"# no\n---\n", "empty-file"), (b"\xff\xfe\x00", "unreadable-file")],
)
def test_validate_answers_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "x.yml"
    if content is not None:
        path.write_bytes(content)
    result = call(str(path))
    assert result.exit_code == 1
    assert f"error[{code}]" in result.output


def test_warnings_fail_only_when_strict(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("type: task\ncommands: [a]\npriority: 3\n")
    assert call(str(path)).exit_code == 0
    assert call(str(path), "--strict").exit_code == 1
    assert json.loads(call(str(path), "--format", "json").output)[0]["code"] == "not-acted-on"
    assert call(str(path), "--format", "github").output.startswith("::warning file=")


def test_explain_explains_a_code_and_suggests_the_nearest_of_a_wrong_one() -> None:
    assert CliRunner().invoke(explain, ["unknown-zone"]).output.startswith("`unknown-zone`: No such zone\n")
    wrong = CliRunner().invoke(explain, ["unknown-zon"])
    assert wrong.exit_code == 1
    assert "did you mean `unknown-zone`?" in wrong.output


def test_the_schema_is_printed_as_json() -> None:
    result = CliRunner().invoke(export, ["schema"])
    assert json.loads(result.output)["properties"]["type"]["enum"][0] == "fleet"
