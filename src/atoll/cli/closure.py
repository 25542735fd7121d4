"""`atoll closure`: the zones that are closed, by whom, why and until when."""

from datetime import datetime

import click

from atoll.cli import units
from atoll.cli.errors import CommandError
from atoll.cli.noun import NounGroup
from atoll.cli.output import Output, output_options
from atoll.cli.table import Table
from atoll.client import Client, connect
from atoll.model.records import ClosureKind
from atoll.wire.closures import ClosureView


@click.group(cls=NounGroup)
def closure() -> None:
    """Show closed zones. Default: list."""


@closure.command("list")
@click.option("-a", "--all", "ended", is_flag=True, help="Include closures that have ended.")
@output_options
def list_closures(ended: bool, output: Output) -> None:
    """List the zones that are closed."""
    output.show_all(connect().closures(ended=ended), closure_table, empty="no zone is closed")


@closure.command("get")
@click.argument("name")
@output_options
def get_closure(name: str, output: Output) -> None:
    """Show the newest closure of a zone, or one closure by its id."""
    output.show_one(_find(connect(), name), closure_table)


def closure_table(closures: list[ClosureView], at: datetime, verbose: bool) -> Table:
    """The key facts; `verbose` adds id, backend, region, creation, deadline and end."""
    if not verbose:
        headings = ("ZONE", "KIND", "STATE", "LEFT", "FOR", "UNTIL", "BY", "REASON", "REMAINS")
        table = Table(headings, optional=("LEFT", "REASON", "REMAINS"))
        for one in closures:
            table.add(str(one.zone), one.operation, one.state, _progress(one), _scope(one), units.until(one.until),
                      one.actor, one.reason, one.message)  # fmt: skip
        return table
    details = (
        *("ID", "BACKEND", "REGION", "ZONE", "KIND", "STATE", "LEFT", "FOR", "CREATED", "DEADLINE", "UNTIL", "ENDED"),
        *("BY", "REASON", "REMAINS"),
    )
    table = Table(details, optional=("LEFT", "DEADLINE", "ENDED", "REASON", "REMAINS"))
    for one in closures:
        table.add(one.id, one.zone.backend, one.zone.region, str(one.zone), one.operation, one.state, _progress(one),
                  _scope(one), units.ago(one.created_at, at), units.until(one.deadline), units.until(one.until),
                  units.ago(one.ended_at, at), one.actor, one.reason, one.message)  # fmt: skip
    return table


def _find(client: Client, name: str) -> ClosureView:
    closures = client.closures(ended=True)
    found = [one for one in closures if name.casefold() in (one.id, str(one.zone).casefold())]
    if not found:
        raise CommandError(f"there is no closure of a zone `{name}`", "see `atoll closure list --all`")
    return found[-1]


def _scope(one: ClosureView) -> str:
    return f"project {one.project}" if one.project else "all projects"


def _progress(one: ClosureView) -> str:
    """`2 of 6`: how many of the instances have left the zone."""
    return "" if one.operation is ClosureKind.CORDON else f"{one.gone} of {one.total}"
