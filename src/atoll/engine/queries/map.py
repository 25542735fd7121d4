"""The zone map: what every zone holds, in columns, whole or as what changed after an event.

The map is read in pages, so that nothing else waits for it. Its number is that of the newest event before the first
page: what changes meanwhile is in the map already or follows as a change, and a change states what is, never a
difference, so that seeing it twice does no harm.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from atoll.engine.context import Context
from atoll.engine.snapshots.closures import zones_for
from atoll.model.failure import Failure
from atoll.model.records import Event, EventKind, Fleet, Kind, Run, Volume
from atoll.model.states import InstanceState, RunState
from atoll.model.zone import Zone, ZoneState
from atoll.store.hour import SLOT_SECONDS
from atoll.store.shown import ShownInstance
from atoll.store.transaction import Transaction
from atoll.wire.map import (
    BUSY,
    IDLE,
    LEAVING,
    LOST,
    STARTING,
    Band,
    LeftOut,
    MapChange,
    MapFleet,
    MapHour,
    MapInstances,
    MapVolume,
    MapWaiting,
    MapZone,
    ZoneMap,
)

FURTHEST = 5_000
"""More events than this behind, a reader loads the map again."""
PAGE = 1_000
"""Instances read at once."""
LONGEST = 1_000_000
SLOTS = 120
_STARTING = frozenset({InstanceState.PENDING, InstanceState.LAUNCHING, InstanceState.STARTING})


async def zone_map(context: Context, project: str) -> ZoneMap:
    """The whole map of a project."""
    async with context.database.read() as tx:
        seq = await tx.newest_event()
        instances: list[ShownInstance] = []
        after: str | None = None
        while True:
            page = await tx.listing.instances(project, after, PAGE)
            instances += page
            if len(page) < PAGE:
                break
            after = page[-1].id
            await asyncio.sleep(0)
        lost = await tx.listing.unreachable(project)
        fleets = await _fleets(tx, project)
        volumes = await _volumes(tx, project)
        waiting = await _waiting(tx, project)
    zones = await _zones(context, project, {instance.zone for instance in instances})
    return ZoneMap(seq, zones, fleets, volumes, waiting, _columns(instances), tuple(lost))


async def map_change(context: Context, project: str, after: int) -> MapChange | None:
    """What changed after event `after`; None when more than `FURTHEST` events followed it."""
    found = await map_change_with_events(context, project, after)
    return None if found is None else found[0]


async def map_change_with_events(
    context: Context, project: str, after: int
) -> tuple[MapChange, Sequence[Event]] | None:
    """The change and the events that made it; None when more than `FURTHEST` events followed `after`."""
    async with context.database.read() as tx:
        events = await tx.events_after(project, after, limit=FURTHEST + 1)
        if len(events) > FURTHEST:
            return None
        return await _change_of(context, project, events, after, tx), events


async def _change_of(context: Context, project: str, events: Sequence[Event], after: int, tx: Transaction) -> MapChange:
    """The change that these events, which follow number `after`, make to the map."""
    subjects: dict[EventKind, set[str]] = {}
    for event in events:
        subjects.setdefault(event.kind, set()).add(event.subject)
    ids = subjects.get(EventKind.INSTANCE, set()) | await tx.listing.instances_of_jobs(subjects.get(EventKind.JOB, ()))
    instances = await tx.listing.instances_with_ids(project, ids) if ids else []
    lost = await tx.listing.unreachable(project)
    touched = subjects.keys()
    fleets = await _fleets(tx, project) if EventKind.FLEET in touched else None
    volumes = await _volumes(tx, project) if touched & {EventKind.VOLUME, EventKind.ATTACHMENT} else None
    waiting = await _waiting(tx, project) if touched & {EventKind.RUN, EventKind.JOB, EventKind.FLEET} else None
    found = {instance.id for instance in instances}
    # Zones change with what they hold, with their own events, and with failures that launches leave.
    zones = await _zones(context, project, {instance.zone for instance in instances}) if events else None
    return MapChange(
        events[-1].seq if events else after,
        _columns(instances),
        tuple(sorted(ids - found)),
        tuple(lost),
        zones,
        fleets,
        volumes,
        waiting,
    )


async def map_hour(context: Context, project: str) -> MapHour:
    """The last hour: events by half-minute, and the times in which zones were out or left out."""
    now = context.now()
    last = int(now.timestamp()) // SLOT_SECONDS
    start = datetime.fromtimestamp((last - SLOTS + 1) * SLOT_SECONDS, now.tzinfo)
    async with context.database.read() as tx:
        counts = {
            slot: (changes, launches, losses) for slot, changes, launches, losses in await tx.hour(project, start)
        }
        zone_events = await tx.zone_events(project, start)
        failures = await tx.failures.recent(now - timedelta(hours=1))
    bins = tuple(counts.get(slot, (0, 0, 0)) for slot in range(last - SLOTS + 1, last + 1))
    return MapHour(start, bins, (*_outages(zone_events, start), *_left_out_bands(failures, start)))


def place_of(zone: Zone) -> str:
    """BACKEND/REGION/NAME: what names a zone in the map."""
    return f"{zone.backend}/{zone.region}/{zone.name}"


def state_of(instance: ShownInstance) -> int:
    """What an instance's square is coloured by."""
    if instance.unreachable_since and instance.state == InstanceState.ACTIVE:
        return LOST
    if instance.end_reason or instance.state == InstanceState.TERMINATING:
        return LEAVING
    if instance.state in _STARTING:
        return STARTING
    return BUSY if instance.runs else IDLE


