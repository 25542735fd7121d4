"""`atoll server logs`: the log of this machine's server."""

import time
from pathlib import Path
from typing import BinaryIO

import click

from atoll.cli import terminal
from atoll.cli.errors import CommandError
from atoll.cli.own_server import own_folder
from atoll.client import autostart

BLOCK_BYTES = 64 * 1024
POLL_SECONDS = 0.2


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Print what is added, until Ctrl-C.")
@click.option("--tail", type=click.IntRange(min=0), default=100, show_default=True,
              help="Print this many of the last lines.")  # fmt: skip
def logs(follow: bool, tail: int) -> None:
    """Show the log of this machine's server.

    Each line has its time in UTC. A server that runs in the foreground, or under systemd, writes its log there
    instead: see `journalctl -u atoll`.
    """
    path = own_folder() / autostart.LOG_FILE
    try:
        with path.open("rb") as file:
            last = last_lines(file, tail)
            if last:
                terminal.out(last)
            if follow:
                _follow(path, file)
    except FileNotFoundError:
        raise CommandError(f"there is no log {path}", "a server that a command starts writes it") from None
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except KeyboardInterrupt:
        return


def last_lines(file: BinaryIO, count: int) -> str:
    """The last `count` lines of a file, read from its end; the file is then at its end."""
    end = at = file.seek(0, 2)
    found = b""
    while at > 0 and found.count(b"\n") <= count:
        at = max(0, at - BLOCK_BYTES)
        file.seek(at)
        found = file.read(min(BLOCK_BYTES, end - at)) + found
        end = at
    file.seek(0, 2)
    lines = found.decode(errors="replace").splitlines()
    return "\n".join(lines[-count:] if count else [])


def _follow(path: Path, file: BinaryIO) -> None:
    """Print whole lines as they are added; a log that became shorter is read from its start."""
    rest = b""
    while True:
        if path.stat().st_size < file.tell():
            file.seek(0)
            rest = b""
        *lines, rest = (rest + file.read()).split(b"\n")
        for line in lines:
            terminal.out(line.decode(errors="replace"))
        time.sleep(POLL_SECONDS)
