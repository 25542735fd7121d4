"""A private PostgreSQL for tests: thrown away with its data when the process that wanted it ends, however it ends.

    cluster = Cluster(folder)              # the folder need not exist; several processes may name the same one
    cluster.start(os.getpid())             # starts it where it does not run yet
    url = cluster.database("test_1", template="empty")

It listens on a socket in its folder and nowhere else. Nothing is safe from a power cut: it writes without waiting for
the disk, unless it is `durable`, as a measurement wants it. PostgreSQL refuses to run as root; there it runs as the
user `postgres`, which must be able to enter the folder.
"""

import argparse
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INSTALL = "apt-get install postgresql"
START_SECONDS = 60.0
POLL_SECONDS = 0.05
WATCH_SECONDS = 0.5
"""How soon the end of the process that wanted the server is noticed."""
_OPTIONS = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_connections": "150",
    "deadlock_timeout": "200ms",
}
_HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def binaries() -> Path | None:
    """Where PostgreSQL's programs are: the newest of Debian's, else those in PATH, else None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    known = shutil.which("initdb")
    return Path(known).resolve().parent if known else None


class Cluster:
    """One private server, in one folder; folders must have short names, as their sockets do."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self._options = ["--durable"] if durable else []

    def start(self, watched: int) -> None:
        """Start it where it does not run. It ends by itself once the process `watched` has ended.

        Raises RuntimeError with its log when it does not start.
        """
        with self._locked():
            if self._ready():
                return
            command = [sys.executable, "-m", __name__, str(self.folder), str(watched), *self._options]
            with self._log.open("ab") as log:
                keeper = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            limit = time.monotonic() + START_SECONDS
            while not self._ready():
                if keeper.poll() is not None or time.monotonic() > limit:
                    raise RuntimeError(f"PostgreSQL did not start:\n{self._log.read_text()}")
                time.sleep(POLL_SECONDS)
            keeper.returncode = 0  # it outlives this process: it is not waited for here

    def wait_gone(self) -> None:
        """Wait until it has ended, after the process that it watches."""
        while self.folder.exists():
            time.sleep(POLL_SECONDS)

    def url(self, name: str) -> str:
        """The URL of a database, as a user would write it."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def database(self, name: str, template: str | None = None) -> str:
        """Make a database, empty or a copy of another without connections; its URL."""
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}"')
        return self.url(name)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run statements by `psql`; what they print, unadorned."""
        return self.program("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)

    def program(self, name: str, *arguments: str) -> str:
        """Run one of PostgreSQL's own programs against the server; what it prints."""
        folder = binaries()
        assert folder is not None
        command = [str(folder / name), "-h", str(self.folder), "-U", "postgres", *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    @contextmanager
    def once(self) -> Iterator[bool]:
        """True for the first caller in any process; the others wait until that one is done."""
        with self._locked():
            mark = self.folder / "prepared"
            yield not mark.exists()
            mark.touch()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @property
    def _log(self) -> Path:
        return self.folder.with_suffix(".log")

    def _ready(self) -> bool:
        try:
            return "ready" in (self.folder / "data" / "postmaster.pid").read_text().splitlines()[-1]
        except (FileNotFoundError, IndexError):
            return False


def keep(folder: Path, watched: int, *, durable: bool) -> None:
    """Make and run a server in `folder` until the process `watched` or the server has ended; then remove all of it."""
    programs = binaries()
    if programs is None:
        raise RuntimeError(f"PostgreSQL is not installed: {INSTALL}")
    account: dict[str, Any] = {}
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    data = folder / "data"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N", "--no-instructions"],
            check=True, env=environment, cwd=folder, **account,
        )  # fmt: skip
        options = [f"--{name}={value}" for name, value in (_OPTIONS if durable else _OPTIONS | _HASTY).items()]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder, *options], env=environment, cwd=folder, **account
        )
        while server.poll() is None and Path(f"/proc/{watched}").exists():
            time.sleep(WATCH_SECONDS)
        server.send_signal(signal.SIGQUIT)
        server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".lock").unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog=__name__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("watched", type=int)
    parser.add_argument("--durable", action="store_true")
    arguments = parser.parse_args()
    keep(arguments.folder, arguments.watched, durable=arguments.durable)
