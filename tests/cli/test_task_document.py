"""Tasks that are made from a command line."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from atoll.cli import task_document
from atoll.cli.task_document import Demand
from atoll.configuration import SourceFile, parse


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python3", "train.py", "--lr", "1"], "train"),
        (["python3", "-c", "print(1)"], "python3"),
        (["/usr/bin/Make_All.sh"], "make-all"),
        (["nproc && free -g"], "nproc"),
        (["bash scripts/run-it.sh 3"], "run-it"),
        (["7z"], "z"),
        (["./…"], "task"),
        (["x" * 80], "x" * 36),
        (["it's 'open"], "it-s"),
    ],
)
def test_the_name_says_what_runs(command: list[str], name: str) -> None:
    assert task_document.name_of(command) == name


def test_a_free_name_follows_the_highest_number() -> None:
    assert task_document.free_name("train", []) == "train-1"
    assert task_document.free_name("train", ["train-2", "train-10", "train-x", "other-30"]) == "train-11"


@given(st.text(max_size=50))
def test_every_plain_name_is_a_name(text: str) -> None:
    name = task_document.plain_name(text)
    assert name == "" or not parse([_file({"type": "task", "name": f"{name}-1", "commands": ["a"]})]).diagnostics


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=4))
def test_the_file_holds_the_command_as_it_was_given(command: list[str]) -> None:
    line = task_document.shell_line(command)
    text = task_document.written([{"type": "task", "commands": [line]}])
    assert yaml.safe_load(text) == {"type": "task", "commands": [line]}


def test_every_option_becomes_a_key_that_is_read() -> None:
    demand = Demand("4..8", "16GB..", "H100:8", "200GB", 2, ("aws",), ("us-east-1",), ("us-east-1a", "!use1-az4"),
                    ("train",), ("data:/data",), True, 12.5)  # fmt: skip
    document: dict[str, Any] = {"type": "task", "name": "a", **demand.keys(), "commands": ["true"]}
    parsed = parse([_file(document)])
    assert [one.message for one in parsed.diagnostics if one.severity == "error"] == []
    assert set(demand.keys()) <= parsed.documents[0].spec.model_fields_set
    assert Demand().keys() == {}


def test_relative_files_of_a_command_are_found(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    assert task_document.files_named(["python", "train.py", str(tmp_path / "train.py")]) == ["train.py"]
    assert task_document.files_named(["cat train.py \0"]) == ["train.py"]


def _file(document: dict[str, Any]) -> SourceFile:
    return SourceFile("a.atoll.yml", task_document.written([document]))
