"""The built-in table of zones, read from the data file of this package at its first use.

Only the directory uses it. The file, its notation and its sources are described in `data/README.md`.
"""

from datetime import date
from functools import cache
from typing import NamedTuple

from atoll.model.zone import Zone, ZoneKind


class Table(NamedTuple):
    """`zones` have names; `ids` are known by their account-independent id alone, which stands for the name."""

    zones: tuple[Zone, ...]
    ids: tuple[Zone, ...]
    as_of: date


@cache
def load() -> Table:
    """The table as shipped."""
    from pkgutil import get_data  # importlib.resources takes longer to import than the table to read

    content = get_data("atoll.zones", "data/zones.txt")
    assert content is not None, "the package was built without its data"
    return read(content.decode("utf-8"))


def read(text: str) -> Table:
    """The table in `text`. Raises ValueError for a line that is not in the notation."""
    zones: list[Zone] = []
    ids: list[Zone] = []
    backend, kind, as_of = "", ZoneKind.AVAILABILITY_ZONE, date.min
    for line in text.splitlines():
        head, *tokens = line.split() or ("#",)
        if head.startswith("#"):
            continue
        if head == "as-of":
            as_of = date.fromisoformat(tokens[0])
        elif head.startswith("["):
            backend, kind = head[1:], ZoneKind(tokens[0].rstrip("]"))
        else:
            for token in tokens:
                zone = _zone(backend, kind, head, token)
                (ids if token.startswith("=") else zones).append(zone)
    return Table(tuple(zones), tuple(ids), as_of)


def _zone(backend: str, kind: ZoneKind, region: str, token: str) -> Zone:
    """The zone of one token: `NAME`, `NAME=ID` or `=ID`, with `~` for the region and `.` for a region without zones."""
    name, _, zone_id = token.replace("~", region).partition("=")
    if name == ".":
        name = ""
    return Zone(backend, region, name if name or not zone_id else zone_id, zone_id or None, kind)
