"""The data folder of a server: its database, token, address and lock.

DIR/               0700
DIR/atoll.db       the database (SQLite), 0600
DIR/token          the first user's token, created at the first start, 0600
DIR/backends/      the files of backends, 0700
DIR/logs/          the logs of jobs, 0700
DIR/installation   the id that tags the installation's machines and disks, 0600
DIR/server.json    where the server listens, while it does, 0600
DIR/web.port       the loopback port of the web page, once `atoll web` has opened it, 0600
DIR/server.lock    held by the one server of this folder; holds its process id
DIR/atoll.db.lock  held by the one server of this database, likewise
DIR/.probe         empty: written to find out whether the disk can be written
DIR/config.yml     optional: the backends with their settings, retention, and whether dstack's clients are served
"""

import fcntl
import hashlib
import json
import logging
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from atoll.model.system_error import disk_trouble, error_words
from atoll.private_files import write_private
from atoll.server.config_file import CONFIG, read_config

FILES = (
    "atoll.db", "atoll.db-wal", "atoll.db-shm", "atoll.db.lock", "cli-error.log", "config.yml",
    "config.yml.before-import", "config.yml.draft", "installation", "secret.key", "server.json", "server.lock",
    "server.log", "server.sock", "start.lock", "token", "web.port", ".probe",
)  # fmt: skip
"""Every file that a server or a command writes into the data folder."""
FOLDERS = ("backends", "listings", "logs")
LOOKS = 4
LOOK_SECONDS = 0.02
log = logging.getLogger("atoll.server")
SOCKET_PATH_BYTES = 100
"""Socket addresses hold 108 bytes with their ending."""


class HomeError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


class Home:
    """One data folder, locked for this server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
            log.warning("home=%s was open to other users of this machine: it is private now", folder)
        self._token = ""
        self._locks = [held(folder)]
        for name in ("backends", "logs"):
            (folder / name).mkdir(exist_ok=True, mode=0o700)

    def hold_database(self, url: str) -> bool:
        """Hold the file of an SQLite database for this server alone; False for a database that several may share.

        Raises HomeError when another server has it.
        """
        path = sqlite_path(url)
        if path is None:
            return False
        path = path.resolve()  # one lock, whatever links lead to the file
        self._locks.append(_hold(path.with_name(f"{path.name}.lock"), f"the database {path}"))
        # Created here with mode 0600: SQLite would use the umask, for its companion files too.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return True

    @property
    def token(self) -> str:
        """The token of this folder, created if missing."""
        path = self.folder / "token"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode())
        self._token = path.read_text().strip()
        return self._token

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

    def restore(self, address: str, version: str) -> bool:
        """Write the token and address again where their files were deleted; True when the socket was deleted too."""
        if not (self.folder / "token").exists():
            write_private(self.folder / "token", self._token.encode())
            log.warning("home=%s the token's file was deleted: it is written again", self.folder)
        if not (self.folder / "server.json").exists():
            self.announce(address, version)
        return address.startswith("unix:") and not self.socket.exists()

    def config(self) -> Mapping[str, Any]:
        """The configuration file's content. Raises HomeError."""
        return configured(self.folder)

    def announce(self, address: str, version: str) -> None:
        """Let clients find the server."""
        announced = json.dumps({"address": address, "pid": os.getpid(), "version": version})
        write_private(self.folder / "server.json", announced.encode())

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
        write_private(self.folder / "web.port", str(port).encode())

    def close(self) -> None:
        """Remove the server's address and its socket."""
        (self.folder / "server.json").unlink(missing_ok=True)
        with suppress(HomeError, OSError):
            self.socket.unlink(missing_ok=True)
            if self.socket.parent != self.folder:
                self.socket.parent.rmdir()
        for lock in self._locks:
            os.close(lock)


def configured(folder: Path) -> Mapping[str, Any]:
    """The content of the configuration file in a data folder. Raises HomeError."""
    found = read_config(folder / CONFIG)
    if not found.findings:
        return found.content
    first = found.findings[0]
    place = f"{first.span.file}:{first.span.line}:{first.span.column}: " if first.span else ""
    help = f"; {first.help}" if first.help else ""
    more = f" (and {len(found.findings) - 1} more: see `atoll server config check`)" if len(found.findings) > 1 else ""
    raise HomeError(f"{place}{first.message}{help}{more}")


def private_socket(path: Path) -> socket.socket:
    """A new Unix socket at `path`, in place of an old one, that only its owner may use. Raises OSError."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLAlchemy URL of SQLite; None for any other database, and for one in memory."""
    kind, _, path = url.partition(":///")
    return Path(path.partition("?")[0]) if kind.startswith("sqlite") and path.strip(":") != "memory" and path else None


def held(folder: Path) -> int:
    """Lock a data folder for this process, until the descriptor is closed. Raises HomeError."""
    return _hold(folder / "server.lock", str(folder))


def _hold(path: Path, what: str) -> int:
    """Lock a file for as long as this process lives. Raises HomeError when another process holds it."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        help = "" if disk_trouble(error) else ": check the owner and mode of the folder"
        raise HomeError(f"{error_words(error)}{help}") from error
    try:
        _lock(lock)
    except BlockingIOError:
        pid = os.read(lock, 20).decode(errors="replace").strip()
        os.close(lock)
        raise HomeError(
            f"a server (process {pid}) uses {what} already: use it, or stop it with `atoll server stop`"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _lock(lock: int) -> None:
    """Lock it, beside commands that only look whether it is locked. Raises BlockingIOError."""
    for _ in range(LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(LOOK_SECONDS)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
