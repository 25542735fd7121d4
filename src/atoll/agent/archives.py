"""The archives that jobs need: received in parts, and checked against their SHA-256.

An archive's name is its SHA-256 in hexadecimal, and `NAME.part` holds what has arrived of it. A job has its own link to
each, so that an archive may be removed at any time.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path

from atoll.agent.http import HttpError
from atoll.wire.agent import ArchiveState

_DIGEST = re.compile("[0-9a-f]{64}")
_KEPT_SECONDS = 86_400
_CHUNK_BYTES = 1 << 20


class Archives:
    """The archives in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._receiving = threading.Lock()
        folder.mkdir(mode=0o700, exist_ok=True)

    def state(self, digest: str) -> ArchiveState:
        """How much of an archive is here. Raises HttpError (404)."""
        path = self._path(digest)
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            os.utime(path)
            return ArchiveState(digest, size, True)
        with suppress(FileNotFoundError):
            return ArchiveState(digest, _part(path).stat().st_size, False)
        return ArchiveState(digest, 0, False)

    def receive(self, digest: str, offset: int, data: bytes, end: bool) -> ArchiveState:
        """Add what follows `offset`; `end` says that nothing follows. What does not fit on is not kept.

        Raises HttpError: 404, and 422 where the whole has another SHA-256.
        """
        path = self._path(digest)
        with self._receiving:
            return self._receive(path, offset, data, end)

    def _receive(self, path: Path, offset: int, data: bytes, end: bool) -> ArchiveState:
        digest = path.name
        before = self.state(digest)
        if before.complete or before.bytes != offset:
            return before
        if offset == 0:
            self._remove_old()
        with _part(path).open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
        if end:
            if _sha256(_part(path)) != digest:
                _part(path).unlink()
                raise HttpError(422, f"the archive {digest[:12]} arrived damaged")
            _part(path).replace(path)
        return self.state(digest)

    def link(self, digest: str, target: Path) -> None:
        """Give an archive another name. Raises HttpError: 404, and 422 where it is not complete."""
        try:
            os.link(self._path(digest), target)
        except FileExistsError:
            return
        except FileNotFoundError:
            raise HttpError(422, f"the archive {digest[:12]} has not arrived") from None

    def _path(self, digest: str) -> Path:
        if _DIGEST.fullmatch(digest) is None:
            raise HttpError(404, "no such archive")
        return self._folder / digest

    def _remove_old(self) -> None:
        before = time.time() - _KEPT_SECONDS
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_CHUNK_BYTES):
            found.update(data)
    return found.hexdigest()
