"""`atoll offer`: instance types, zones and prices."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from atoll.cli import terminal, units
from atoll.cli.output import Output, output_options
from atoll.cli.table import Table
from atoll.client import Client, connect
from atoll.wire.api import OfferGroup, OfferQuery, OfferView

SHARED = (
    "the zones of `local` share the CPUs and the memory of this machine: their capacities are declared, not measured"
)
MOST = 10_000


@click.command()
@click.option("--cpu", metavar="RANGE", help="CPUs, as in configurations: `4..8`, `arm:4..`.")
@click.option("--memory", metavar="RANGE", help="Memory: `16GB..`.")
@click.option("--gpu", metavar="GPU", help="GPUs: `H100:8`, `24GB..`.")
@click.option("--backend", metavar="NAME", multiple=True, help="Only this backend. May be repeated.")
@click.option("--region", metavar="NAME", multiple=True, help="Only this region. May be repeated.")
@click.option("--zone", metavar="NAME", multiple=True, help="Only this zone, by name, id or pattern. May be repeated.")
@click.option("--instance-type", metavar="NAME", multiple=True, help="Only this instance type. May be repeated.")
@click.option("--spot", "spot", flag_value="spot", help="Only spot offers.")
@click.option("--on-demand", "spot", flag_value="on-demand", help="Only on-demand offers (never interrupted).")
@click.option("--max-price", type=click.FloatRange(min=0), metavar="USD", help="Maximum price, USD an hour.")
@click.option(
    "--group-by",
    type=click.Choice(["zone", "region", "type", "gpu"]),
    help="Group offers by instance type, region or zone.",
)
@click.option("--limit", type=click.IntRange(1, MOST), default=100, show_default=True, help="Maximum number of offers.")
@output_options
def offer(output: Output, group_by: str | None, **options: Any) -> None:
    """Show the offers of all zones, cheapest first.

    Unavailable offers are shown with the reason.
    """
    query, client = OfferQuery(**options), connect()
    if group_by:
        _groups(client, query, group_by, output)
        return
    # One more than is shown: it says whether there are more.
    found = client.offers(replace(query, limit=min(query.limit + 1, MOST)))
    shown = found[: query.limit]
    if output.of_objects:
        output.objects(shown)
        return
    if not shown:
        terminal.out(" no backend offers this")
        return
    output.show_all(shown, offer_table)
    for note in dict.fromkeys(f"{one.zone.backend} {one.zone.region}: {text}" for one in shown for text in one.stale):
        terminal.out(f" note: {note}")
    if len(found) > len(shown):
        terminal.out(f" and more: `--limit` shows them, `--group-by` counts them ({len(shown)} shown)")
    if any(one.zone.backend == "local" for one in shown):
        terminal.out(f" {SHARED}")


def _groups(client: Client, query: OfferQuery, by: str, output: Output) -> None:
    found = client.offer_groups(query, by)
    if found or output.of_objects:
        output.show_all(found, lambda groups, at, verbose: group_table(groups, by))
    else:
        terminal.out(" no backend offers this")


def offer_table(offers: list[OfferView], at: datetime, verbose: bool) -> Table:
    """The key facts; `verbose` adds region, zone id, the provider's availability text and the code."""
    if verbose:
        headings = ("BACKEND", "REGION", "ZONE", "ZONE ID", "TYPE", "RESOURCES", "MARKET", "PRICE", "AVAILABILITY",
                    "LEFT", "CODE", "NOTE")  # fmt: skip
        table = Table(headings, optional=("ZONE ID", "LEFT", "CODE", "NOTE"))
    else:
        table = Table(("ZONE", "BACKEND", "TYPE", "RESOURCES", "MARKET", "PRICE", "AVAILABILITY"))
    for one in offers:
        zone, machine = one.zone, units.machine(one.cpus, one.memory_gb, one.gpu)
        rest = (one.instance_type, machine, one.market, units.price(one.price))
        if verbose:
            left = "" if one.count is None else str(one.count)
            table.add(
                zone.backend, zone.region, str(zone), units.zone_id(zone), *rest, one.availability, left, one.code,
                one.message,
            )  # fmt: skip
        else:
            table.add(str(zone), zone.backend, *rest, one.message or "available")
    return table


def group_table(groups: list[OfferGroup], by: str) -> Table:
    """The number of offers of each group, how many are available, and the cheapest of these."""
    headings = (by.upper(), "BACKEND", "OFFERS", "AVAILABLE", "ZONES", "FROM", "AS", "IN")
    table = Table(headings, optional=("BACKEND", "ZONES", "IN"))
    for group in groups:
        price = units.price(group.price) if group.instance_type else ""
        kind = " ".join(part for part in (group.instance_type, group.market) if part)
        zones = "" if by == "zone" else str(group.zones)
        where = "" if group.zone is None or by == "zone" else str(group.zone)
        table.add(group.name, group.backend, str(group.offers), str(group.available), zones, price, kind, where)
    return table
