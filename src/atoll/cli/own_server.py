"""This machine's own server, for the commands that start, stop and restart it."""

import os
import signal
import time
from pathlib import Path

from atoll.cli.errors import CommandError
from atoll.client import Client, NoServer, autostart, location

STOP_SECONDS = 30.0
POLL_SECONDS = 0.02


def own_folder() -> Path:
    """The data folder of this machine's own server. Raises CommandError when the environment names another server."""
    if os.environ.get("ATOLL_SERVER_URL"):
        raise CommandError("ATOLL_SERVER_URL points to another server", "start and stop it on its own machine")
    return location.home()


def process_of(folder: Path) -> int | None:
    """The process of the server to stop: the owner of the folder's lock, or the one that answers."""
    pid = autostart.owner(folder)
    if pid is not None:
        return pid
    try:
        place = autostart.running(folder)
    except NoServer:
        place = location.local(folder)
        return None if place is None else place.pid
    return None if place is None else Client(place.address, place.token).status().pid


def end(folder: Path, pid: int) -> None:
    """Stop a server and wait until its process has ended. Raises CommandError after `STOP_SECONDS`."""
    os.kill(pid, signal.SIGTERM)
    limit = time.monotonic() + STOP_SECONDS
    while autostart.alive(pid):
        if time.monotonic() > limit:
            raise CommandError(f"the server (pid {pid}) has not stopped after {STOP_SECONDS:g} s",
                               f"see {folder / autostart.LOG_FILE}")  # fmt: skip
        time.sleep(POLL_SECONDS)
