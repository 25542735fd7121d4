"""`atoll server orphans`: resources on the backends without a record on this server."""

import click

from atoll.cli import errors, terminal
from atoll.cli.noun import json_option
from atoll.cli.output import print_json
from atoll.cli.question import confirm
from atoll.cli.table import Table
from atoll.client import connect
from atoll.wire.api import OrphanView


@click.command()
@click.option("--terminate", is_flag=True, help="Delete them; a volume with its data.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def orphans(terminate: bool, yes: bool, as_json: bool) -> int:
    """Show resources with this server's tag that the server has no record of.

    A database restored from an older state may lack machines that still cost money. Exits with code 1 when there
    are any and they were not deleted.
    """
    client = connect()
    found = client.orphans()
    if not as_json:
        _show(found)
    if found and terminate:
        confirm(f"Delete {'it' if len(found) == 1 else f'these {len(found)}'}?", yes=yes)
        shown, found = found, client.end_orphans(found)
        if not as_json:
            kept = len(shown) - len(found)
            others = f"; {kept} are gone or have a record by now" if kept else ""
            terminal.out(f"deleted {len(found)}{others}")
    if as_json:
        print_json(found)
    return errors.FAILED if found and not terminate else 0


def _show(found: list[OrphanView]) -> None:
    if not found:
        terminal.out("every resource has its record")
        return
    table = Table(("KIND", "BACKEND", "ZONE", "ID", "RECORD"))
    for one in found:
        table.add(one.kind, one.zone.backend, str(one.zone), one.backend_id, one.token)
    table.print()
