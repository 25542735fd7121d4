"""Variables given to a command."""

from pathlib import Path

import click
import pytest

from atoll.cli.environment import variables


def file(folder: Path, text: str) -> str:
    path = folder / "vars.env"
    path.write_text(text)
    return str(path)


def test_a_file_has_a_variable_on_each_line(tmp_path: Path) -> None:
    text = "# comment\n\nA=1\nexport B=two words\nC='quoted'\nD=\"a=b\"\nE=\n  F = spaced\nG\n"
    assert variables([], [file(tmp_path, text)], {"G": "inherited"}) == {
        "A": "1", "B": "two words", "C": "quoted", "D": "a=b", "E": "", "F": "spaced", "G": "inherited"
    }  # fmt: skip


def test_options_take_precedence_over_files_and_later_ones_over_earlier_ones(tmp_path: Path) -> None:
    found = variables(["A=option", "B=first", "B=last"], [file(tmp_path, "A=file\n")], {})
    assert found == {"A": "option", "B": "last"}


def test_an_option_without_a_value_takes_it_from_the_environment() -> None:
    assert variables(["A"], [], {"A": "inherited"}) == {"A": "inherited"}


@pytest.mark.parametrize("entry", ["A", "=1", ""])
def test_a_variable_without_name_or_value_is_refused(entry: str) -> None:
    with pytest.raises(click.UsageError):
        variables([entry], [], {})


def test_a_wrong_line_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=r"vars\.env:2: expected NAME=VALUE or NAME"):
        variables([], [file(tmp_path, "A=1\n=2\n")], {})


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="No such file"):
        variables([], [str(tmp_path / "none")], {})
    (tmp_path / "binary").write_bytes(b"A=\xff")
    with pytest.raises(click.UsageError, match="is not UTF-8 text"):
        variables([], [str(tmp_path / "binary")], {})
