"""A disk's errors in words."""

import errno

import pytest

from atoll.model.disk import disk_words


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "full"), (errno.EDQUOT, "quota"), (errno.EROFS, "read-only"), (errno.EIO, "cannot be read")],
)
def test_trouble_of_a_disk_has_words(number: int, words: str) -> None:
    assert words in disk_words(OSError(number, "raw"))


def test_other_errors_have_none() -> None:
    assert disk_words(OSError(errno.ENOENT, "raw")) == disk_words(OSError()) == ""
