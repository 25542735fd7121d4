"""Plain tables: a line of headings, columns as wide as their widest cell, no frames.

Not rich: its import takes as long as the whole rest of a command, and these tables are also read by programs.
"""

import sys
from collections.abc import Sequence

from atoll.cli import terminal

GAP = "  "


class Table:
    """Rows under headings. A column whose heading is in `optional` is omitted when all its cells are empty."""

    def __init__(self, headings: Sequence[str], optional: Sequence[str] = ()) -> None:
        self._headings = list(headings)
        self._optional = set(optional)
        self._rows: list[list[str]] = []

    def add(self, *cells: str) -> None:
        """One row: a cell for each heading. Line ends become spaces, controls are escaped."""
        if len(cells) != len(self._headings):
            raise ValueError(f"{len(cells)} cells for {len(self._headings)} headings")
        self._rows.append([" ".join(terminal.escaped(cell).splitlines()) for cell in cells])

    def render(self) -> str:
        """The table as text, without an ending newline."""
        kept = [at for at, heading in enumerate(self._headings) if heading not in self._optional or self._filled(at)]
        widths = {at: max(len(row[at]) for row in [self._headings, *self._rows]) for at in kept}
        lines = [self._line(self._headings, kept, widths, heading=True)]
        lines += [self._line(row, kept, widths) for row in self._rows]
        return "\n".join(lines)

    def print(self) -> None:
        """The table to standard output."""
        terminal.out(self.render())

    def _filled(self, at: int) -> bool:
        return any(row[at] for row in self._rows)

    def _line(self, row: list[str], kept: list[int], widths: dict[int, int], *, heading: bool = False) -> str:
        cells = []
        for at in kept:
            padded = row[at].ljust(widths[at])
            colour = "bold" if heading else self._colour(at, row[at])
            cells.append(terminal.paint(padded, colour, sys.stdout) if colour else padded)
        return (" " + GAP.join(cells)).rstrip()

    def _colour(self, at: int, cell: str) -> str:
        return terminal.state_colour(cell) if self._headings[at] in ("STATUS", "STATE") else ""


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
