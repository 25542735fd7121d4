"""Private files: whole or not at all, for their owner alone."""

import os
from pathlib import Path

import pytest

from atoll.private_files import write_private


def test_a_file_is_replaced_whole_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("a longer former content")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["token"]


def test_of_two_writers_the_first_ones_file_remains_where_existing_ones_are_kept(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        write_private(tmp_path / "key", content, keep_existing=True)
    assert (tmp_path / "key").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["key"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "token", b"new")
    assert os.listdir(tmp_path) == ["token"]
