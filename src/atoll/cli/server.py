"""`atoll server`: this machine's server. Other commands start it when needed."""

import os
import subprocess
import sys

import click

from atoll.cli import errors, terminal, units
from atoll.cli.backup import backup, restore
from atoll.cli.ending import reset, stop
from atoll.cli.errors import CommandError
from atoll.cli.import_config import import_config
from atoll.cli.noun import json_option
from atoll.cli.orphan import orphans
from atoll.cli.output import print_json
from atoll.cli.own_server import own_folder
from atoll.cli.server_config import CONFIG, config
from atoll.cli.server_log import logs
from atoll.cli.table import Table, block
from atoll.client import Client, ClientError, autostart, connect, location
from atoll.wire.api import DiskTroubleView, DiskUse, ServerStatus

LOOK_SECONDS = 10.0
"""How long a start waits until all backends have been read: large ones may take longer."""


@click.group()
def server() -> None:
    """Manage this machine's server."""


@server.command()
@click.option("--foreground", is_flag=True, help="Run in the foreground; Ctrl-C stops it.")
@click.option("--host", metavar="HOST", help="Listen on TCP at this address instead of a Unix socket.")
@click.option("--port", type=click.IntRange(1, 65535), help="Listen on TCP at this port instead of a Unix socket.")
@click.option("--public-url", metavar="URL", help="The address at which browsers reach it through a proxy.")
def start(foreground: bool, host: str | None, port: int | None, public_url: str | None) -> None:
    """Start the server unless it is running."""
    folder = own_folder()
    options = _options(host, port, public_url)
    if foreground:
        with autostart.usable(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = autostart.command(folder, options)
        os.execv(command[0], command)  # noqa: S606 - this process becomes the server
    known = autostart.running(folder)
    if known is not None and options:
        raise CommandError(
            f"a server is already running for {folder} at {known.address} (pid {known.pid})",
            "stop it first: `atoll server stop`",
        )
    place = known or autostart.start(folder, options)
    state = "runs already" if known else "runs"
    terminal.out(f"the server {state} at {place.address} (pid {place.pid}), with its data in {folder}")
    for line in unreached(Client(place.address, place.token, timeout=LOOK_SECONDS)):
        terminal.out(line)


@server.command()
@json_option
def status(as_json: bool) -> int:
    """Show the server, its data and its backends. Exits with code 1 when none is running."""
    if location.remote() is None and autostart.running(location.home()) is None:
        terminal.out(f"no server is running for {location.home()}")
        return errors.FAILED
    found = connect().status()
    if as_json:
        print_json(found)
    else:
        terminal.out("\n".join(_facts(found)))
        _backends(found).print()
        for note in found.notes:
            terminal.out(f"note: {note}")
    return 0


@server.command()
@click.argument("backend", required=False)
def check(backend: str | None) -> int:
    """Check what the configured accounts permit.

    Each region of BACKEND, or of all backends of `config.yml`, is reported with the permissions that it lacks. Nothing
    is created: what would change something is sent as a dry run. Exits with code 1 where something required is missing.
    """
    folder = own_folder()
    options = ["--backend", backend] if backend else []
    command = [sys.executable, "-m", "atoll.server.check", "--home", str(folder), *options]
    return subprocess.run(command, check=False).returncode


server.add_command(stop)
server.add_command(reset)
server.add_command(logs)
server.add_command(config)
server.add_command(orphans)
server.add_command(backup)
server.add_command(restore)
server.add_command(import_config)


def _options(host: str | None, port: int | None, public_url: str | None) -> list[str]:
    if host and not port:
        raise click.UsageError("`--host` needs `--port`")
    if public_url and not public_url.startswith(("https://", "http://")):
        raise click.UsageError(f"`--public-url`: `{public_url}` is no address such as `https://atoll.example.org`")
    options = ["--host", host or "127.0.0.1", "--port", str(port)] if port else []
    return [*options, "--public-url", public_url] if public_url else options


def unreached(client: Client) -> list[str]:
    """Notes on what a server cannot reach: failing backends, and what is held where none is configured."""
    try:
        found = client.status()
    except ClientError as error:
        return [f"note: the state of its backends is not known: {error.message}; see `atoll server status`"]
    failing = (f"backend `{backend.name}`: {backend.error}" for backend in found.backends if backend.error)
    return [f"note: {text}" for text in (*failing, *found.notes)]


def _facts(found: ServerStatus) -> list[str]:
    return block(
        [
            ("address", found.address),
            ("pid", str(found.pid)),
            ("version", found.version),
            ("started", units.ago(found.started_at, units.now())),
            *_files(),
            ("database", found.database),
            ("web page", f"{found.web} (`atoll web` signs in)" if found.web else "not opened yet: run `atoll web`"),
            ("disk", ", ".join(_use(one) for one in found.disk) or "unknown"),
            *(("disk trouble", _trouble(trouble)) for trouble in found.disk_troubles),
        ],
        " ",
    )


def _files() -> list[tuple[str, str]]:
    """The data folder and the configuration of this machine's own server."""
    if location.remote() is not None:
        return []
    path = location.home() / CONFIG
    return [("folder", str(location.home())), ("configuration", str(path) if path.exists() else f"none at {path}")]


def _trouble(one: DiskTroubleView) -> str:
    return f"{one.text}, noticed {units.ago(one.since, units.now())}"


def _use(one: DiskUse) -> str:
    return f"{one.what} {'' if one.whole else 'over '}{units.data(one.bytes)}"


def _backends(found: ServerStatus) -> Table:
    table = Table(("BACKEND", "ZONES", "OFFERS", "SEEN", "ERROR"), optional=("ERROR",))
    for backend in found.backends:
        seen = units.ago(backend.as_of, units.now()) or "never"
        alone = [
            f"{circuit.region or 'its API'} paused after repeated failures: {circuit.message}"
            for circuit in backend.circuits
        ]
        table.add(
            backend.name,
            str(backend.zones),
            str(backend.offers),
            seen,
            "; ".join(filter(None, [backend.error, *alone])),
        )
    return table
