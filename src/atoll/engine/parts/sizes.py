"""How much space folders take on their disks."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def folder_bytes(folder: Path) -> int:
    """The bytes of all files below a folder; 0 where it does not exist. Files that disappear meanwhile do not count.

    Blocks for as long as the disk takes: call it in a thread.
    """
    return sum(_sizes(folder))


def folder_bytes_within(folder: Path, seconds: float) -> tuple[int, bool]:
    """The same, for at most `seconds`: the bytes of the files that were counted, and whether those are all."""
    limit, total = time.monotonic() + seconds, 0
    for size in _sizes(folder):
        total += size
        if time.monotonic() > limit:
            return total, False
    return total, True


def _sizes(folder: Path) -> Iterator[int]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(Path(entry.path))
                continue
            with suppress(OSError):
                yield entry.stat(follow_symlinks=False).st_size
