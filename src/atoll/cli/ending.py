"""`atoll server stop` and `atoll server reset`: end this machine's server, alone or with all that it manages."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from atoll.cli import own_server, terminal, units
from atoll.cli.errors import CommandError, LeftRunning
from atoll.cli.question import confirm
from atoll.client import ApiError, Client, ClientError, autostart, location
from atoll.wire.api import FleetView, RunView, VolumeView

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
LOOK_SECONDS = 5.0
CHANGED_SINCE = (404, 409)
"""The answers to a deletion whose record is gone or still in use: the next look decides."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What one project has: its unfinished runs, its fleets, its volumes, and the number of its instances."""

    client: Client
    runs: Sequence[RunView]
    fleets: Sequence[FleetView]
    volumes: Sequence[VolumeView]
    instances: int


@click.command()
@click.option("--with-instances", is_flag=True, help="First end all runs and fleets, in all projects; volumes remain.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, with `--with-instances`.")
def stop(with_instances: bool, yes: bool) -> None:
    """Stop the server. Instances and their jobs continue, unless `--with-instances` ends them first.

    The next command starts the server again, which then finds them.
    """
    folder = own_server.own_folder()
    if with_instances and (folder / autostart.SERVER_LOCK).exists():
        found = _holdings(_started(folder))
        if text := _texts(found, volumes=False):
            confirm(f"End {text}, then stop the server?", yes=yes)
            _end_all(folder, volumes=False)
    pid = own_server.process_of(folder)
    if pid is None:
        terminal.out(f"no server is running for {folder}")
        return
    remaining = "" if with_instances else _remaining(folder)
    own_server.end(folder, pid)
    terminal.out("the server has stopped")
    if remaining:
        terminal.out(remaining)


@click.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> int:
    """Delete everything: runs, fleets, volumes with their data, the server and its data folder.

    Machines and disks are deleted at their providers first. The server's configuration, its users and tokens, and
    all logs go with the data folder. The next command begins as after the installation.
    """
    folder = own_server.own_folder()
    if not (folder / autostart.SERVER_LOCK).exists():
        terminal.out(f"nothing to delete: no server has used {folder}")
        return 0
    place = _started(folder)
    database = place.status().database
    if not database.startswith("sqlite"):
        raise CommandError(
            "the database is PostgreSQL, which other servers may share",
            "end its fleets with `atoll server stop --with-instances`, then delete the database and the data folder",
        )
    found = _holdings(place)
    confirm(f"Delete {_texts(found, volumes=True) or 'the server'}, and {folder} with its configuration and logs?",
            yes=yes)  # fmt: skip
    _end_all(folder, volumes=True)
    pid = own_server.process_of(folder)
    if pid is not None:
        own_server.end(folder, pid)
    command = [sys.executable, "-m", "atoll.server.removal", "--home", str(folder)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


def _started(folder: Path) -> Client:
    """The server of the folder, started if it is not running: it alone can end what it manages."""
    place = autostart.running(folder) or autostart.start(folder)
    return Client(place.address, place.token)


def _holdings(client: Client) -> list[Holdings]:
    """What each project has."""
    found = []
    for project in client.projects():
        one = client.of_project(project.name)
        found.append(Holdings(one, one.runs(), one.fleets(), one.volumes(), len(one.instances())))
    return found


def _remaining(folder: Path) -> str:
    """What continues when the server stops; empty for nothing, and where the server does not answer."""
    with suppress(ClientError):
        place = location.local(folder)
        if place is not None:
            found = _holdings(Client(place.address, place.token, timeout=LOOK_SECONDS))
            if text := _texts(found, volumes=False):
                return f"these continue: {text}; `atoll server stop --with-instances` ends them too"
    return ""


def _texts(found: Sequence[Holdings], *, volumes: bool) -> str:
    """`2 runs, 1 fleet with 3 instances and 1 volume with its data`; empty for nothing."""
    runs, fleets = sum(len(one.runs) for one in found), sum(len(one.fleets) for one in found)
    instances, disks = sum(one.instances for one in found), sum(len(one.volumes) for one in found)
    parts = [units.count(runs, "run")] if runs else []
    if fleets or instances:
        parts.append(f"{units.count(fleets, 'fleet')} with {units.count(instances, 'instance')}")
    if volumes and disks:
        parts.append(f"{units.count(disks, 'volume')} with {'its' if disks == 1 else 'their'} data")
    return units.listed(parts)


def _end_all(folder: Path, *, volumes: bool) -> None:
    """Stop all runs, delete all fleets, and volumes if so wanted; returns when none is left."""
    pause, before, refused = FIRST_PAUSE, "", ""
    try:
        while True:
            found = _holdings(_started(folder))
            text = _texts(found, volumes=volumes)
            if not text:
                return
            if text != before:
                terminal.note(f" {text} left")
                pause = FIRST_PAUSE
            for one in found:
                refused = _request(one, volumes=volumes) or refused
            before = text
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
    except KeyboardInterrupt:
        hints = ["atoll ps", "atoll fleet", *(["atoll volume"] if volumes else [])]
        raise LeftRunning(f"{before} left{f' ({refused})' if refused else ''}, and the server runs", hints) from None


def _request(one: Holdings, *, volumes: bool) -> str:
    """Request the end of what a project has; the last refusal, or an empty text. Raises ApiError for a failure."""
    requests: list[tuple[Callable[[str], object], str]] = [(one.client.stop_run, run.name) for run in one.runs]
    if not requests:
        requests += [(one.client.delete_fleet, fleet.name) for fleet in one.fleets]
    if volumes and not requests:
        requests += [(one.client.delete_volume, volume.name) for volume in one.volumes]
    refused = ""
    for end, name in requests:
        try:
            end(name)
        except ApiError as error:
            if error.status not in CHANGED_SINCE:
                raise
            refused = error.message if error.status != 404 else refused
    return refused
