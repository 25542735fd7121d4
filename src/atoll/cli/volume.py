"""`atoll volume`: network disks, each with its zone."""

from datetime import datetime

import click

from atoll.cli import units
from atoll.cli.completion import existing
from atoll.cli.noun import NounGroup, add_deletion, watch_option
from atoll.cli.output import Output, output_options
from atoll.cli.table import Table
from atoll.client import connect
from atoll.wire.api import VolumeView


@click.group(cls=NounGroup)
def volume() -> None:
    """Show volumes. Default: list."""


@volume.command("list")
@watch_option
@output_options
def list_volumes(output: Output) -> None:
    """List all volumes."""
    output.show_all(connect().volumes(), volume_table, empty="no volumes: a file with `type: volume` makes one")


@volume.command("get")
@click.argument("name", shell_complete=existing("volume"))
@output_options
def get_volume(name: str, output: Output) -> None:
    """Show one volume."""
    output.show_one(connect().volume(name), volume_table)


add_deletion(volume, "volume", "volumes with their data")


def volume_table(volumes: list[VolumeView], at: datetime, verbose: bool) -> Table:
    """The key facts; `verbose` adds region, zone id, volume id, binding, age."""
    if verbose:
        return _details(volumes, at)
    table = Table(("NAME", "SIZE", "BACKEND", "ZONE", "STATUS", "ATTACHED", "ERROR"), optional=("ERROR",))
    for one in volumes:
        zone, attached = units.place(one.zone), ", ".join(one.attached_to) or "-"
        table.add(one.name, units.gigabytes(one.size_gb), one.backend or "-", zone, one.status, attached, one.message)
    return table


def _details(volumes: list[VolumeView], at: datetime) -> Table:
    headings = (
        *("NAME", "SIZE", "BACKEND", "REGION", "ZONE", "ZONE ID", "STATUS", "ATTACHED", "CREATED"),
        *("BINDING", "VOLUME ID", "ERROR"),
    )
    table = Table(headings, optional=("ZONE ID", "ERROR"))
    for one in volumes:
        region = one.zone.region if one.zone else "-"
        identity = f"{one.id} ({one.backend_id})" if one.backend_id else one.id
        table.add(one.name, units.gigabytes(one.size_gb), one.backend or "-", region, units.place(one.zone),
                  units.zone_id(one.zone), one.status, ", ".join(one.attached_to) or "-", units.ago(one.created_at, at),
                  one.binding, identity, one.message)  # fmt: skip
    return table
