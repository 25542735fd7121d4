"""`atoll fleet` and `atoll instance`: fleets and their instances."""

from datetime import datetime

import click

from atoll.cli import terminal, units
from atoll.cli.completion import existing
from atoll.cli.errors import CommandError
from atoll.cli.noun import NounGroup, add_deletion, watch_option
from atoll.cli.output import Output, output_options
from atoll.cli.rebalance import rebalance
from atoll.cli.table import Table, block
from atoll.client import connect
from atoll.wire.api import FleetView, InstanceView

READY = ("idle", "busy", "active")
"""The states of an instance that can do work."""
HEADINGS = ("NAME", "NODES", "PLACEMENT", "ZONES", "STATUS", "CREATED", "NOTE")
DETAILS = (
    *("BACKEND", "REGION", "ZONE", "ZONE ID", "TYPE", "RESOURCES", "MARKET", "PRICE", "STATUS", "CREATED"),
    *("VOLUMES", "ID", "MESSAGE"),
)


@click.group(cls=NounGroup)
def fleet() -> None:
    """Show fleets and their instances. Default: list."""


@fleet.command("list")
@watch_option
@output_options
def list_fleets(output: Output) -> None:
    """Show all fleets, each with its instances."""
    output.show_all(connect().fleets(), fleet_table, empty="no fleets: `atoll init` writes a first file")


@fleet.command("get")
@click.argument("name", shell_complete=existing("fleet"))
@output_options
def get_fleet(name: str, output: Output) -> None:
    """Show one fleet."""
    output.show_one(connect().fleet(name), fleet_table)


@fleet.command("retry")
@click.argument("name", shell_complete=existing("fleet"))
def retry_fleet(name: str) -> None:
    """Retry a fleet that waits or is on hold, without further pause.

    Remembered failures still leave their zones out.
    """
    connect().retry_fleet(name)
    terminal.out(f"fleet {name}: trying again; `atoll event -f` follows it")


fleet.add_command(rebalance)
add_deletion(fleet, "fleet", "fleets with their machines")


@click.group(cls=NounGroup)
def instance() -> None:
    """Show the instances of all fleets. Default: list."""


@instance.command("list")
@watch_option
@output_options
def list_instances(output: Output) -> None:
    """Show the instances of all fleets."""
    output.show_all(connect().instances(), instance_table, empty="no instances: fleets and runs make them")


@instance.command("get")
@click.argument("name")
@output_options
def get_instance(name: str, output: Output) -> None:
    """Show one instance, by its name (FLEET-NODE) or id."""
    found = [one for one in connect().instances() if name in (one.name, one.id)]
    if not found:
        raise CommandError(f"there is no instance `{name}`", "see `atoll instance`")
    output.show_one(found[0], instance_table)


def ready(view: FleetView) -> int:
    """How many instances of a fleet can do work."""
    return sum(one.status in READY for one in view.instances)


def size(view: FleetView) -> str:
    """How many of the requested nodes can do work, and how many are spare: `6/6 + 3 spare`."""
    spare = max(0, ready(view) - view.nodes) if view.spare else 0
    return f"{ready(view) - spare}/{view.nodes}" + (f" + {spare} spare" if spare else "")


def note(view: FleetView) -> str:
    """What is worth a note: why it waits, and what is uneven."""
    return "; ".join(part for part in (view.message, view.note) if part)


def placement(view: FleetView) -> str:
    """How the nodes lie: `spread, skew 0`."""
    return f"{view.strategy}, skew {view.skew}" if view.strategy == "spread" else view.strategy


def fleet_table(fleets: list[FleetView], at: datetime, verbose: bool = False) -> Table:
    """The key facts: a line for each fleet and, below it, for each instance; `verbose` adds all others."""
    if verbose:
        return _fleet_details(fleets, at)
    table = Table(HEADINGS, optional=("NOTE",))
    for view in fleets:
        zones = units.zone_counts(one.zone for one in view.instances)
        table.add(
            view.name,
            size(view),
            placement(view),
            zones or "-",
            view.status,
            units.ago(view.created_at, at),
            note(view),
        )
        places = block([[str(one.zone), one.instance_type, units.price(one.price)] for one in view.instances])
        for one, where in zip(view.instances, places, strict=True):
            table.add(f" {one.node}", "", "", where, one.status, _work(one), one.message)
    return table


def _fleet_details(fleets: list[FleetView], at: datetime) -> Table:
    """Everything: the region beside the zone, ids, prices, errors."""
    table = Table(("NAME", "NODES", "PLACEMENT", *DETAILS), optional=("ZONE ID", "VOLUMES", "MESSAGE"))
    for view in fleets:
        created = units.ago(view.created_at, at)
        count = size(view)
        zones = units.zone_counts(one.zone for one in view.instances)
        owner = "made for runs" if view.auto_created else ""
        price = units.price(view.price)
        message = ". ".join(part for part in (owner, note(view)) if part)
        table.add(view.name, count, placement(view), "", "", zones, "", "", "", "", price, view.status, created,
                  "", view.id, message)  # fmt: skip
        for one in view.instances:
            table.add(f" {one.node}", "", "", *_details(one, at))
    return table


def instance_table(instances: list[InstanceView], at: datetime, verbose: bool) -> Table:
    """Instances by themselves, each with its fleet."""
    if verbose:
        table = Table(("NAME", "FLEET", *DETAILS), optional=("ZONE ID", "VOLUMES", "MESSAGE"))
        for one in instances:
            table.add(one.name, one.fleet, *_details(one, at))
        return table
    table = Table(("NAME", "FLEET", "ZONE", "TYPE", "PRICE", "STATUS", "RUNS", "CREATED"), optional=("RUNS",))
    for one in instances:
        created = units.ago(one.created_at, at)
        runs = ", ".join(one.runs)
        price = units.price(one.price)
        table.add(one.name, one.fleet, str(one.zone), one.instance_type, price, one.status, runs, created)
    return table


def _details(one: InstanceView, at: datetime) -> list[str]:
    zone = one.zone
    identity = f"{one.id} ({one.backend_id})" if one.backend_id else one.id
    message = one.message or one.reason or _work(one)
    return [zone.backend, zone.region, zone.name, units.zone_id(zone), one.instance_type,
            units.machine(one.cpus, one.memory_gb, one.gpu), one.market, units.price(one.price), one.status,
            units.ago(one.created_at, at), ", ".join(one.volumes), identity, message]  # fmt: skip


def _work(one: InstanceView) -> str:
    return f"(run {', '.join(one.runs)})" if one.runs else ""
