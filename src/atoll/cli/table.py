"""Plain tables: a line of headings, columns as wide as their widest cell, no frames.

Not rich: its import takes as long as the whole rest of a command, and these tables are also read by programs.
"""

import sys
from collections.abc import Iterable, Sequence

import click

from atoll.cli import terminal

GAP = "  "


TEXT = frozenset({"ERROR", "NOTE", "MESSAGE", "REASON", "REMAINS", "LAST REFUSAL"})
"""Columns of sentences, which may break between words; lists in other columns break behind a comma."""
TEXT_WIDTH = 28
"""The narrowest that a column of sentences becomes before other columns are left out."""
LAST_TO_GO = ("STATUS", "STATE", "CHANGE", "TO", "ERROR", "MESSAGE", "REASON", "NOTE", "AVAILABILITY", "ZONE", "ZONES",
              "NODES", "KIND", "TYPE", "RUNS", "INSTANCE", "USED", "FLEET", "PRICE")  # fmt: skip
"""The columns that stay the longest on a narrow terminal, the most important first; all others go before them."""


class Table:
    """Rows under headings. A column whose heading is in `optional` is omitted when all its cells are empty."""

    def __init__(self, headings: Sequence[str], optional: Sequence[str] = ()) -> None:
        self._headings = list(headings)
        self._optional = set(optional)
        self._rows: list[list[str]] = []
        self._chosen: list[int] | None = None

    def add(self, *cells: str) -> None:
        """One row: a cell for each heading. Line ends become spaces, controls are escaped."""
        if len(cells) != len(self._headings):
            raise ValueError(f"{len(cells)} cells for {len(self._headings)} headings")
        self._rows.append([" ".join(terminal.escaped(cell).splitlines()) for cell in cells])

    def has(self, names: Sequence[str]) -> bool:
        """Whether each of these columns exists."""
        return all(_plain(name) in map(_plain, self._headings) for name in names)

    def choose(self, names: Sequence[str]) -> "Table":
        """The table with these columns alone, in this order. Raises UsageError for one that does not exist."""
        known = {_plain(heading): at for at, heading in enumerate(self._headings)}
        for name in names:
            if _plain(name) not in known:
                raise click.UsageError(f"there is no column `{name}`; the columns are {', '.join(known)}")
        self._chosen = [known[_plain(name)] for name in names]
        return self

    def render(self, width: int | None = None, *, headings: bool = True) -> str:
        """The table as text, without an ending newline.

        With a `width`, columns are left out and long cells take several lines, so that no line is longer and no word
        broken.
        """
        kept = [at for at, heading in enumerate(self._headings) if heading not in self._optional or self._filled(at)]
        kept = self._chosen or kept
        widths = {at: max(len(row[at]) for row in [self._headings, *self._rows]) for at in kept}
        if width is not None:
            widths = self._fitted(widths, width - 1)
        lines = [self._line(self._headings, widths, heading=True)] if headings else []
        for row in self._rows:
            pieces = {at: _broken(row[at], widths[at], self._headings[at] in TEXT) for at in widths}
            for number in range(max(map(len, pieces.values()), default=1)):
                cells = {at: part[number] if number < len(part) else "" for at, part in pieces.items()}
                lines.append(self._line(cells, widths))
        return "\n".join(lines)

    def print(self, *, headings: bool = True) -> None:
        """The table to standard output, within the width of a terminal."""
        terminal.out(self.render(terminal.width(sys.stdout), headings=headings))

    def _filled(self, at: int) -> bool:
        return any(row[at] for row in self._rows)

    def _fitted(self, natural: dict[int, int], width: int) -> dict[int, int]:
        """The widths of the columns that remain within `width`."""
        widths = dict(natural)
        least = {at: min(natural[at], self._least(at)) for at in natural}
        for at in sorted(natural, key=self._importance, reverse=True)[:-1]:
            if _whole(least[one] for one in widths) <= width:
                break
            if self._chosen is None:
                del widths[at]
        over = _whole(widths.values()) - width
        for at in sorted(widths, key=lambda one: (self._headings[one] not in TEXT, -widths[one])):
            spare = min(over, widths[at] - least[at])
            if spare > 0:
                widths[at] -= spare
                over -= spare
        return widths

    def _least(self, at: int) -> int:
        """The narrowest that a column can be."""
        is_text = self._headings[at] in TEXT
        parts = [len(part) for row in self._rows for part in _parts(row[at], is_text)]
        return max([len(self._headings[at]), *parts, TEXT_WIDTH if is_text else 0])

    def _importance(self, at: int) -> tuple[int, int]:
        """The less, the longer a column stays; the first one always does."""
        heading = self._headings[at]
        known = LAST_TO_GO.index(heading) if heading in LAST_TO_GO else len(LAST_TO_GO)
        return (-1 if at == min(self._chosen or [0]) else known, at)

    def _line(self, row: Sequence[str] | dict[int, str], widths: dict[int, int], *, heading: bool = False) -> str:
        cells = []
        for at, wide in widths.items():
            padded = row[at].ljust(wide)
            colour = "bold" if heading else self._colour(at, row[at])
            cells.append(terminal.paint(padded, colour, sys.stdout) if colour else padded)
        return (" " + GAP.join(cells)).rstrip()

    def _colour(self, at: int, cell: str) -> str:
        return terminal.state_colour(cell) if self._headings[at] in ("STATUS", "STATE") else ""


def _plain(heading: str) -> str:
    return heading.lower().replace(" ", "-").replace("_", "-")


def _whole(widths: Iterable[int]) -> int:
    """The length of a line of columns this wide."""
    found = list(widths)
    return sum(found) + len(GAP) * (len(found) - 1)


def _parts(cell: str, is_text: bool) -> list[str]:
    """What a cell may be broken into: words of a sentence, entries of a list."""
    if is_text:
        return cell.split()
    entries = cell.split(", ")
    return [*(f"{entry}," for entry in entries[:-1]), entries[-1]]


def _broken(cell: str, width: int, is_text: bool) -> list[str]:
    """The lines of a cell."""
    if len(cell) <= width:
        return [cell]
    lines = [""]
    for part in _parts(cell, is_text):
        if lines[-1] and len(lines[-1]) + 1 + len(part) > width:
            lines.append(part)
        else:
            lines[-1] = f"{lines[-1]} {part}" if lines[-1] else part
    return lines


def block(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Lines of cells aligned in columns, without headings."""
    if not rows:
        return []
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        (indent + GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip() for row in rows
    ]


def wrapped(words: Sequence[str], indent: str = "", gap: str = "   ", width: int = 100) -> list[str]:
    """Words side by side, on as many lines as they need."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(gap) + len(word) <= width:
            lines[-1] += gap + word
        else:
            lines.append(indent + word)
    return lines
