"""`atoll volume`: network disks, each with its zone."""

from datetime import datetime

import click

from atoll.cli import units
from atoll.cli.completion import existing
from atoll.cli.noun import NounGroup, add_deletion, json_option, print_json, verbose_option, watch_option
from atoll.cli.table import Table
from atoll.client import connect
from atoll.wire.api import VolumeView


@click.group(cls=NounGroup)
def volume() -> None:
    """Show volumes. Default: list."""


@volume.command("list")
@watch_option
@verbose_option
@json_option
def list_volumes(verbose: bool, as_json: bool) -> None:
    """List all volumes."""
    found = connect().volumes()
    print_json(found) if as_json else volume_table(found, units.now(), verbose).print()


@volume.command("get")
@click.argument("name", shell_complete=existing("volume"))
@verbose_option
@json_option
def get_volume(name: str, verbose: bool, as_json: bool) -> None:
    """Show one volume."""
    found = connect().volume(name)
    print_json(found) if as_json else volume_table([found], units.now(), verbose).print()


add_deletion(volume, "volume", "volumes with their data")


def volume_table(volumes: list[VolumeView], at: datetime, verbose: bool) -> Table:
    """The key facts; `verbose` adds region, zone id, volume id, price, binding, age."""
    if verbose:
        return _details(volumes, at)
    table = Table(("NAME", "SIZE", "BACKEND", "ZONE", "STATUS", "ATTACHED", "ERROR"), optional=("ERROR",))
    for one in volumes:
        zone, attached = units.place(one.zone), ", ".join(one.attached_to) or "-"
        table.add(one.name, units.gigabytes(one.size_gb), one.backend or "-", zone, one.status, attached, one.message)
    return table


def _details(volumes: list[VolumeView], at: datetime) -> Table:
    headings = (
        *("NAME", "SIZE", "BACKEND", "REGION", "ZONE", "ZONE ID", "STATUS", "ATTACHED", "CREATED", "PRICE"),
        *("BINDING", "VOLUME ID", "ERROR"),
    )
    table = Table(headings, optional=("ZONE ID", "ERROR"))
    for one in volumes:
        region = one.zone.region if one.zone else "-"
        identity = f"{one.id} ({one.backend_id})" if one.backend_id else one.id
        table.add(one.name, units.gigabytes(one.size_gb), one.backend or "-", region, units.place(one.zone),
                  units.zone_id(one.zone), one.status, ", ".join(one.attached_to) or "-", units.ago(one.created_at, at),
                  units.price(one.price), one.binding, identity, one.message)  # fmt: skip
    return table
