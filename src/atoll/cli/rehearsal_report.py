"""The report of a rehearsal as files: Markdown with a plot of the active nodes by zone, or JSON."""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from atoll.cli import units
from atoll.wire.rehearsal import (
    Manner,
    NewRehearsal,
    RehearsalView,
    RehearsedFleet,
    RehearsedNodes,
    RehearsedRun,
    Spread,
)

MANNERS: Mapping[str, Manner] = {"dead": "dead", "dark": "dark", "dry": "dry"}
_OUT = {"dead": "fails", "dark": "is dark", "dry": "starts nothing new"}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 260, 40, 30, 24
"""The measures of the plot, in pixels."""
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
"""Colours that also differ for the colour-blind (Okabe and Ito, 2008)."""


def files(file: Path, question: NewRehearsal, found: RehearsalView) -> Iterator[tuple[Path, str]]:
    """The files of a report and their texts."""
    if file.suffix == ".json":
        import msgspec

        content = msgspec.json.encode({"outage": question, "result": found})
        yield file, msgspec.json.format(content, indent=2).decode() + "\n"
        return
    plot = file.with_suffix(".svg")
    yield plot, svg(found.nodes, question.seconds)
    yield file, markdown(question, found, plot.name)


def spread_text(spread: Spread, seeds: int) -> str:
    """`12 s`, or `12 s in half of the rehearsals, 30 s in 95 of 100`."""
    if seeds == 1 or spread.p50 == spread.p95:
        return f"{spread.p50:g} s"
    return f"{spread.p50:g} s in half of the rehearsals, {spread.p95:g} s in 95 of 100"


def healed_text(found: RehearsalView) -> str:
    """When all was as before."""
    if found.healed is None:
        return "not as before within the time that was rehearsed"
    never = f"; never in {found.unhealed} of {found.seeds}" if found.unhealed else ""
    return f"as before after {spread_text(found.healed, found.seeds)}{never}"


def fleet_text(fleet: RehearsedFleet, seeds: int) -> str:
    """What became of a fleet."""
    after = ", ".join(f"{zone} {count}" for zone, count in fleet.after.items()) or "no nodes"
    if not fleet.short:
        return f"always has its {units.count(fleet.nodes, 'node')}; then {after}"
    times = "" if seeds == 1 else f" in {fleet.short} of {seeds} rehearsals"
    return f"has fewer than {units.count(fleet.nodes, 'node')}{times}, {fleet.lowest} at the least; then {after}"


def run_text(run: RehearsedRun, seeds: int) -> str:
    """What became of a run."""
    times = "" if seeds == 1 else f" in {run.stopped} of {seeds} rehearsals"
    if run.away is None:
        return f"is stopped{times}, and not started again"
    ended = f", and not started again in {run.ended}" if run.ended else ""
    return f"is stopped{times}{ended}; it runs again after {spread_text(run.away, run.stopped)}"


def markdown(question: NewRehearsal, found: RehearsalView, plot: str) -> str:
    """The report as a page."""
    zones = ", ".join(map(str, question.zones))
    lines = [
        f"# Rehearsal: {_text(zones)} {_OUT[question.how]} for {question.seconds:g} s",
        "",
        f"Rehearsed {found.seeds} times, in virtual time. Nothing real was called or changed.",
        "",
        f"- noticed after {spread_text(found.noticed, found.seeds)}" if found.noticed else "- nothing was lost",
        f"- {healed_text(found)}",
        f"- {units.count(found.silent, 'node')} did not answer at the end of the outage",
        f"- cost: {units.price(found.price_before)}/h, at most {units.price(found.price_peak)}/h",
        "",
        f"![active nodes by zone]({plot})",
        "",
    ]
    lines += _section("Fleets", [f"`{_text(fleet.name)}` {fleet_text(fleet, found.seeds)}" for fleet in found.fleets])
    lines += _section("Runs", [f"`{_text(run.name)}` {run_text(run, found.seeds)}" for run in found.runs])
    waits = [
        f"{wait.kind} `{_text(wait.name)}` waits: {_text(wait.reason)} ({wait.seeds} of {found.seeds})"
        for wait in found.waits
    ]
    lines += _section("Waits at the end of the outage", waits)
    lines += _section("Assumed", list(found.assumptions))
    lines += ["## Timeline of the first rehearsal", "", "| seconds | what |", "|---:|---|"]
    lines += [f"| {moment.seconds:.1f} | {_text(moment.text)} |" for moment in found.timeline]
    return "\n".join(lines) + "\n"


def svg(nodes: Sequence[RehearsedNodes], outage_seconds: float) -> str:
    """A plot of the active nodes by zone, stacked; the outage is grey."""
    zones = sorted({zone for node in nodes for zone in node.zones})
    last = max([outage_seconds, *(node.seconds for node in nodes)]) or 1
    most = max([1, *(sum(node.zones.values()) for node in nodes)])

    def x(seconds: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 10) * seconds / last, 1)

    def y(count: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * count / most, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<rect x="{x(0)}" y="{TOP}" width="{x(outage_seconds) - x(0):.1f}" height="{y(0) - TOP:.1f}" fill="#e8e8e8"/>',
    ]
    below = [0] * len(nodes)
    for zone, colour in zip(zones, COLOURS * (1 + len(zones) // len(COLOURS)), strict=False):
        above = [low + each.zones.get(zone, 0) for low, each in zip(below, nodes, strict=True)]
        points = [*_steps(nodes, above, x, y, last), *reversed(_steps(nodes, below, x, y, last))]
        outline = " ".join(f"{left},{top}" for left, top in points)
        parts.append(f'<polygon points="{outline}" fill="{colour}" fill-opacity="0.75"/>')
        below = above
    for number, zone in enumerate(zones[:8]):
        left = LEFT + number * 85
        parts.append(f'<rect x="{left}" y="6" width="10" height="10" fill="{COLOURS[number]}" fill-opacity="0.75"/>')
        parts.append(f'<text x="{left + 14}" y="15">{html.escape(zone)}</text>')
    parts += [
        f'<text x="{LEFT - 6}" y="{y(most) + 4}" text-anchor="end">{most}</text>',
        f'<text x="{LEFT - 6}" y="{y(0) + 4}" text-anchor="end">0</text>',
        f'<text x="{x(0)}" y="{HEIGHT - 10}">0 s</text>',
        f'<text x="{x(last)}" y="{HEIGHT - 10}" text-anchor="end">{last:g} s</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _steps(
    nodes: Sequence[RehearsedNodes],
    counts: Sequence[int],
    x: Callable[[float], float],
    y: Callable[[float], float],
    last: float,
) -> list[tuple[float, float]]:
    """The corners of a line that changes at once, from left to right."""
    corners = []
    for index, (each, count) in enumerate(zip(nodes, counts, strict=True)):
        end = nodes[index + 1].seconds if index + 1 < len(nodes) else last
        corners += [(x(each.seconds), y(count)), (x(end), y(count))]
    return corners


def _section(title: str, texts: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *(f"- {text}" for text in texts), ""] if texts else []


def _text(value: str) -> str:
    """A text from others, so that it is no markup in the page."""
    return html.escape(value, quote=False).replace("|", "\\|").replace("`", "'").replace("\n", " ")
