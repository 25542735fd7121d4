"""Every code of a refusal in the source is in the enum with its meaning, and every member is used."""

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


def test_the_codes_of_the_source_are_those_of_the_enum() -> None:
    others = {ErrorCode.METHOD_NOT_ALLOWED, *(ErrorCode(trouble.value) for trouble in DiskTrouble)}
    assert {*literal_codes(), *others} == set(ErrorCode)


def test_each_code_has_its_meaning_and_the_page_lists_them_all() -> None:
    assert set(MEANINGS) == set(ErrorCode)
    assert (ROOT / "docs/reference/errors.md").read_text() == page()
