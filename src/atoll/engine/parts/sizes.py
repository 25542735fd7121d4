"""How much space folders take on their disks."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def folder_bytes(folder: Path) -> int:
    """The bytes of all files below a folder; 0 where it does not exist. Files that disappear meanwhile do not count.

    Blocks for as long as the disk takes: call it in a thread.
    """
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(Path(entry.path))
                continue
            with suppress(OSError):
                yield entry.stat(follow_symlinks=False).st_size
