"""Finds the server of this machine, and starts one if none runs, so that the first command needs no setup.

Two commands at once start only one: the start happens under a lock on a file in the data folder.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from atoll.client import location
from atoll.client.client import Client
from atoll.client.errors import ApiError, NoServer, ServerGone
from atoll.client.location import Location

START_SECONDS = 20.0
"""How long a server may take until it is healthy."""
HEALTH_SECONDS = 5.0
POLL_SECONDS = 0.02
LOG_FILE = "server.log"
LOCK_FILE = "start.lock"
SERVER_LOCK = "server.lock"
FOUND_SECONDS = 10.0
"""How long a running server may take until it can be reached."""


def connect() -> Client:
    """A client of the server that the environment names, else of this machine's own, started where it is not running.

    Raises NoServer when there is none and none could be started.
    """
    elsewhere = location.remote()
    if elsewhere is not None:
        return _client(elsewhere)
    folder = location.home()
    return _client(running(folder) or start(folder))


def running(folder: Path) -> Location | None:
    """The healthy server of this data folder, or None.

    Raises NoServer when one holds its address and is silent: a second one beside it would only fail.
    """
    known = location.local(folder)
    if known is None:
        return None
    try:
        Client(known.address, known.token, timeout=HEALTH_SECONDS).healthz()
    except ServerGone as error:
        if error.sent and alive(known.pid):
            raise NoServer(
                f"the server at {known.address} (pid {known.pid}) does not answer",
                f"see {folder / LOG_FILE}, or end it with `atoll server stop`",
            ) from error
        return None
    except ApiError:
        return None
    return known


def start(folder: Path, options: Sequence[str] = ()) -> Location:
    """Start a server for this data folder, with these options of `atoll.server`, and wait until it is healthy.

    Returns the running one when another command was quicker. Raises NoServer with the end of its log when it died.
    """
    with usable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(folder):
            return running(folder) or _found_again(folder) or _started(folder, options)


def owner(folder: Path) -> int | None:
    """The process of the server that holds this data folder's lock; None when no server runs."""
    try:
        lock = os.open(folder / SERVER_LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(lock, 20).decode(errors="replace").strip()
        return int(text) if text.isdecimal() else None
    finally:
        os.close(lock)
    return None


def _found_again(folder: Path) -> Location | None:
    """The server that runs although its files were deleted, once it has written them again; None when none runs."""
    limit = time.monotonic() + FOUND_SECONDS
    while (pid := owner(folder)) is not None:
        if (found := running(folder)) is not None:
            return found
        if time.monotonic() > limit:
            raise NoServer(f"the server of {folder} (pid {pid}) cannot be reached", "end it with `atoll server stop`")
        time.sleep(POLL_SECONDS)
    return None


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Raises NoServer, with what to do, for a data folder that cannot be used."""
    try:
        yield
    except OSError as error:
        raise NoServer(
            f"cannot use the data folder {folder}: {error.strerror}", "set ATOLL_HOME to a folder that can be written"
        ) from error


def command(folder: Path, options: Sequence[str] = ()) -> list[str]:
    """The command line of a server for this data folder."""
    return [sys.executable, "-m", "atoll.server", "--home", str(folder), *options]


def alive(pid: int | None) -> bool:
    """Whether a process of that id runs; one that ended and is not yet reaped does not."""
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return not Path("/proc/self").exists()
    return status.rpartition(")")[2].split()[0] != "Z"


def _client(place: Location) -> Client:
    return Client(place.address, place.token, location.project(place))


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _started(folder: Path, options: Sequence[str]) -> Location:
    log = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        written = os.fstat(log).st_size
        process = subprocess.Popen(
            command(folder, options),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )
    finally:
        os.close(log)
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        died = process.poll() is not None
        found = running(folder)
        if found is not None:
            process.returncode = 0  # it outlives this command, which does not wait for it
            return found
        if died:
            raise NoServer(_why(folder, written, "the server did not start"), f"see {folder / LOG_FILE}")
        time.sleep(POLL_SECONDS)
    process.terminate()
    process.wait()
    raise NoServer(
        _why(folder, written, f"the server was not up after {START_SECONDS:g} s"), f"see {folder / LOG_FILE}"
    )


def _why(folder: Path, written: int, what: str) -> str:
    """`what`, and the last lines that the server wrote since byte `written` of its log."""
    with (folder / LOG_FILE).open("rb") as file:
        file.seek(written)
        lines = file.read().decode(errors="replace").strip().splitlines()[-5:]
    return "\n    ".join([what + (":" if lines else ""), *lines])
