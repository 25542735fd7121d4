"""What a plan looks like: what would change, where everything would go, and why each other zone is not used."""

import sys
from collections import Counter
from collections.abc import Sequence

from atoll.cli import refusals, terminal, units
from atoll.cli.table import block, wrapped
from atoll.wire.api import Change, ChangeAction, PlannedDocument, PlannedNode, PlanView, Removal

_COLOURS = {
    ChangeAction.CREATE: "green",
    ChangeAction.UPDATE: "yellow",
    ChangeAction.REPLACE: "red",
    ChangeAction.RERUN: "green",
    ChangeAction.RETRY: "green",
    ChangeAction.UNCHANGED: "dim",
}


def render(changes: tuple[Change, ...], plan: PlanView, *, verbose: bool) -> str:
    """The whole answer of a plan as text, without an ending newline."""
    parts = ["\n".join(change_lines(changes))] if changes else []
    unchanged = {(change.kind, change.name) for change in changes if change.action == ChangeAction.UNCHANGED}
    for document in plan.documents:
        if (document.kind, document.name) not in unchanged or document.shortfall or verbose:
            parts.append("\n".join(document_lines(document, verbose=verbose)))
    ending = []
    if sum(document.price != 0 for document in plan.documents) > 1:
        ending.append(f" together: {units.hourly(plan.price)}")
    if plan.note or not plan.proven:
        ending.append(f" note: {plan.note or 'the search ended with its budget'}")
    if ending:
        parts.append("\n".join(ending))
    return "\n\n".join(parts)


def change_lines(changes: tuple[Change, ...]) -> list[str]:
    """One line for each document, one more for each key that differs."""
    lines = []
    width = max((len(change.action) for change in changes), default=0)
    for change in changes:
        action = terminal.paint(change.action.ljust(width), _COLOURS[change.action], sys.stdout)
        lines.append(f" {action}  {change.type} {change.name}")
        for field in change.fields:
            how = "in place" if field.in_place else "by replacing"
            lines.append(f" {'':{width}}    {field.key}: {field.old or 'unset'} → {field.new or 'unset'} ({how})")
    return lines


def document_lines(document: PlannedDocument, *, verbose: bool) -> list[str]:
    """The plan of one fleet, volume or run."""
    lines = [_headline(document)]
    lines += _node_details(document.nodes) if verbose else _node_zones(document)
    lines += _removals(document)
    if document.traffic:
        lines.append(f"   traffic between its zones costs {units.price(document.traffic)}/GB")
    lines += [f"   note: {text}" for text in document.notes]
    short = document.shortfall
    if short and short.waits:
        lines.append(f"   {terminal.paint('waits', 'yellow', sys.stdout)}: {short.message}")
    elif short:
        lines.append(f"   {terminal.paint('does not fit', 'red', sys.stdout)}: {short.message}")
        if short.cures:
            lines += [" to make it fit", *(f"   {cure.message}" for cure in short.cures)]
        elif "growing" not in short.data and not short.code.startswith("fleet-"):
            # Only the fleets' own requirements are tried one by one, not those of a run that makes them grow.
            lines.append("   no change of one requirement would make it fit")
    if document.refusals and verbose:
        lines += [" not used", *refusals.full(document.refusals)]
    elif document.refusals:
        used = {node.backend for node in document.nodes}
        lines += [" not used", *refusals.short(document.refusals, used)]
    if verbose and document.offers:
        lines += [" offers not used", *refusals.full(document.offers)]
    return lines


def _headline(document: PlannedDocument) -> str:
    name = terminal.paint(document.name, "bold", sys.stdout)
    price = f", {units.hourly(document.price)}"
    if document.kind == "volume":
        if document.shortfall:
            return f" {name}: volume, in no zone"
        where = f"in {_long(document)}" if document.zone else "in the zone of its first use"
        return f" {name}: volume {where}{price if document.price else ''}"
    if not document.nodes:
        if fewer := [removal for removal in document.removals if not removal.outdated]:
            return f" {name}: {units.count(len(fewer), 'node')} fewer"
        return f" {name}: nothing placed" if document.shortfall else f" {name}: no nodes to place"
    counts = Counter(node.instance_type for node in document.nodes)
    machines = units.shortened([f"{count} × {kind}" for kind, count in counts.most_common()])
    spot = sum(node.market == "spot" for node in document.nodes)
    if spot:
        machines += " (spot)" if spot == len(document.nodes) else f" ({spot} of them spot)"
    regions = units.listed(sorted({node.region for node in document.nodes}))
    return f" {name}: {machines} in {regions}{price}{_origin(document)}"


