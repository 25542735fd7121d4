"""Files that their owner alone can read, written whole or not at all: any package may use it."""

import os
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, content: bytes, *, durable: bool = True, keep_existing: bool = False) -> None:
    """Write a file with mode 0600, in place of an existing one unless `keep_existing`. Raises OSError.

    A reader sees the former content or all of the new one, also after a crash. With `durable`, the content is on the
    disk when this returns; without it, a power cut may leave an empty file.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if keep_existing:
            with suppress(FileExistsError):
                os.link(draft, path)
        else:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
