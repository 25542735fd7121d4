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
    """Manage projects and their members. Default: list."""


@project.command("list")
@json_option
def list_projects(as_json: bool) -> None:
    """List the projects that you can see, with your role."""
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
    """Create a project. Admins only."""
    connect().create_project(name)
    terminal.out(f"created project {name}; add members with `atoll --project {name} project add-member USER`")


@project.command("delete")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_project(name: str, yes: bool) -> None:
    """Delete an empty project with its memberships and secrets. The name cannot be reused. Admins only."""
    confirm(f"Delete project {name} with its secrets?", yes=yes)
    connect().delete_project(name)
    terminal.out(f"project {name} is deleted")


@project.command("members")
@json_option
def list_members(as_json: bool) -> None:
    """List the project's members."""
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
    help="The member's role.",
)
def add_member(user: str, role: str) -> None:
    """Add a user to the project, or change the role. Managers only."""
    client = connect()
    client.set_member(user, Role(role))
    terminal.out(f"{user} is {role} in {client.project}")


@project.command("remove-member")
@click.argument("user")
def remove_member(user: str) -> None:
    """Remove a user from the project. Managers only."""
    client = connect()
    client.remove_member(user)
    terminal.out(f"removed {user} from {client.project}")
