"""`atoll login` and `atoll logout`: the server that commands use, and the user."""

import os

import click

from atoll.cli import terminal
from atoll.cli.errors import CommandError
from atoll.cli.hidden import read_hidden
from atoll.client import Client, logins
from atoll.client.logins import Login
from atoll.wire.access import UserView


@click.command()
@click.argument("url")
def login(url: str) -> None:
    """Log in to the server at URL.

    Prompts for a token, or reads it from standard input. ATOLL_SERVER_URL, ATOLL_TOKEN and ATOLL_PROJECT
    take precedence.
    """
    token = read_hidden("Token").strip()
    found = Client(url, token).me()
    kept = Login(url, token, os.environ.get("ATOLL_PROJECT") or _first(found))
    try:
        file = logins.write(kept)
    except OSError as error:
        raise CommandError(f"cannot write {error.filename}: {error.strerror}", "set ATOLL_CONFIG_HOME") from error
    what = "an admin" if found.admin else f"in {', '.join(sorted(found.roles)) or 'no project yet'}"
    terminal.out(f"logged in to {url} as {found.name} ({what}), project {kept.project}; kept in {file}")


@click.command(short_help="Log out, and use this machine's own server again.")
def logout() -> None:
    """Log out: use this machine's own server again, and delete the kept token."""
    try:
        gone = logins.forget()
    except OSError as error:
        raise CommandError(f"cannot remove {error.filename}: {error.strerror}") from error
    terminal.out("logged out" if gone else "not logged in")


def _first(user: UserView) -> str:
    return "main" if user.admin or "main" in user.roles or not user.roles else min(user.roles)
