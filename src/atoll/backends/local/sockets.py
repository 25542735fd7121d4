"""Where agents' sockets are: a folder with a short path, because a Unix socket's may have about 100 bytes.

The folder is private. One that another user created, or can write to, is never used: the owner of a socket's
folder controls the agent that the engine calls.
"""

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from atoll.model.system_error import error_words

LONGEST = 103
"""The bytes of a socket's path: 104 with the closing zero on macOS and BSD, 108 on Linux."""


def socket_path(state: Path, machine: str) -> Path:
    """The path for this machine's socket; its folder is made when needed.

    Raises OSError when there is no safe folder with a short path.
    """
    name = f"{hashlib.sha256(os.fsencode(state)).hexdigest()[:10]}-{machine}.sock"
    problems = []
    for folder in _candidates():
        path = folder / name
        if len(os.fsencode(path)) > LONGEST:
            problems.append(f"{folder} is too long")
            continue
        try:
            _secure(folder)
        except OSError as error:
            problems.append(error_words(error))
            continue
        return path
    raise OSError(f"no folder for agents' sockets: {'; '.join(problems)}")


def remove_empty_folders() -> None:
    """Remove the folders of sockets that hold none: the next socket's path makes them again."""
    for folder in _candidates():
        with suppress(OSError):
            if folder.lstat().st_uid == os.getuid():
                folder.rmdir()


def _candidates() -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    mine = f"atoll-{os.getuid()}"
    folders = [Path(runtime) / "atoll"] if runtime.startswith("/") else []
    return [*folders, Path(tempfile.gettempdir()) / mine, Path("/tmp") / mine]  # noqa: S108 - checked by _secure


def _secure(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise OSError(f"{folder} is not ours")
    if found.st_mode & 0o077:
        raise OSError(f"{folder} is open to others")
