"""`atoll server backup|restore`: the database of this machine's server to a file, and back."""

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
@click.option("--force", is_flag=True, help="Replace the file where it exists.")
def backup(file: Path, force: bool) -> int:
    """Keep the database in FILE, while the server works.

    The file holds all records, and is readable by its owner alone. Logs of jobs, the configuration and the key of the
    secrets are files of the data folder: keep them too. PostgreSQL has tools of its own; the command says which.
    """
    return _run("backup", file, ["--force"] if force else [])


@click.command()
@click.argument("file", type=_FILE)
def restore(file: Path) -> int:
    """Put the database of FILE in the place of this server's, which must be stopped.

    The former database is kept beside it. What happened since the backup is forgotten: `atoll server orphans` shows
    the resources that cost money and that nobody remembers.
    """
    return _run("restore", file, [])


def _run(action: str, file: Path, options: list[str]) -> int:
    """In a process that knows the store, which the command line does not."""
    if location.remote() is not None:
        raise CommandError("ATOLL_SERVER_URL points to another server", f"run `atoll server {action}` where it runs")
    folder = location.home()
    known = autostart.running(folder)
    environment = dict(os.environ)
    if known is not None:
        environment["ATOLL_DATABASE_URL"] = Client(known.address, known.token).status().database
    command = [sys.executable, "-m", "atoll.server.backup", action, *options, "--home", str(folder), "--", str(file)]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
