"""What happens to the instances of a zone that is emptied: replaced elsewhere, released, or why one stays.

Whether a replacement can be had is the plan's answer; here stands what no plan could change: a job's volume that is in
the zone, a fleet whose zones are all closed, a run that is not to be stopped.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from atoll.model.zone import Zone
from atoll.planning.filters.eligible import usable_zones
from atoll.planning.request import FleetRequest, Requirements
from atoll.planning.snapshot import Snapshot


class StayCode(StrEnum):
    """Why an instance stays in a zone that is emptied."""

    VOLUME = "volume"
    """A run on it uses a volume, which is in the zone."""
    NO_ZONE = "no-zone"
    """Its fleet may have nodes in no other zone."""
    MIN_ZONES = "min-zones"
    """Its fleet needs more zones than would be left."""
    RUN = "run"
    """It belongs to the run on it, and ends after it."""


@dataclass(frozen=True, slots=True)
class Occupant:
    """An instance in the zone, with what uses it: names of `runs`, and of the `volumes` that they have there.

    `fleet` is the id of its fleet, which has no request where a run created it.
    """

    id: str
    name: str
    fleet: str
    runs: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stay:
    """An instance that stays, and why."""

    occupant: Occupant
    code: StayCode
    text: str


@dataclass(frozen=True, slots=True)
class Moves:
    """The instances (ids) to be replaced elsewhere, those that end without a successor, and those that stay.

    Of those to be replaced, the `busy` ones leave when their runs have ended.
    """

    replace: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    stays: tuple[Stay, ...] = ()
    busy: tuple[Occupant, ...] = ()


def moves(zone: Zone, occupants: Collection[Occupant], fleets: Mapping[str, FleetRequest], snapshot: Snapshot) -> Moves:
    """What happens to the occupants of a zone, which is closed in the snapshot; idle ones first.

    `fleets` are the requests of the fleets that keep their size, by id.
    """
    zones: dict[Requirements, int] = {}
    replaced, released, stays, busy = [], [], [], []
    for occupant in sorted(occupants, key=lambda one: (bool(one.runs), one.name)):
        fleet = fleets.get(occupant.fleet)
        if fleet is None:
            if occupant.runs:
                stays.append(Stay(occupant, StayCode.RUN, f"it ends after {_named('run', occupant.runs)}"))
            else:
                released.append(occupant.id)
            continue
        if fleet.requirements not in zones:
            zones[fleet.requirements] = len(usable_zones(fleet.requirements, snapshot))
        stay = _stays(zone, occupant, fleet, zones[fleet.requirements])
        if stay is None:
            replaced.append(occupant.id)
            if occupant.runs:
                busy.append(occupant)
        else:
            stays.append(stay)
    return Moves(tuple(replaced), tuple(released), tuple(stays), tuple(busy))


def _stays(zone: Zone, occupant: Occupant, fleet: FleetRequest, usable: int) -> Stay | None:
    least = fleet.placement.min_zones or 0
    if occupant.volumes:
        text = f"{_named('volume', occupant.volumes)} of {_named('run', occupant.runs)} is in {zone}"
        return Stay(occupant, StayCode.VOLUME, text)
    if not usable:
        return Stay(occupant, StayCode.NO_ZONE, f"fleet `{fleet.name}` may have nodes in no other open zone")
    if usable < least:
        text = f"fleet `{fleet.name}` needs {least} zones, and {usable} would be left"
        return Stay(occupant, StayCode.MIN_ZONES, text)
    return None


def _named(kind: str, names: Collection[str]) -> str:
    return f"{kind}{'' if len(names) == 1 else 's'} {', '.join(f'`{name}`' for name in names)}"
