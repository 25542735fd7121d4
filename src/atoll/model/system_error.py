"""Errors of the operating system in words: users get these instead of an errno's text."""

from __future__ import annotations

import errno
import os
import re
from enum import Enum


class DiskTrouble(str, Enum):  # noqa: UP042 - agents run on Python 3.9
    """What keeps a disk from being written; the values are the codes of refusals."""

    __str__ = str.__str__

    FULL = "disk-full"
    READ_ONLY = "disk-read-only"
    FAILING = "disk-failing"


DISK_WORDS = {
    DiskTrouble.FULL: "the disk is full",
    DiskTrouble.READ_ONLY: "the disk is read-only",
    DiskTrouble.FAILING: "the disk cannot be read or written",
}
_TROUBLES = {
    errno.ENOSPC: DiskTrouble.FULL,
    errno.EDQUOT: DiskTrouble.FULL,
    errno.EROFS: DiskTrouble.READ_ONLY,
    errno.EIO: DiskTrouble.FAILING,
}
_NUMBER = re.compile(r"\[Errno -?\d+\] ")


def disk_trouble(error: BaseException) -> DiskTrouble | None:
    """What is wrong with the disk; None where the error is about something else."""
    return _TROUBLES.get(error.errno or 0) if isinstance(error, OSError) else None


def disk_words(error: OSError) -> str:
    """What is wrong with the disk; empty where the error is about something else."""
    if error.errno == errno.EDQUOT:
        return "the disk quota is used up"
    trouble = disk_trouble(error)
    return "" if trouble is None else DISK_WORDS[trouble]


def error_words(error: BaseException) -> str:
    """What is wrong, with the path where the error has one: `permission denied: /srv/atoll`."""
    if not isinstance(error, OSError) or error.errno is None or error.errno <= 0:
        # Several failed attempts to connect are joined in one text.
        return _NUMBER.sub("", str(error)) or type(error).__name__
    system = os.strerror(error.errno)
    own = error.strerror or ""  # it may say what was tried, before the system's words
    words = disk_words(error) or (own if own.endswith(f": {system}") else system.lower())
    return words if error.filename is None else f"{words}: {os.fsdecode(error.filename)}"
