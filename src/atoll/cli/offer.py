"""`atoll offer`: what can be had, where, and for how much."""

from typing import Any

import click

from atoll.cli import terminal, units
from atoll.cli.noun import json_option, print_json, verbose_option
from atoll.cli.table import Table
from atoll.client import connect
from atoll.wire.api import OfferQuery, OfferView

SHARED = (
    "the zones of `local` share the CPUs and the memory of this machine: their capacities are declared, not measured"
)


@click.command()
@click.option("--cpu", metavar="RANGE", help="CPUs, as in configurations: `4..8`.")
@click.option("--memory", metavar="RANGE", help="Memory: `16GB..`.")
@click.option("--gpu", metavar="GPU", help="GPUs: `H100:8`.")
@click.option("--backend", metavar="NAME", multiple=True, help="Only this backend. May be repeated.")
@click.option("--region", metavar="NAME", multiple=True, help="Only this region. May be repeated.")
@click.option("--zone", metavar="NAME", multiple=True, help="Only this zone, by name, id or pattern. May be repeated.")
@click.option("--instance-type", metavar="NAME", multiple=True, help="Only this instance type. May be repeated.")
@click.option("--spot", type=click.Choice(["spot", "on-demand", "auto"]), help="The markets.")
@click.option("--max-price", type=click.FloatRange(min=0), metavar="USD", help="At most this price, USD an hour.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many offers.")
@verbose_option
@json_option
def offer(verbose: bool, as_json: bool, **asked: Any) -> None:
    """Show the offers of all zones, cheapest first."""
    found = connect().offers(OfferQuery(**asked))
    if as_json:
        print_json(found)
        return
    offer_table(found, verbose).print()
    if any(one.zone.backend == "local" for one in found):
        terminal.out(f" {SHARED}")


def offer_table(offers: list[OfferView], verbose: bool) -> Table:
    """The key facts; `verbose` adds region, zone id and the provider's own word on availability."""
    if verbose:
        headings = (
            "BACKEND",
            "REGION",
            "ZONE",
            "ZONE ID",
            "TYPE",
            "RESOURCES",
            "MARKET",
            "PRICE",
            "AVAILABILITY",
            "NOTE",
        )
        table = Table(headings, optional=("ZONE ID", "NOTE"))
    else:
        table = Table(("ZONE", "BACKEND", "TYPE", "RESOURCES", "MARKET", "PRICE", "NOTE"), optional=("NOTE",))
    for one in offers:
        zone, machine = one.zone, units.machine(one.cpus, one.memory_gb, one.gpu)
        rest = (one.instance_type, machine, one.market, units.price(one.price))
        if verbose:
            table.add(zone.backend, zone.region, str(zone), units.zone_id(zone), *rest, one.availability, one.message)
        else:
            table.add(str(zone), zone.backend, *rest, one.message or _availability(one))
    return table


def _availability(one: OfferView) -> str:
    return "" if one.availability == "available" else one.availability
