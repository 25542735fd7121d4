"""A disk's errors in words: users get these instead of an errno's text."""

from __future__ import annotations

import errno

_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk cannot be read or written",
}


def disk_words(error: OSError) -> str:
    """What is wrong with the disk; empty where the error is about something else."""
    return _WORDS.get(error.errno or 0, "")
