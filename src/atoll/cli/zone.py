"""`atoll zone`: the zones of all backends, what they hold, closing them, and simulated outages."""

from collections.abc import Sequence
from datetime import datetime

import click

from atoll.cli import terminal, units
from atoll.cli.closing import cordon, drain, evacuate, open_zone, uncordon
from atoll.cli.completion import existing
from atoll.cli.errors import CommandError
from atoll.cli.noun import NounGroup, watch_option
from atoll.cli.output import Output, output_options
from atoll.cli.places import find
from atoll.cli.table import Table
from atoll.client import connect
from atoll.model.offer import Market
from atoll.model.zone import Capacity, ZoneState
from atoll.wire.api import ObservedView, ZoneView


@click.group(cls=NounGroup)
def zone() -> None:
    """Show zones, close and open them, and simulate outages. Default: list."""


@zone.command("list")
@watch_option
@output_options
def list_zones(output: Output) -> None:
    """List the zones of all configured backends."""
    output.show_all(connect().zones(), zone_table, empty="no zones: `atoll server status` says what the backends list")


@zone.command("get")
@click.argument("name", shell_complete=existing("zone"))
@output_options
def get_zone(name: str, output: Output) -> None:
    """Show one zone, by its name, its id or BACKEND/REGION/ZONE, and how launches there went in the last seven days."""
    client = connect()
    found = find(client, name)
    if found.state is not ZoneState.GONE:
        found = client.zone(found.zone)
    if output.show_one(found, zone_table) and found.observed:
        terminal.out("")
        _observed(found.observed, units.now()).print()


@zone.command("fail")
@click.argument("name", shell_complete=existing("zone"))
def fail(name: str) -> None:
    """Simulate a zone outage: kill its instances and refuse new ones."""
    client = connect()
    view = client.fail_zone(_faulty(find(client, name)).zone)
    terminal.out(f"zone {view.zone}: {view.state}\n  `atoll zone restore {view.zone}` brings it back")


@zone.command("restore")
@click.argument("name", shell_complete=existing("zone"))
def restore(name: str) -> None:
    """End a simulated zone outage."""
    client = connect()
    view = client.restore_zone(_faulty(find(client, name)).zone)
    terminal.out(f"zone {view.zone}: {view.state}")


for command in (cordon, drain, evacuate, open_zone, uncordon):
    zone.add_command(command)


def zone_table(zones: list[ZoneView], at: datetime, verbose: bool) -> Table:
    """The key facts; `verbose` adds region, zone id, kind, offers and when it was last seen."""
    if verbose:
        return _details(zones, at)
    table = Table(
        ("ZONE", "BACKEND", "STATE", "USED", "INSTANCES", "VOLUMES", "QUOTA LEFT", "REASON"),
        optional=("QUOTA LEFT", "REASON"),
    )
    for view in zones:
        table.add(str(view.zone), view.zone.backend, view.state, _used(view), str(view.instances), str(view.volumes),
                  _quota(view), _reason(view))  # fmt: skip
    return table


def _details(zones: list[ZoneView], at: datetime) -> Table:
    headings = (
        *("BACKEND", "REGION", "ZONE", "ZONE ID", "KIND", "STATE", "USED", "INSTANCES", "VOLUMES", "OFFERS"),
        *("SEEN", "CAN FAIL", "QUOTA LEFT", "REASON"),
    )
    table = Table(headings, optional=("ZONE ID", "QUOTA LEFT", "REASON"))
    for view in zones:
        zone = view.zone
        table.add(zone.backend, zone.region, str(zone), units.zone_id(zone), zone.kind, view.state, _used(view),
                  str(view.instances), str(view.volumes), str(view.offers), units.ago(view.as_of, at),
                  "yes" if view.faults else "no", _quota(view), _reason(view))  # fmt: skip
    return table


def _observed(observed: Sequence[ObservedView], at: datetime) -> Table:
    headings = ("TYPE", "MARKET", "LAUNCHED", "REFUSED", "INTERRUPTED", "TO ACTIVE", "LAST REFUSAL")
    table = Table(headings, optional=("INTERRUPTED", "LAST REFUSAL"))
    for one in observed:
        seconds = "-" if one.seconds is None else f"{one.seconds:.3g} s"
        refusal = f"{one.refusal}, {units.ago(one.refused_at, at)}" if one.refused_at else ""
        table.add(one.instance_type, one.market, f"{one.launched} of {one.attempts}", str(one.refused),
                  str(one.interrupted or ""), seconds, refusal)  # fmt: skip
    return table


def _faulty(view: ZoneView) -> ZoneView:
    if view.state is ZoneState.GONE:
        raise CommandError(f"zone {view.zone} takes no new work anyway: {view.reason}", "see `atoll zone`")
    if not view.faults:
        raise CommandError(f"the {view.zone.backend} backend does not support simulated outages", "only `local` does")
    return view


def _used(view: ZoneView) -> str:
    """`2 of 16 CPUs, 8 of 64GB`; only the first figure of what has no declared total."""
    total, used = view.capacity or Capacity(), view.used
    cpus, memory = units.number(used.cpus), units.number(used.memory_gb)
    parts = [
        f"{cpus} of {units.number(total.cpus)} CPUs" if total.cpus else f"{cpus} CPUs",
        f"{memory} of {units.gigabytes(total.memory_gb)}" if total.memory_gb else units.gigabytes(used.memory_gb),
    ]
    return ", ".join(parts + _gpus(total, used))


def _gpus(total: Capacity, used: Capacity) -> list[str]:
    return [f"{units.number(used.gpus)} of {units.number(total.gpus)} GPUs"] if total.gpus else []


def _quota(view: ZoneView) -> str:
    """`4 of 32 vCPUs`, for each market that has a quota."""
    several = len(view.quotas) > 1
    return ", ".join(
        f"{units.number(max(0, q.limit_cpus - q.used_cpus))} of {units.number(q.limit_cpus)} vCPUs"
        + (f" {q.market}" if several or q.market is not Market.ON_DEMAND else "")
        for q in view.quotas
    )


def _reason(view: ZoneView) -> str:
    reason = f"{view.reason}, until {units.until(view.until)}".strip(", ") if view.until else view.reason
    return "; ".join(filter(None, (reason, *view.stale)))
