"""A disk's errors in words."""

import errno

import pytest

from atoll.model.system_error import disk_words, error_words


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "full"), (errno.EDQUOT, "quota"), (errno.EROFS, "read-only"), (errno.EIO, "cannot be read")],
)
def test_trouble_of_a_disk_has_words(number: int, words: str) -> None:
    assert words in disk_words(OSError(number, "raw"))


def test_other_errors_have_none() -> None:
    assert disk_words(OSError(errno.ENOENT, "raw")) == disk_words(OSError()) == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "raw", "/srv/atoll/token"), "the disk is full: /srv/atoll/token"),
        (PermissionError(errno.EACCES, "raw", b"/srv"), "permission denied: /srv"),
        (OSError(errno.EPERM, "mount at /v: Operation not permitted"), "mount at /v: Operation not permitted"),
        (OSError("Multiple exceptions: [Errno 111] a, [Errno 111] b"), "Multiple exceptions: a, b"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("wrong"), "wrong"),
    ],
)
def test_errors_have_words_and_paths_and_no_numbers(error: Exception, words: str) -> None:
    assert error_words(error) == words
