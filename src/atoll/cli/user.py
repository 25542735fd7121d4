"""`atoll user`: the server's users."""

from datetime import datetime

import click

from atoll.cli import terminal, units
from atoll.cli.noun import NounGroup
from atoll.cli.output import Output, output_options
from atoll.cli.question import confirm
from atoll.cli.table import Table
from atoll.client import connect
from atoll.wire.access import UserView


@click.group(cls=NounGroup)
def user() -> None:
    """Manage users (admins only). Default: list."""


@user.command("list")
@output_options
def list_users(output: Output) -> None:
    """List all users with their roles."""
    output.show_all(connect().users(), _user_table)


def _user_table(users: list[UserView], at: datetime, _: bool) -> Table:
    table = Table(("NAME", "ADMIN", "PROJECTS", "CREATED"))
    for one in users:
        roles = ", ".join(f"{name} ({role})" for name, role in sorted(one.roles.items()))
        table.add(one.name, "yes" if one.admin else "no", roles or "-", units.ago(one.created_at, at))
    return table


@user.command("create")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make the user an admin.")
def create_user(name: str, admin: bool) -> None:
    """Create a user. Next, create a token and add the user to a project."""
    connect().create_user(name, admin=admin)
    terminal.out(
        f"created user {name}; next: `atoll token create --user {name} NAME`, `atoll project add-member {name}`"
    )


@user.command("delete")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_user(name: str, yes: bool) -> None:
    """Delete a user with their memberships and tokens. What the user applied is kept."""
    confirm(f"Delete user {name} with all tokens?", yes=yes)
    connect().delete_user(name)
    terminal.out(f"user {name} is deleted")
