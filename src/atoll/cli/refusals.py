"""The zones that a plan does not use, with their reasons, in a form that stays readable for two zones and for 150.

The nearest miss comes first. Zones with the same reason share a line; where there are still many lines, zones with the
same code do, and the reason of the nearest stands for all. `-v` shows each by itself.
"""

from collections.abc import Callable, Hashable, Sequence, Set

from atoll.cli import units
from atoll.cli.table import block
from atoll.wire.api import PlannedRefusal

LINES = 12
"""At most this many lines; beyond it, reasons are merged."""
NAMES = 4
"""At most this many zones are named on one line; more are counted by region."""
REGIONS = 3
"""At most this many regions are named on one line; more are counted."""


def full(refusals: Sequence[PlannedRefusal]) -> list[str]:
    """Each by itself, with its code and its number of offers."""
    rows = []
    for refusal in refusals:
        scope = refusal.scope
        what = " ".join(part for part in (scope.instance_type, scope.market) if part)
        count = f"{refusal.count} offers" if refusal.count > 1 else what
        name = units.zone_name(scope.region, scope.zone)
        rows.append((scope.backend, scope.region, name, scope.zone_id or "", refusal.code, count, refusal.message))
    return block(rows, "   ")


def short(refusals: Sequence[PlannedRefusal], used: Set[str] = frozenset()) -> list[str]:
    """All reasons on as few lines as possible. Backends are named where there are several, those `used` among them."""
    groups = _grouped(refusals, lambda one: one.message)
    if len(groups) > LINES:
        groups = _grouped(refusals, lambda one: (one.code, one.scope.backend, one.scope.region))
    if len(groups) > LINES:
        groups = _grouped(refusals, lambda one: one.code)
    several = len({refusal.scope.backend for refusal in refusals} | used) > 1
    return block([(_where(group, several), _why(group)) for group in groups], "   ")


def _grouped(
    refusals: Sequence[PlannedRefusal], key: Callable[[PlannedRefusal], Hashable]
) -> list[list[PlannedRefusal]]:
    groups: dict[Hashable, list[PlannedRefusal]] = {}
    for refusal in refusals:
        groups.setdefault(key(refusal), []).append(refusal)
    return list(groups.values())


def _where(group: Sequence[PlannedRefusal], several: bool) -> str:
    scopes = [one.scope for one in group]
    if len(group) <= NAMES:
        return ", ".join(
            f"{scope.backend} {name}" if several else name
            for scope in scopes
            for name in (units.zone_name(scope.region, scope.zone),)
        )
    regions: dict[tuple[str, str], int] = {}
    for scope in scopes:
        regions[scope.backend, scope.region] = regions.get((scope.backend, scope.region), 0) + 1
    if len(regions) > REGIONS:
        return f"{len(group)} zones in {len(regions)} regions"
    return ", ".join(
        f"{f'{backend} ' if several else ''}{region} ({units.count(zones, 'zone')})"
        for (backend, region), zones in regions.items()
    )


def _why(group: Sequence[PlannedRefusal]) -> str:
    if all(one.message == group[0].message for one in group):
        return group[0].message
    scope = group[0].scope
    return f"nearest {units.zone_name(scope.region, scope.zone)}: {group[0].message}"
