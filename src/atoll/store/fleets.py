"""Fleets and their instances."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Text, and_, bindparam, case, cast, func, or_, select, update

from atoll.model.offer import Market
from atoll.model.quota import Taken
from atoll.model.records import Fleet, Instance, Kind
from atoll.model.states import FleetState, InstanceState
from atoll.model.zone import Zone
from atoll.store.connection import Connection
from atoll.store.query import Query
from atoll.store.rows import ZONE_COLUMNS, instance_type_of, zone_from
from atoll.store.tables import LIVING, fleets, instances

PART = 1000
"""How many ids one statement names: databases bound it."""

_STAYS = case((instances.c.end_reason == "", 1), else_=0)
_FITS = case(
    (and_(instances.c.end_reason == "", instances.c.outdated.is_(False), instances.c.leaving_for == ""), 1), else_=0
)
_SIZE = select(func.count(), func.coalesce(func.sum(_STAYS), 0)).where(
    instances.c.fleet_id == bindparam("fleet"), LIVING
)
_OURS = (fleets.c.project == bindparam("project"), fleets.c.deleted_at.is_(None))
_BY_ZONE = (
    select(*(instances.c[name] for name in ZONE_COLUMNS), func.count(), func.sum(_STAYS), func.sum(_FITS))
    .where(instances.c.fleet_id == bindparam("fleet"), LIVING)
    .group_by(*(instances.c[name] for name in ZONE_COLUMNS))
)
_NAMED = Query(Kind.FLEET, *_OURS, fleets.c.name == bindparam("name"))
_LISTING = Query(Kind.FLEET, *_OURS, order="created_at")
_HELD = Query(Kind.FLEET, fleets.c.deleted_at.is_(None), fleets.c.hold != "")
_OF_HOSTS = Query(
    Kind.FLEET, fleets.c.deleted_at.is_(None), cast(fleets.c.config, Text).contains('"ssh_config"'), order="created_at"
)
_RECOVERING = select(fleets.c.id).where(
    fleets.c.deleted_at.is_(None), cast(fleets.c.config, Text).contains('"on-recovery"')
)
_OF_FLEET = Query(Kind.INSTANCE, instances.c.fleet_id == bindparam("fleet"), LIVING, order="node")
_OF_PROJECT = Query(Kind.INSTANCE, instances.c.project == bindparam("project"), LIVING, order="node")
_OF_ALL = Query(Kind.INSTANCE, LIVING, order="node")
_HERE = (
    instances.c.backend == bindparam("its_backend"),
    instances.c.region == bindparam("its_region"),
    instances.c.zone == bindparam("its_zone"),
)
_IN_ZONE = Query(Kind.INSTANCE, *_HERE, LIVING)
_OF_PROJECT_IN_ZONE = Query(Kind.INSTANCE, instances.c.project == bindparam("project"), *_HERE, LIVING)
_MACHINES = select(instances.c.id, instances.c.state, instances.c.backend_id).where(
    instances.c.backend == bindparam("backend"), LIVING
)
_ACTIVE = Query(
    Kind.INSTANCE,
    instances.c.backend == bindparam("backend"),
    instances.c.state == InstanceState.ACTIVE,
    order="id",
)
_PLACE = [instances.c[name] for name in ZONE_COLUMNS]
_TYPE = cast(instances.c.instance_type, Text)
_TAKEN = (
    select(*_PLACE, _TYPE, instances.c.market, func.count()).where(LIVING).group_by(*_PLACE, _TYPE, instances.c.market)
)
_READY = case(
    (
        and_(
            instances.c.end_reason == "",
            instances.c.state == InstanceState.ACTIVE,
            instances.c.unreachable_since.is_(None),
        ),
        1,
    ),
    else_=0,
)
_KEPT = (fleets.c.deleted_at.is_(None), fleets.c.auto_created.is_(False))
_READINESS = (
    select(fleets.c.id, fleets.c.nodes, func.coalesce(func.sum(_READY), 0))
    .select_from(fleets.outerjoin(instances, and_(instances.c.fleet_id == fleets.c.id, LIVING)))
    .where(*_KEPT, fleets.c.state == FleetState.ACTIVE)
    .group_by(fleets.c.id, fleets.c.nodes)
)
_STARTED = (instances.c.started_at.is_not(None), instances.c.fleet_id == fleets.c.id, fleets.c.auto_created.is_(False))
_ENDED_SINCE = select(instances.c.deleted_at).where(*_STARTED, instances.c.deleted_at > bindparam("since"))
_AWAY = (
    select(*_PLACE, func.sum(case((instances.c.end_reason != "", 1), else_=0)))
    .where(*_STARTED, LIVING, or_(instances.c.end_reason != "", instances.c.unreachable_since.is_not(None)))
    .where(instances.c.id != bindparam("but"))
    .group_by(*_PLACE)
)
_THIS_FLEET = instances.c.fleet_id == bindparam("fleet")
_ENDING = Query(
    Kind.INSTANCE, instances.c.fleet_id == bindparam("fleet"), instances.c.end_reason == bindparam("reason"), LIVING
)


@dataclass(frozen=True, slots=True)
class Census:
    """How many instances of a fleet are not terminated, how many of these stay, and how many stay and fit, by zone."""

    alive: int = 0
    staying: int = 0
    fitting: Mapping[Zone, int] = field(default_factory=dict)

    @property
    def leaving(self) -> bool:
        """Whether others are to take the place of some."""
        return self.staying > sum(self.fitting.values())


class FleetRepository:
    """Fleets and instances of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def named(self, project: str, name: str) -> Fleet | None:
        """The fleet that holds this name now."""
        return await _NAMED.first(self._connection, project=project, name=name)

    async def listing(self, project: str) -> Sequence[Fleet]:
        """The project's fleets, and those being replaced, the oldest first."""
        return await _LISTING.all(self._connection, project=project)

    async def held(self) -> Sequence[Fleet]:
        """The fleets of all projects that launch nothing because a provider refused the request itself."""
        return await _HELD.all(self._connection)

    async def with_hosts(self) -> Sequence[Fleet]:
        """The fleets of all projects that may declare hosts of their own, the oldest first."""
        return await _OF_HOSTS.all(self._connection)

    async def recovering(self) -> list[str]:
        """The ids of the fleets of all projects that may rebalance by themselves."""
        return [id for (id,) in await self._connection.rows(_RECOVERING)]

    async def instances(self, fleet: Fleet) -> Sequence[Instance]:
        """The fleet's instances that are not terminated, by node."""
        return await _OF_FLEET.all(self._connection, fleet=fleet.id)

    async def size(self, fleet_id: str) -> tuple[int, int]:
        """The number of the fleet's instances that are not terminated, and how many of these are to stay."""
        [(alive, stay)] = await self._connection.rows(_SIZE, {"fleet": fleet_id})
        return alive, stay

    async def census(self, fleet_id: str) -> Census:
        """The fleet's instances, counted."""
        rows = await self._connection.rows(_BY_ZONE, {"fleet": fleet_id})
        fitting = {zone_from(*zone): fits for *zone, _, _, fits in rows if fits}
        return Census(sum(row[-3] for row in rows), sum(row[-2] for row in rows), fitting)

    async def ending(self, fleet_id: str, reason: str) -> Sequence[Instance]:
        """The instances of a fleet that end for a reason and are not terminated."""
        return await _ENDING.all(self._connection, fleet=fleet_id, reason=reason)

    async def readiness(self) -> dict[str, tuple[int, int]]:
        """The desired nodes of every kept fleet of all projects and how many of these work, by its id."""
        return {id: (nodes, ready) for id, nodes, ready in await self._connection.rows(_READINESS)}

    async def departures(
        self, since: datetime, fleet_id: str | None, but: str
    ) -> tuple[list[datetime], dict[Zone, int], list[Zone]]:
        """What is away of a kept fleet, or of all: when nodes ended since a time, how many end by zone, and all zones.

        The third part are the zones of nodes that end or do not answer. The instance `but` does not count.
        """
        ended, away, values = _ENDED_SINCE, _AWAY, {}
        if fleet_id is not None:
            ended, away, values = ended.where(_THIS_FLEET), away.where(_THIS_FLEET), {"fleet": fleet_id}
        times = await self._connection.rows(ended, {"since": since, **values})
        rows = await self._connection.rows(away, {"but": but, **values})
        zones = {zone_from(*zone): ending for *zone, ending in rows}
        return [time for (time,) in times], {zone: ending for zone, ending in zones.items() if ending}, list(zones)

    async def mark_outdated(self, fleet_id: str, ids: Collection[str]) -> None:
        """Record which of the fleet's instances its configuration does not ask for; all others fit."""
        here = instances.c.fleet_id == fleet_id
        await self._connection.execute(update(instances).where(here, instances.c.outdated).values(outdated=False))
        every = tuple(ids)
        for start in range(0, len(every), PART):
            chosen = instances.c.id.in_(every[start : start + PART])
            await self._connection.execute(update(instances).where(here, chosen).values(outdated=True))

    async def mark_leaving(self, ids: Collection[str], cause: str) -> None:
        """Record that others are to take the place of these instances, for a closure or a rebalance."""
        every = tuple(ids)
        for start in range(0, len(every), PART):
            chosen = instances.c.id.in_(every[start : start + PART])
            await self._connection.execute(update(instances).where(chosen).values(leaving_for=cause))

    async def leaving(self, project: str) -> frozenset[str]:
        """The ids of the project's instances that leave their zones."""
        where = (instances.c.project == project, instances.c.leaving_for != "", LIVING)
        rows = await self._connection.execute(select(instances.c.id).where(*where))
        return frozenset(rows.scalars())

    async def stop_leaving(self, cause: str, fleet_id: str | None = None) -> None:
        """Let the instances stay that were to leave for a closure or a rebalance, of one fleet or of all."""
        leaving = [instances.c.leaving_for == cause]
        if fleet_id is not None:
            leaving.append(instances.c.fleet_id == fleet_id)
        await self._connection.execute(update(instances).where(*leaving).values(leaving_for=""))

    async def in_zone(self, zone: Zone, project: str | None = None) -> Sequence[Instance]:
        """The instances in a zone that are not terminated, of one project or of all, by fleet and node."""
        query, values = (_IN_ZONE, {}) if project is None else (_OF_PROJECT_IN_ZONE, {"project": project})
        place = {"its_backend": zone.backend, "its_region": zone.region, "its_zone": zone.name}
        found: list[Instance] = await query.all(self._connection, **place, **values)
        return sorted(found, key=lambda instance: (instance.project, instance.fleet, instance.node, instance.id))

    async def end(self, ids: Collection[str], reason: str) -> None:
        """Mark instances for termination; those already marked keep their reason."""
        every = tuple(ids)
        for start in range(0, len(every), PART):
            chosen = (instances.c.id.in_(every[start : start + PART]), instances.c.end_reason == "")
            await self._connection.execute(update(instances).where(*chosen).values(end_reason=reason))

    async def machines(self, backend: str) -> dict[str, tuple[InstanceState, str | None]]:
        """State and machine (the backend's id) of every instance of a backend that is not terminated, by its id."""
        rows = await self._connection.rows(_MACHINES, {"backend": backend})
        return {id: (InstanceState(state), machine) for id, state, machine in rows}

    async def active(self, backend: str) -> Sequence[Instance]:
        """Every active instance of a backend, by id."""
        return await _ACTIVE.all(self._connection, backend=backend)

    async def taken(self) -> list[Taken]:
        """How many instances of each type are in each zone on each market."""
        rows = await self._connection.rows(_TAKEN)
        return [
            (zone_from(*zone), instance_type_of(json.loads(text)), Market(market), count)
            for *zone, text, market, count in rows
        ]

    async def live_instances(self, project: str | None = None) -> Sequence[Instance]:
        """All instances that are not terminated, of one project or of all, by fleet and node."""
        query, values = (_OF_ALL, {}) if project is None else (_OF_PROJECT, {"project": project})
        found: list[Instance] = await query.all(self._connection, **values)
        return sorted(found, key=lambda instance: (instance.fleet, instance.node, instance.id))
