"""`atoll secret`: values that runs receive and users cannot read back."""

import click

from atoll.cli import terminal, units
from atoll.cli.hidden import read_hidden
from atoll.cli.noun import NounGroup, json_option, print_json
from atoll.cli.question import confirm
from atoll.cli.table import Table
from atoll.client import connect


@click.group(cls=NounGroup)
def secret() -> None:
    """Manage the project's secrets. Default: list."""


@secret.command("list")
@json_option
def list_secrets(as_json: bool) -> None:
    """List the secrets by name; values are never shown."""
    found = connect().secrets()
    if as_json:
        print_json(found)
        return
    table = Table(("NAME", "SET", "BY"))
    for one in found:
        table.add(one.name, units.ago(one.updated_at, units.now()), one.updated_by)
    table.print()


@secret.command("set")
@click.argument("name")
def set_secret(name: str) -> None:
    """Set a secret, for `${{ secrets.NAME }}` in `env`. Managers only.

    Prompts for the value, or reads it from standard input.
    """
    client = connect()
    client.set_secret(name, read_hidden("Value"))
    terminal.out(f"secret {name} is set in {client.project}")


@secret.command("delete")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_secret(name: str, yes: bool) -> None:
    """Delete a secret. Managers only."""
    confirm(f"Delete secret {name}?", yes=yes)
    connect().delete_secret(name)
    terminal.out(f"secret {name} is deleted")
