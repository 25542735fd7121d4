"""`atoll server backup|restore`: save this machine's server database to a file, and restore it."""

import os
import subprocess
import sys
from pathlib import Path

import click

from atoll.cli.errors import CommandError
from atoll.client import Client, autostart, location

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
def backup(file: Path, force: bool) -> int:
    """Save the database to FILE while the server runs.

    The file holds all records; only its owner can read it. Job logs, the configuration and the key of the secrets are
    files in the data folder: back them up too. For PostgreSQL, the command names the tools to use.
    """
    return _run("backup", file, ["--force"] if force else [])


@click.command()
@click.argument("file", type=_FILE)
def restore(file: Path) -> int:
    """Replace this server's database with the one in FILE. The server must be stopped.

    The former database is kept beside it. Changes since the backup are lost: `atoll server orphans` shows the resources
    that still cost money but are no longer tracked.
    """
    return _run("restore", file, [])


def _run(action: str, file: Path, options: list[str]) -> int:
    """Runs in a process of its own: the command line does not import the store."""
    if location.remote() is not None:
        raise CommandError("ATOLL_SERVER_URL points to another server", f"run `atoll server {action}` where it runs")
    folder = location.home()
    known = autostart.running(folder)
    environment = dict(os.environ)
    if known is not None:
        environment["ATOLL_DATABASE_URL"] = Client(known.address, known.token).status().database
    command = [sys.executable, "-m", "atoll.server.backup", action, *options, "--home", str(folder), "--", str(file)]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