def _removals(document: PlannedDocument) -> list[str]:
    """Which nodes go, and when."""
    outdated = [_removed(removal) for removal in document.removals if removal.outdated]
    surplus = [_removed(removal) for removal in document.removals if not removal.outdated]
    lines = []
    if outdated and document.replaced_first:
        lines.append(f"   ends {units.shortened(outdated, 8)} first: there is not enough capacity or quota for both")
    elif outdated and document.nodes:
        lines.append(f"   replaces {units.shortened(outdated, 8)} once the new nodes are active")
    elif outdated:
        lines.append(f"   removes {units.shortened(outdated, 8)}: no longer matches the configuration")
    if surplus:
        when = " once the new nodes are active" if document.nodes else ""
        lines.append(f"   removes {units.shortened(surplus, 8)}{when}")
    return lines


def _removed(removal: Removal) -> str:
    return f"{removal.instance} ({removal.zone}{', busy' if removal.busy else ''})"


def _origin(document: PlannedDocument) -> str:
    """Where the machines come from, when they are not new."""
    there = [node.instance for node in document.nodes if node.source == "existing" and node.instance]
    planned = [f"{node.fleet}-{node.fleet_node}" for node in document.nodes if node.source == "planned"]
    parts = [units.shortened(there)] if there else []
    if planned:
        parts.append(f"{units.shortened(planned)} of this plan")
    new = len(document.nodes) - len(there) - len(planned)
    if parts and new:
        parts.append(f"{new} new")
    return f" on {units.listed(parts)}" if parts else ""


def _node_zones(document: PlannedDocument) -> list[str]:
    """`us-east-1a 2   us-east-1d (use1-az4) 2`, and the volumes that are used there."""
    if not document.nodes:
        return []
    named = _names(document.nodes)
    counts = Counter(named[node.backend, node.region, node.zone] for node in document.nodes)
    lines = wrapped([f"{name} {count}" for name, count in sorted(counts.items())], "   ")
    volumes = sorted({volume for node in document.nodes for volume in node.volumes})
    if volumes:
        lines.append(f"   with volume{'s' if len(volumes) > 1 else ''} {units.shortened(volumes, 8)}")
    return lines


def _names(nodes: Sequence[PlannedNode]) -> dict[tuple[str, str, str], str]:
    """How each zone is called: its backend before it where there are several, its id behind it where it has one."""
    several = len({node.backend for node in nodes}) > 1
    names = {}
    for node in nodes:
        name = units.zone_name(node.region, node.zone)
        before = f"{node.backend} " if several else ""
        behind = f" ({node.zone_id})" if node.zone_id else ""
        names[node.backend, node.region, node.zone] = f"{before}{name}{behind}"
    return names


def _node_details(nodes: tuple[PlannedNode, ...]) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for node in nodes:
        source = f"on {node.instance}" if node.instance else node.source
        if node.source == "planned":
            source = f"on {node.fleet}-{node.fleet_node} of this plan"
        volumes = f"with {', '.join(node.volumes)}" if node.volumes else ""
        rows.append(
            (str(node.node), node.backend, node.region, units.zone_name(node.region, node.zone), node.zone_id or "",
             node.instance_type, units.machine(node.cpus, node.memory_gb, node.gpu), node.market,
             units.hourly(node.price), source, volumes)
        )  # fmt: skip
    return block(rows, "   ")


def _long(document: PlannedDocument) -> str:
    zone = document.zone
    assert zone is not None
    return f"{zone} ({zone.zone_id})" if zone.zone_id else str(zone)
