"""The hosts' keys: trusted at the first connection and pinned, in a file of OpenSSH's `known_hosts` format."""

import os
from pathlib import Path
from threading import Lock

from atoll.tunnels.host import SSH_PORT, Login


class Pins:
    """The pinned host keys in one file. A key that changed is refused until its line is removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()

    def accepts(self, login: Login, key: str) -> bool:
        """Whether `key` (its type and base64 text) is the pinned one; pins it where none is. Raises OSError."""
        name = login.hostname if login.port == SSH_PORT else f"[{login.hostname}]:{login.port}"
        with self._lock:
            pinned = [line.split(None, 1)[1].strip() for line in self._lines() if line.split(None, 1)[0] == name]
            if pinned:
                return key in pinned
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(f"{name} {key}\n")
            return True

    def _lines(self) -> list[str]:
        try:
            lines = self.path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []
        return [line for line in lines if len(line.split(None, 1)) == 2 and not line.startswith("#")]
