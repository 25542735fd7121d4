"""`atoll project`: projects and their members."""

from datetime import datetime

import click

from atoll.cli import terminal, units
from atoll.cli.noun import NounGroup
from atoll.cli.output import Output, output_options
from atoll.cli.question import confirm
from atoll.cli.table import Table
from atoll.client import connect
from atoll.model.access import Role
from atoll.wire.access import MemberView, ProjectView


@click.group(cls=NounGroup)
def project() -> None:
    """Manage projects and their members. Default: list."""


@project.command("list")
@output_options
def list_projects(output: Output) -> None:
    """List the projects that you can see, with your role."""
    client = connect()

    def tabulate(projects: list[ProjectView], at: datetime, _: bool) -> Table:
        table = Table(("NAME", "ROLE", "CREATED", ""), optional=("",))
        for one in projects:
            here = "(current)" if one.name == client.project else ""
            table.add(one.name, one.role, units.ago(one.created_at, at) or "-", here)
        return table

    output.show_all(client.projects(), tabulate)


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
@output_options
def list_members(output: Output) -> None:
    """List the project's members."""
    output.show_all(connect().members(), _member_table, empty="no members: admins see every project")


def _member_table(members: list[MemberView], _: datetime, __: bool) -> Table:
    table = Table(("USER", "ROLE"))
    for member in members:
        table.add(member.user, member.role)
    return table


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
