"""`atoll secret`: values that runs receive and users cannot read back."""

from datetime import datetime

import click

from atoll.cli import terminal, units
from atoll.cli.hidden import read_hidden
from atoll.cli.noun import NounGroup
from atoll.cli.output import Output, output_options
from atoll.cli.question import confirm
from atoll.cli.table import Table
from atoll.client import connect
from atoll.wire.access import SecretView


@click.group(cls=NounGroup)
def secret() -> None:
    """Manage the project's secrets. Default: list."""


@secret.command("list")
@output_options
def list_secrets(output: Output) -> None:
    """List the secrets by name; values are never shown."""
    output.show_all(connect().secrets(), _secret_table, empty="no secrets: `atoll secret set NAME` sets one")


def _secret_table(secrets: list[SecretView], at: datetime, _: bool) -> Table:
    table = Table(("NAME", "SET", "BY"))
    for one in secrets:
        table.add(one.name, units.ago(one.updated_at, at), one.updated_by)
    return table


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
