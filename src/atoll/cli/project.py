"""`atoll project`: projects and their members."""

import click

from atoll.cli import terminal, units
from atoll.cli.noun import NounGroup, json_option, print_json
from atoll.cli.question import confirm
from atoll.cli.table import Table
from atoll.client import connect
from atoll.model.access import Role


@click.group(cls=NounGroup)
def project() -> None:
    """Show and change projects and their members; without a command: list."""


@project.command("list")
@json_option
def list_projects(as_json: bool) -> None:
    """Show the projects that you may see, and what you are in them."""
    client = connect()
    found = client.projects()
    if as_json:
        print_json(found)
        return
    table = Table(("NAME", "ROLE", "CREATED", ""), optional=("",))
    for one in found:
        here = "(current)" if one.name == client.project else ""
        table.add(one.name, one.role, units.ago(one.created_at, units.now()) or "-", here)
    table.print()


@project.command("create")
@click.argument("name")
def create_project(name: str) -> None:
    """Make a project. For admins."""
    connect().create_project(name)
    terminal.out(f"project {name} is made; add members with `atoll --project {name} project add-member USER`")


@project.command("delete")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_project(name: str, yes: bool) -> None:
    """End an empty project with its memberships and secrets. Its name is not given again. For admins."""
    confirm(f"Delete project {name} with its secrets?", yes=yes)
    connect().delete_project(name)
    terminal.out(f"project {name} is deleted")


@project.command("members")
@json_option
def list_members(as_json: bool) -> None:
    """Show who is in the project."""
    found = connect().members()
    if as_json:
        print_json(found)
        return
    table = Table(("USER", "ROLE"))
    for one in found:
        table.add(one.user, one.role)
    table.print()


@project.command("add-member")
@click.argument("user")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.USER.value,
    show_default=True,
    help="What the member may do.",
)
def add_member(user: str, role: str) -> None:
    """Take a user into the project, or change the role. For managers."""
    client = connect()
    client.set_member(user, Role(role))
    terminal.out(f"{user} is {role} in {client.project}")


@project.command("remove-member")
@click.argument("user")
def remove_member(user: str) -> None:
    """Take a user out of the project. For managers."""
    client = connect()
    client.remove_member(user)
    terminal.out(f"{user} is in {client.project} no more")
