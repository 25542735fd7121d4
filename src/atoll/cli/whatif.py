"""`atoll what-if`: what would happen if zones were lost or closed, prices were others, or fleets were gone."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from atoll.cli import terminal, units
from atoll.cli.completion import existing
from atoll.cli.output import Output, output_options
from atoll.cli.places import find
from atoll.cli.table import Table
from atoll.client import Client, connect
from atoll.wire.whatif import FleetFate, OutcomeView, PriceChange, RunFate, WhatIf


@click.command("what-if")
@click.option(
    "--lose",
    "lost",
    multiple=True,
    metavar="ZONE",
    shell_complete=existing("zone"),
    help="The zone fails, with all that is in it. May be repeated: they fail together.",
)
@click.option(
    "--close",
    "closed",
    multiple=True,
    metavar="ZONE",
    shell_complete=existing("zone"),
    help="The zone takes nothing new.",
)
@click.option(
    "--price",
    "prices",
    multiple=True,
    metavar="TYPE[@ZONE]=PRICE",
    help="Another price: `m7i.large@local-a=0.30` in USD an hour, or `m7i.large=+20%`.",
)
@click.option("--without", multiple=True, metavar="fleet/NAME", help="The fleet is gone, and its machines are free.")
@click.option("--no-spot", is_flag=True, help="Spot machines end, and no new ones are offered.")
@click.option("--each-zone", is_flag=True, help="The loss of each zone that holds something, one after the other.")
@output_options
def what_if(output: Output, **asked: object) -> None:
    """Show what would happen, and change nothing.

    Which nodes are replaced and where, which runs start again, wait or stop, whether fleets survive one more loss, and
    what all costs afterwards. The plan that answers is the one that the server would make.
    """
    client = connect()
    question = _question(client, asked)
    if question == WhatIf():
        raise click.UsageError("say what to assume, such as `--lose ZONE` or `--each-zone`")
    found = client.what_if(question)
    if output.of_objects:
        output.objects(list(found.outcomes) if question.each_zone else found.outcomes[0])
    elif question.each_zone:
        output.show_all(list(found.outcomes), zones_table, empty="the project has nothing in any zone")
    else:
        _show(found.outcomes[0])


def _question(client: Client, asked: Mapping[str, object]) -> WhatIf:
    def zones(option: str) -> tuple:  # type: ignore[type-arg]
        names = asked[option]
        assert isinstance(names, tuple)
        return tuple(find(client, name).zone for name in names)

    prices, without = asked["prices"], asked["without"]
    assert isinstance(prices, tuple)
    assert isinstance(without, tuple)
    return WhatIf(
        zones("lost"),
        zones("closed"),
        tuple(price_change(client, text) for text in prices),
        tuple(_fleet(text) for text in without),
        bool(asked["no_spot"]),
        bool(asked["each_zone"]),
    )


def price_change(client: Client, text: str) -> PriceChange:
    """What `TYPE@ZONE=0.30`, `TYPE=+20%` or `TYPE=-5%` says. Raises UsageError, CommandError for an unknown zone."""
    place, equals, value = text.partition("=")
    type_, at, zone = place.partition("@")
    try:
        number = float(value.removesuffix("%"))
    except ValueError:
        number = float("nan")
    if not equals or not type_ or (at and not zone) or not -1e9 < number < 1e9:
        raise click.UsageError(f"`{text}` is no price such as `m7i.large@local-a=0.30` or `m7i.large=+20%`")
    where = find(client, zone).zone if zone else None
    if value.endswith("%"):
        if number < -100:
            raise click.UsageError(f"`{text}`: no price falls by more than 100%")
        return PriceChange(type_, where, factor=1 + number / 100)
    if number < 0 or value.startswith("+"):
        raise click.UsageError(f"`{text}`: a price is 0 or more; `+20%` is a change")
    return PriceChange(type_, where, number)


def _fleet(text: str) -> str:
    kind, slash, name = text.partition("/")
    if not slash or kind != "fleet" or not name:
        raise click.UsageError(f"`{text}` is not `fleet/NAME`")
    return name


def _show(found: OutcomeView) -> None:
    """One outcome, in lines."""
    for fleet in found.fleets:
        terminal.out(
            f" fleet {fleet.name}: {_counts(fleet.before) or 'no nodes'} → {_counts(fleet.after) or 'no nodes'}"
        )
        for line in _fleet_lines(fleet):
            terminal.out(f"   {line}")
    for run in found.runs:
        terminal.out(f" run {run.name} {_run_text(run)}")
    if found.volumes:
        terminal.out(
            f" out of reach: volume{'s' if len(found.volumes) > 1 else ''} {units.shortened(found.volumes, 8)}"
        )
    if not (found.fleets or found.runs or found.volumes or found.lost):
        terminal.out(" nothing would change")
    if found.price_before != 0 or found.price_after != 0:
        terminal.out(f" cost: {units.hourly(found.price_before)} → {units.hourly(found.price_after)}")


def _fleet_lines(fleet: FleetFate) -> Sequence[str]:
    lines = []
    if fleet.lost:
        by = f"replaced by {_counts(fleet.new)}" if fleet.new else "not replaced"
        lines.append(f"{units.count(fleet.lost, 'node')} lost, {by}")
    elif fleet.new:
        lines.append(f"gets {_counts(fleet.new)}")
    if fleet.waits:
        lines.append(f"waits: {fleet.waits}")
    if fleet.survives < 0:
        lines.append("has too few nodes then")
    elif not fleet.survives:
        lines.append("one more lost zone would leave too few nodes")
    else:
        lines.append(f"keeps its nodes after the loss of any {units.count(fleet.survives, 'more zone')}")
    return lines


def _run_text(run: RunFate) -> str:
    before = f" ({', '.join(run.before)})" if run.before else ""
    match run.effect:
        case "moves":
            return f"starts again in {', '.join(run.after)}{before}"
        case "starts":
            return f"gets its place in {', '.join(run.after)}"
        case "waits":
            return f"waits{before}: {run.reason}"
        case _:
            return f"stops{before}: {run.reason}"


def zones_table(found: list[OutcomeView], at: datetime, verbose: bool) -> Table:
    """A line for the loss of each zone."""
    table = Table(("ZONE", "LOST", "REPLACED", "MISSING", "RUNS MOVE", "WAIT", "STOP", "VOLUMES", "COST AFTER"))
    for one in found:
        new = sum(sum(fleet.new.values()) for fleet in one.fleets)
        lacking = ", ".join(fleet.name for fleet in one.fleets if fleet.survives < 0)
        runs = [str(sum(run.effect == effect for run in one.runs)) for effect in ("moves", "waits", "stops")]
        table.add(one.zone, str(one.lost), str(new), lacking, *runs, ", ".join(one.volumes),
                  units.price(one.price_after))  # fmt: skip
    return table


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{zone} {count}" for zone, count in sorted(counts.items()) if count) or "no nodes"
