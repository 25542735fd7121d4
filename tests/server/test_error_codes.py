"""Every refusal in the source names a member of the enum, which has its meaning, and every member is used."""

import ast
from collections.abc import Iterator
from pathlib import Path

import atoll
from atoll.model.error_codes import MEANINGS, ErrorCode, page
from atoll.model.system_error import DiskTrouble

SOURCES = Path(atoll.__file__).parent
ROOT = Path(__file__).parents[2]
CALLS = {"Refused", "problem", "Problem"}


def literal_codes() -> Iterator[str]:
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            code = node.args[0]
            if name in CALLS and isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


def named_members() -> Iterator[str]:
    for path in SOURCES.rglob("*.py"):
        if path.name == "error_codes.py":  # their definition and meanings
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ErrorCode":
                yield node.attr


def test_refusals_name_members_of_the_enum_and_every_member_is_used() -> None:
    assert [*literal_codes()] == []
    by_cause = {ErrorCode(trouble.value).name for trouble in DiskTrouble}
    assert {*named_members()} | by_cause == {code.name for code in ErrorCode}


def test_each_code_has_its_meaning_and_the_page_lists_them_all() -> None:
    assert set(MEANINGS) == set(ErrorCode)
    assert (ROOT / "docs/reference/errors.md").read_text() == page()
