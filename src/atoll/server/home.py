"""The data folder of a server: its database, token, address and lock.

DIR/               0700
DIR/atoll.db       the database (SQLite), 0600
DIR/token          the first user's token, created at the first start, 0600
DIR/backends/      the files of backends, 0700
DIR/logs/          the logs of jobs, 0700
DIR/server.json    where the server listens, while it does, 0600
DIR/web.port       the loopback port of the web page, once `atoll web` has opened it, 0600
DIR/server.lock    held by the one server of this folder; holds its process id
DIR/atoll.db.lock  held by the one server of this database, likewise
DIR/config.yml     optional: the backends and their settings
"""

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SOCKET_PATH_BYTES = 100
"""Socket addresses hold 108 bytes with their ending."""


class HomeError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


class Home:
    """One data folder, locked for this server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._locks = [_hold(folder / "server.lock", str(folder))]
        for name in ("backends", "logs"):
            (folder / name).mkdir(exist_ok=True, mode=0o700)

    def hold_database(self, url: str) -> bool:
        """Hold the file of an SQLite database for this server alone; False for a database that several may share.

        Raises HomeError when another server has it.
        """
        path = sqlite_path(url)
        if path is None:
            return False
        self._locks.append(_hold(path.with_name(f"{path.name}.lock"), f"the database {path}"))
        # Created here with mode 0600: SQLite would use the umask, for its companion files too.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return True

    @property
    def token(self) -> str:
        """The token of this folder, created if missing."""
        path = self.folder / "token"
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(32))
        return path.read_text().strip()

    @property
    def socket(self) -> Path:
        """Where the Unix socket goes: in the folder, or in a private temporary one where that path is too long."""
        path = self.folder / "server.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
            return path
        name = hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:16]
        short = Path(tempfile.gettempdir(), f"atoll-{os.getuid()}-{name}")
        short.mkdir(mode=0o700, exist_ok=True)
        found = short.lstat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise HomeError(f"{short} belongs to somebody else: remove it, or use a data folder with a shorter path")
        return short / "server.sock"

    def config(self) -> Mapping[str, Any]:
        """The configuration file's content. Raises HomeError."""
        path = self.folder / "config.yml"
        if not path.exists():
            return {}
        try:
            content = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise HomeError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
        content = {} if content is None else content
        backends = content.get("backends", []) if isinstance(content, dict) else None
        if not isinstance(backends, list) or not all(isinstance(item, dict) and "type" in item for item in backends):
            raise HomeError(f"{path}: `backends` must be a list of mappings, each with a `type`")
        return dict(content)

    def announce(self, address: str, version: str) -> None:
        """Let clients find the server."""
        _write_private(
            self.folder / "server.json", json.dumps({"address": address, "pid": os.getpid(), "version": version})
        )

    @property
    def web_port(self) -> int | None:
        """The port that the web page had before; None when it was never opened."""
        try:
            text = (self.folder / "web.port").read_text().strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 65536 else None

    def keep_web_port(self, port: int) -> None:
        """Store the port of the web page, so that an open page finds the server again after a restart."""
        _write_private(self.folder / "web.port", str(port))

    def close(self) -> None:
        """Remove the server's address."""
        (self.folder / "server.json").unlink(missing_ok=True)
        for lock in self._locks:
            os.close(lock)


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLAlchemy URL of SQLite; None for any other database, and for one in memory."""
    kind, _, path = url.partition(":///")
    return Path(path.partition("?")[0]) if kind.startswith("sqlite") and path.strip(":") != "memory" and path else None


def _hold(path: Path, what: str) -> int:
    """Lock a file for as long as this process lives. Raises HomeError when another process holds it."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HomeError(f"cannot write {path}: {error.strerror}: check who owns the folder") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(lock, 20).decode(errors="replace").strip()
        os.close(lock)
        raise HomeError(
            f"a server (process {pid}) uses {what} already: use it, or stop it with `atoll server stop`"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