def _columns(instances: Sequence[ShownInstance]) -> MapInstances:
    zones, fleets, runs, types = _Names(), _Names(), _Names(), _Names()
    return MapInstances(
        id=tuple(instance.id for instance in instances),
        zone=tuple(zones.number(place_of(instance.zone)) for instance in instances),
        fleet=tuple(fleets.number(instance.fleet_id) for instance in instances),
        node=tuple(instance.node for instance in instances),
        state=tuple(map(state_of, instances)),
        run=tuple(runs.number(instance.runs[0]) if instance.runs else -1 for instance in instances),
        type=tuple(types.number(f"{instance.instance_type.name} {instance.market}") for instance in instances),
        price=tuple(instance.price for instance in instances),
        zones=zones.all,
        fleets=fleets.all,
        runs=runs.all,
        types=types.all,
    )


class _Names:
    """Numbers for names, in the order in which they come."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(self._numbers)


async def _zones(context: Context, project: str, holding: Collection[Zone]) -> tuple[MapZone, ...]:
    world = await context.worlds.world()
    async with context.database.read() as tx:
        zones = await zones_for(tx, world.zones, project)
        failures = [failure for failure in await tx.failures.recent(tx.now) if failure.scope.zone is not None]
    known = {info.zone for info in world.zones}
    views = []
    for info in zones:
        backend = context.backends.get(info.zone.backend)
        views.append(
            MapZone(
                place_of(info.zone),
                info.zone,
                str(info.zone),
                info.state,
                info.reason,
                info.until,
                backend is not None and backend.faults is not None,
                _left_out(failures, info.zone),
            )
        )
    for zone in sorted(set(holding) - known):
        why = "no longer offered" if zone.backend in context.backends else "its backend is not configured"
        views.append(MapZone(place_of(zone), zone, str(zone), ZoneState.GONE, why))
    return tuple(views)


def _left_out(failures: Iterable[Failure], zone: Zone) -> tuple[LeftOut, ...]:
    return tuple(
        LeftOut(failure.scope.instance_type or "", failure.message or str(failure.kind), failure.until)
        for failure in failures
        if (failure.scope.backend, failure.scope.region, failure.scope.zone) == (zone.backend, zone.region, zone.name)
    )


async def _fleets(tx: Transaction, project: str) -> tuple[MapFleet, ...]:
    return tuple(map(_fleet, await tx.listing.fleets(project, None, LONGEST)))


def _fleet(fleet: Fleet) -> MapFleet:
    placement = fleet.config.get("placement", "any")
    strategy = placement.get("strategy", "any") if isinstance(placement, Mapping) else placement
    return MapFleet(fleet.id, fleet.name, fleet.state, fleet.nodes, str(strategy), fleet.auto_created, fleet.message)


async def _volumes(tx: Transaction, project: str) -> tuple[MapVolume, ...]:
    volumes = await tx.listing.volumes(project, None, LONGEST)
    holders = await tx.listing.holders_of([volume.id for volume in volumes])
    return tuple(_volume(volume, bool(holders.get(volume.id))) for volume in volumes)


def _volume(volume: Volume, attached: bool) -> MapVolume:
    place = "" if volume.zone is None else place_of(volume.zone)
    return MapVolume(volume.name, place, volume.size_gb, "deleting" if volume.end_reason else volume.state, attached)


async def _waiting(tx: Transaction, project: str) -> tuple[MapWaiting, ...]:
    runs: Sequence[Run] = await tx.listing.runs(project, None, LONGEST, finished=False)
    fleets = await tx.listing.fleets(project, None, LONGEST)
    waiting = [
        MapWaiting(Kind.RUN, run.name, run.message, run.created_at)
        for run in runs
        if run.state is RunState.SUBMITTED and run.message
    ]
    waiting += [
        MapWaiting(Kind.FLEET, fleet.name, fleet.message, fleet.created_at) for fleet in fleets if fleet.message
    ]
    return tuple(waiting)


def _outages(events: Sequence[Event], start: datetime) -> list[Band]:
    bands: list[Band] = []
    open_bands: dict[str, datetime] = {}
    for event in events:
        if event.to_state == "failed":
            open_bands.setdefault(event.name, event.time)
        elif event.to_state == "restored":
            bands.append(Band(event.name, "outage", open_bands.pop(event.name, start), event.time))
    return [*bands, *(Band(zone, "outage", since, None) for zone, since in open_bands.items())]


def _left_out_bands(failures: Sequence[Failure], start: datetime) -> list[Band]:
    return [
        Band(failure.scope.zone, "left-out", max(failure.at, start), failure.until, failure.scope.instance_type or "")
        for failure in failures
        if failure.scope.zone is not None
    ]
