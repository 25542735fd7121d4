"""`atoll fleet rebalance`: the nodes of a fleet go back to the zones that have too few."""

from collections.abc import Mapping
from dataclasses import replace

import click

from atoll.cli import terminal, units
from atoll.cli.completion import existing
from atoll.cli.errors import CommandError
from atoll.cli.question import confirm
from atoll.client import ApiError, Client, connect
from atoll.model.error_codes import ErrorCode
from atoll.wire.rebalance import NewRebalance, RebalanceView


@click.command("rebalance")
@click.argument("name", shell_complete=existing("fleet"))
@click.option("--busy", is_flag=True, help="Move busy nodes, too: each ends after its job, its successor starts now.")
@click.option("--max-moves", type=click.IntRange(1, 100_000), metavar="N", help="Replace at most N nodes.")
@click.option("--dry-run", is_flag=True, help="Show what would move, and change nothing.")
@click.option("--stop", is_flag=True, help="End a rebalance that is under way: what has not left stays.")
@click.option("-y", "--yes", is_flag=True, help="Skip the question.")
def rebalance(name: str, busy: bool, max_moves: int | None, dry_run: bool, stop: bool, yes: bool) -> None:
    """Bring a fleet back into balance, after an outage, a drain or a change of its `placement`.

    As few nodes as possible are replaced in zones that have too few, so that the fleet's `placement` holds and it
    keeps no spare nodes that `survive_zones` does not need. Nodes end when their successors are active. Idle nodes
    move; busy ones stay, unless `--busy` is given. A rebalance ends after an hour at the latest,
    and later where a disruption budget makes it wait.
    """
    client = connect()
    if stop:
        if busy or max_moves or dry_run:
            raise click.UsageError("`--stop` goes with no other option")
        client.stop_rebalance(name)
        terminal.out(f"fleet {name} is not being rebalanced: what has not left stays")
        return
    wanted = NewRebalance(busy, max_moves)
    found = client.preview_rebalance(name, wanted)
    terminal.out(_text(found, max_moves))
    if found.code == "moves":
        if not dry_run:
            _begin(client, found, wanted, yes)
    elif not dry_run and found.code != "balanced":
        raise CommandError("nothing was moved")


def bring_back(client: Client, *, yes: bool) -> None:
    """Rebalance the project's fleets that are uneven, after a question for each; others are named with the reason."""
    found = []
    for fleet in client.fleets():
        try:
            found.append(client.preview_rebalance(fleet.name, NewRebalance()))
        except ApiError as error:
            if error.problem.code not in (ErrorCode.NOT_REBALANCED, ErrorCode.BEING_REBALANCED):
                raise
            if error.problem.code == ErrorCode.BEING_REBALANCED:
                terminal.out(f" {error.problem.message}")
    for one in found:
        terminal.out(_text(one, None))
        if one.code == "moves":
            _begin(client, one, NewRebalance(), yes)


def _begin(client: Client, found: RebalanceView, wanted: NewRebalance, yes: bool) -> None:
    """Ask, and begin the rebalance as it was shown; where it changed meanwhile, it is shown and asked again.

    Raises CommandError after a no, and with `yes` where more nodes would move than were shown.
    """
    name = found.fleet
    while found.code == "moves":
        confirm(f"Rebalance {name}?", yes=yes)
        try:
            client.rebalance(name, replace(wanted, agreed=found.leaving))
        except ApiError as error:
            if error.problem.code != ErrorCode.CHANGED_SINCE_SHOWN:
                raise
            terminal.note(" changed since it was shown; now:")
        else:
            terminal.out(f"fleet {name} is being rebalanced; `atoll fleet get {name}` shows how far it is")
            terminal.out(f"  `atoll fleet rebalance {name} --stop` ends it earlier")
            return
        shown, found = found, client.preview_rebalance(name, wanted)
        terminal.out(_text(found, wanted.max_moves))
        if yes and (more := sorted({*found.leaving} - {*shown.leaving})):
            message = f"changed since it was shown: now it would replace {units.shortened(more, 8)} too"
            raise CommandError(message, "nothing was moved; look at it, then run the command again")
    if found.code != "balanced":
        raise CommandError("nothing was moved")


def _text(found: RebalanceView, most: int | None) -> str:
    name, here = found.fleet, _counts(found.before)
    nodes = units.count(found.needed, "node")
    match found.code:
        case "balanced":
            return f" fleet {name} is balanced: {here or 'no nodes'}"
        case "settling":
            return f" fleet {name} is on its way to its size, which comes first: {here or 'no nodes'}"
        case "busy":
            return (
                f" fleet {name} ({here}) is uneven, but {nodes} would have to move that are busy: `--busy` moves them"
            )
        case "limit":
            return f" fleet {name} ({here}) needs {units.count(found.needed, 'move')}, and `--max-moves` is {most}"
        case "no-place":
            why = f"\n   {found.message}" if found.message else ""
            return f" fleet {name} ({here}) is uneven, but no zone that has too few takes a node now{why}"
        case "out-of-reach":
            return (
                f" fleet {name} ({here}) does not keep its placement, and no move in the zones that it may use helps:"
                f" `atoll fleet get {name}` says why"
            )
    lines = [
        f" fleet {name}: {here}",
        f"   replaces {units.shortened(found.leaving, 8)} by {_counts(found.zones) or 'none'}, once these are active",
        f"   then {_counts(found.after)}{_price(found)}",
    ]
    if found.pace:
        lines.append(f"   {found.pace}")
    if found.needed > len(found.leaving):
        lines.append(f"   {units.count(found.needed - len(found.leaving), 'more node')} cannot move now")
    return "\n".join(lines)


def _price(found: RebalanceView) -> str:
    if found.price == 0 and found.difference == 0:
        return ""
    if found.difference is None:
        return "; until then both are paid for, and not every price is known"
    later = "more" if found.difference > 0 else "less"
    after = f", afterwards {units.hourly(abs(found.difference))} {later}" if found.difference else ""
    return f"; until then both cost {units.hourly(found.price)} more{after}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{zone} {count}" for zone, count in sorted(counts.items()) if count)
