"""Every code of the registry, produced by the real `atoll validate` or `atoll plan` from the registry's own example."""

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import atoll.configuration
from atoll.client import Client, location
from atoll.configuration.codes import codes, page, text
from atoll.configuration.codes.code import Code
from tests.configuration.conftest import DATA, CommandLine, Worlds

WORLDS: dict[str, Any] = yaml.safe_load((DATA / "worlds.yml").read_text())["examples"]
WITHOUT_EXAMPLE = {
    "missing-file": None,
    "unreadable-file": b"\xff\xfe\x00",
    "file-too-large": b"# " + b"x" * 10_000_000,
}
"""Codes that no text in a page could cause, and the content of a file that does; None is no file."""

TOO_LONG = {"snapshot-too-large", "too-many-findings"}
"""Codes whose examples would be 64 MiB, or a hundred faults."""

OF_OTHERS = {"link-outside", "unsent-files"}
"""Codes of what lies beside a configuration: `tests/e2e` and `tests/server` have their tests."""

OF_SNAPSHOTS = [code for code in codes().values() if code.snapshot]
OF_FILES = [
    code
    for code in codes().values()
    if not (code.planned or code.snapshot or code.code in {*WITHOUT_EXAMPLE, *TOO_LONG, *OF_OTHERS})
]
PLANNED = [code for code in codes().values() if code.planned]
SOURCES = Path(atoll.configuration.__file__).parents[1]
ROOT = Path(__file__).parents[2]


def reported(output: str) -> list[tuple[str, str]]:
    """(severity, code) of each finding that a command printed."""
    return re.findall(r"^(error|warning)\[([a-z-]+)\]: .+$", output, re.MULTILINE)


def severity(code: Code) -> str:
    return "warning" if code.warning else "error"


def test_every_code_has_its_example_and_is_tested_here() -> None:
    for code in codes().values():
        assert code.title, code
        assert code.explanation.endswith("."), code
        assert bool(code.wrong and code.cured) != (code.code in {*WITHOUT_EXAMPLE, *TOO_LONG, *OF_OTHERS}), code
        assert bool(code.given) == code.planned, code
    assert {
        code.code for code in (*OF_FILES, *PLANNED, *OF_SNAPSHOTS)
    } | WITHOUT_EXAMPLE.keys() | TOO_LONG | OF_OTHERS == codes().keys()
    assert WORLDS.keys() == {code.code for code in PLANNED}


@pytest.mark.parametrize("code", OF_FILES, ids=lambda code: code.code)
def test_validate_finds_the_fault_of_a_codes_example_and_none_in_its_cure(code: Code, atoll: CommandLine) -> None:
    done = atoll("validate", atoll.write(code.wrong))
    assert set(reported(done.stdout)) == {(severity(code), code.code)}
    assert done.returncode == (0 if code.warning else 1)
    assert code.code == "empty-file" or "--> file.atoll.yml:" in done.stdout
    cured = atoll("validate", "--strict", atoll.write(code.cured))
    assert (cured.returncode, reported(cured.stdout)) == (0, [])


@pytest.mark.parametrize("command", [["validate"], ["plan", "-f"]], ids=["validate", "plan"])
@pytest.mark.parametrize("code", WITHOUT_EXAMPLE)
def test_validate_and_plan_report_an_unreadable_file_alike(code: str, command: list[str], atoll: CommandLine) -> None:
    content = WITHOUT_EXAMPLE[code]
    if content is not None:
        (atoll.folder / "file.atoll.yml").write_bytes(content)
    done = atoll(*command, "file.atoll.yml")
    assert done.returncode == 1
    assert reported(done.stdout + done.stderr) == [("error", code)]


@pytest.mark.parametrize("code", PLANNED, ids=lambda code: code.code)
def test_plan_finds_the_fault_of_a_codes_example_and_not_in_its_cure(code: Code, worlds: Worlds) -> None:
    world = WORLDS[code.code]
    atoll = worlds[world["server"]]
    for number, file in enumerate(world.get("files", ())):
        atoll("apply", "-y", "-d", "-f", atoll.write(file, f"before-{number}.atoll.yml"), check=True)
    for arguments in world.get("before", ()):
        atoll(*arguments, check=True)
    place = location.local(atoll.home)
    assert place is not None
    client = Client(place.address, place.token)
    for volume in world.get("failed", ()):
        while client.volume(volume).status != "failed":
            time.sleep(0.05)
    for fleet in world.get("deleted", ()):
        client.delete_fleet(fleet)
    for secret in world.get("secrets", ()):
        client.set_secret(secret, "hidden")
    done = atoll("plan", "-f", atoll.write(code.wrong))
    assert set(reported(done.stderr)) == {(severity(code), code.code)}, done
    assert "--> file.atoll.yml:" in done.stderr
    assert code.warning or done.returncode == 1
    cured = atoll("plan", "-f", atoll.write(code.cured))
    assert (cured.returncode, reported(cured.stderr)) == (0, []), cured
    for arguments in world.get("after", ()):
        atoll(*arguments, check=True)


@pytest.mark.parametrize("code", OF_SNAPSHOTS, ids=lambda code: code.code)
def test_plan_finds_the_fault_of_a_snapshot_and_none_in_its_cure(code: Code, worlds: Worlds) -> None:
    atoll = worlds["regions"]
    fleet = atoll.write("type: fleet\nname: train\nnodes: 1\nresources: {cpu: 1.., memory: 1GB..}\n")
    if code.code == "snapshot-too-large":
        with (atoll.folder / "world.json").open("wb") as file:
            file.truncate((64 << 20) + 1)
    else:
        atoll.write(code.wrong, "world.json")
    done = atoll("plan", "-f", fleet, "--snapshot", "world.json")
    assert (done.returncode, reported(done.stderr)) == (1, [("error", code.code)])
    if code.cured:
        cured = atoll("plan", "-f", fleet, "--snapshot", atoll.write(code.cured, "world.json"))
        assert (cured.returncode, reported(cured.stderr)) == (0, [])


@pytest.mark.parametrize("code", codes().values(), ids=lambda code: code.code)
def test_explain_prints_what_the_page_has(code: Code) -> None:
    assert f"\n## {text(code)}\n" in (ROOT / "docs" / "diagnostics.md").read_text()


def test_the_page_of_the_codes_is_current() -> None:
    assert (ROOT / "docs" / "diagnostics.md").read_text() == page(), (
        "run `python -m atoll.configuration.codes > docs/diagnostics.md`"
    )


def literal_codes(tree: ast.AST) -> Iterator[str]:
    """The codes with which a module makes diagnostics or refuses values."""
    makers = {"Diagnostic", "refusal", "_at", "_find"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        if name in makers:
            yield from (
                one.value
                for one in node.args[:2]
                if isinstance(one, ast.Constant) and isinstance(one.value, str) and re.fullmatch(r"[a-z-]+", one.value)
            )


def test_no_module_makes_a_diagnostic_that_the_registry_does_not_explain() -> None:
    made = {
        (path.name, code)
        for package in ("configuration", "engine", "cli")
        for path in (SOURCES / package).rglob("*.py")
        for code in literal_codes(ast.parse(path.read_text()))
    }
    assert len(made) > 30
    assert {(name, code) for name, code in made if code not in codes()} == set()
