"""`atoll user`: who may use the server."""

import click

from atoll.cli import terminal, units
from atoll.cli.noun import NounGroup, json_option, print_json
from atoll.cli.question import confirm
from atoll.cli.table import Table
from atoll.client import connect


@click.group(cls=NounGroup)
def user() -> None:
    """Show and change users, for admins; without a command: list."""


@user.command("list")
@json_option
def list_users(as_json: bool) -> None:
    """Show all users with their roles."""
    found = connect().users()
    if as_json:
        print_json(found)
        return
    table = Table(("NAME", "ADMIN", "PROJECTS", "CREATED"))
    for one in found:
        roles = ", ".join(f"{name} ({role})" for name, role in sorted(one.roles.items()))
        table.add(one.name, "yes" if one.admin else "no", roles or "-", units.ago(one.created_at, units.now()))
    table.print()


@user.command("create")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May do everything.")
def create_user(name: str, admin: bool) -> None:
    """Make a user, who needs a token and a project then."""
    connect().create_user(name, admin=admin)
    terminal.out(
        f"user {name} is made; next: `atoll token create --user {name} NAME`, `atoll project add-member {name}`"
    )


@user.command("delete")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_user(name: str, yes: bool) -> None:
    """Remove a user with memberships and tokens; what the user has applied stays."""
    confirm(f"Delete user {name} with all tokens?", yes=yes)
    connect().delete_user(name)
    terminal.out(f"user {name} is deleted")
