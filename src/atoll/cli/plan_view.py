"""What a plan looks like: what would change, where everything would go, and why each other zone is not used."""

import sys
from collections import Counter

from atoll.cli import terminal, units
from atoll.cli.table import block
from atoll.wire.api import Change, ChangeAction, PlannedDocument, PlannedNode, PlannedRefusal, PlanView

_COLOURS = {
    ChangeAction.CREATE: "green",
    ChangeAction.UPDATE: "yellow",
    ChangeAction.REPLACE: "red",
    ChangeAction.RERUN: "green",
    ChangeAction.UNCHANGED: "dim",
}


def render(changes: tuple[Change, ...], plan: PlanView, *, verbose: bool) -> str:
    """The whole answer of a plan as text, without an ending newline."""
    lines = change_lines(changes)
    unchanged = {(one.kind, one.name) for one in changes if one.action == ChangeAction.UNCHANGED}
    for document in plan.documents:
        if (document.kind, document.name) not in unchanged or document.shortfall or verbose:
            lines += ["", *document_lines(document, verbose=verbose)]
    if len(plan.documents) > 1 and plan.price:
        lines += ["", f" together: {units.price(plan.price)}/h"]
    if not plan.proven:
        lines.append(" note: the search reached its time limit; this is the best plan it had found")
    return "\n".join(lines)


def change_lines(changes: tuple[Change, ...]) -> list[str]:
    """One line for each document, one more for each key that differs."""
    lines = []
    width = max((len(one.action) for one in changes), default=0)
    for one in changes:
        action = terminal.paint(one.action.ljust(width), _COLOURS[one.action], sys.stdout)
        lines.append(f" {action}  {one.type} {one.name}")
        for field in one.fields:
            how = "in place" if field.in_place else "by replacing"
            lines.append(f" {'':{width}}    {field.key}: {field.old or 'none'} → {field.new or 'none'} ({how})")
    return lines


def document_lines(document: PlannedDocument, *, verbose: bool) -> list[str]:
    """The plan of one fleet, volume or run."""
    lines = [_headline(document)]
    lines += _node_details(document.nodes) if verbose else _node_zones(document)
    if document.shortfall:
        lines.append(f"   {terminal.paint('cannot be placed', 'red', sys.stdout)}: {document.shortfall.message}")
        lines += [f"   it would fit: {cure}" for cure in document.shortfall.cures]
    if document.traffic:
        lines.append(f"   traffic between its zones costs {units.price(document.traffic)}/GB")
    lines += [f"   note: {text}" for text in document.notes]
    if document.refusals:
        lines += [" not used", *_refusals(document.refusals, verbose)]
    if verbose and document.offers:
        lines += [" offers not used", *_refusals(document.offers, verbose)]
    return lines


def _headline(document: PlannedDocument) -> str:
    name = terminal.paint(document.name, "bold", sys.stdout)
    price = f", {units.price(document.price)}/h"
    if document.kind == "volume":
        if document.shortfall:
            return f" {name}: volume"
        where = f"in {_long(document)}" if document.zone else "in the zone of its first use"
        return f" {name}: volume {where}{price if document.price else ''}"
    if not document.nodes:
        return f" {name}: nothing placed" if document.shortfall else f" {name}: no nodes to place"
    counts = Counter(node.instance_type for node in document.nodes)
    machines = ", ".join(f"{count} × {kind}" for kind, count in counts.items())
    regions = " and ".join(sorted({node.zone.region for node in document.nodes}))
    return f" {name}: {machines} in {regions}{price}{_origin(document)}"


def _origin(document: PlannedDocument) -> str:
    """Where the machines come from, when they are not new."""
    existing = [node.instance for node in document.nodes if node.source == "existing" and node.instance]
    planned = [f"{node.fleet}-{node.fleet_node}" for node in document.nodes if node.source == "planned"]
    if document.kind == "fleet" and existing:
        return f" ({len(existing)} of them here already)"
    where = [*existing, *(f"{name} of this plan" for name in planned)]
    return f" on {', '.join(where)}" if where else ""


def _node_zones(document: PlannedDocument) -> list[str]:
    """`us-east-1a 2   us-east-1b 2`, and the volumes that are used there."""
    counts = Counter(node.zone for node in document.nodes)
    if not counts:
        return []
    lines = ["   " + "   ".join(f"{zone} {counts[zone]}" for zone in sorted(counts))]
    volumes = sorted({volume for node in document.nodes for volume in node.volumes})
    if volumes:
        lines.append(f"   with volume{'s' if len(volumes) > 1 else ''} {', '.join(volumes)}")
    return lines


def _node_details(nodes: tuple[PlannedNode, ...]) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for node in nodes:
        zone = node.zone
        source = f"on {node.instance}" if node.instance else node.source
        if node.source == "planned":
            source = f"on {node.fleet}-{node.fleet_node} of this plan"
        volumes = f"with {', '.join(node.volumes)}" if node.volumes else ""
        rows.append(
            (str(node.node), zone.backend, zone.region, str(zone), units.zone_id(zone), node.instance_type,
             units.machine(node.cpus, node.memory_gb, node.gpu), node.market, units.price(node.price) + "/h", source,
             volumes)
        )  # fmt: skip
    return block(rows, "   ")


def _refusals(refusals: tuple[PlannedRefusal, ...], verbose: bool) -> list[str]:
    rows: list[tuple[str, ...]] = []
    backends = {one.zone.backend for one in refusals}
    for one in refusals:
        zone = one.zone
        name = str(zone) if len(backends) == 1 else f"{zone.backend} {zone}"
        if verbose:
            what = " ".join(part for part in (one.instance_type, one.market) if part)
            rows.append((zone.backend, zone.region, str(zone), units.zone_id(zone), what, one.code, one.message))
        else:
            rows.append((name, one.message))
    return block(rows, "   ")


def _long(document: PlannedDocument) -> str:
    zone = document.zone
    assert zone is not None
    return f"{zone} ({zone.zone_id})" if zone.zone_id else str(zone)
