"""The reads behind the API's lists: pages in order, and of related records only the displayed columns.

Everything is read by ids or by page, so that a list costs what it shows and not what exists.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Table, and_, func, select, tuple_

from atoll.model.records import Fleet, Instance, Kind, Record, Run, Volume
from atoll.model.states import RUN, AttachmentState, InstanceState, VolumeState
from atoll.model.zone import Zone
from atoll.store.connection import Connection
from atoll.store.query import among, fetch
from atoll.store.rows import records_of
from atoll.store.shown import ShownInstance, shown_by_id, shown_of, shown_page
from atoll.store.tables import LIVING, TABLES, attachments, fleets, instances, jobs, runs, volumes

R = TypeVar("R", bound=Record)


class _Order(NamedTuple):
    """The columns that a list is ordered by."""

    names: tuple[str, ...]
    descending: bool = False


_OLDEST = _Order(("created_at", "id"))
_NEWEST = _Order(("created_at", "id"), descending=True)


class Listing:
    """Pages of one transaction. `after` is the id of the record before the page; nothing follows an unknown one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fleets(self, project: str, after: str | None, limit: int) -> Sequence[Fleet]:
        """Fleets that hold their names, the oldest first."""
        where = [fleets.c.project == project, fleets.c.deleted_at.is_(None)]
        return await self._page(Kind.FLEET, where, _OLDEST, after, limit)

    async def volumes(self, project: str, after: str | None, limit: int) -> Sequence[Volume]:
        """Volumes that hold their names, the oldest first."""
        where = [volumes.c.project == project, volumes.c.deleted_at.is_(None)]
        return await self._page(Kind.VOLUME, where, _OLDEST, after, limit)

    async def runs(
        self, project: str, after: str | None, limit: int, *, finished: bool, newest: bool = False
    ) -> Sequence[Run]:
        """Runs that hold their names, with or without finished ones; the oldest first, or with `newest` the newest."""
        where = [runs.c.project == project, runs.c.deleted_at.is_(None)]
        where += [] if finished else [runs.c.state.not_in(RUN.final)]
        return await self._page(Kind.RUN, where, _NEWEST if newest else _OLDEST, after, limit)

    async def instances(self, project: str, after: str | None, limit: int) -> Sequence[ShownInstance]:
        """Instances that are not terminated, by fleet and node."""
        return await shown_page(self._connection, project, after, limit)

    async def instances_of(self, fleet_ids: Collection[str]) -> dict[str, list[ShownInstance]]:
        """The instances of several fleets that are not terminated, by fleet's id; each fleet's by node."""
        return await shown_of(self._connection, fleet_ids)

    async def instances_with_ids(self, project: str, ids: Collection[str]) -> list[ShownInstance]:
        """Those of the ids that are instances of the project and not terminated, by fleet and node."""
        return await shown_by_id(self._connection, project, ids)

    async def instances_of_jobs(self, job_ids: Collection[str]) -> set[str]:
        """The ids of the instances that these jobs are or were on."""
        if not job_ids:
            return set()
        wanted = select(jobs.c.instance_id).where(self._among(jobs.c.id, job_ids), jobs.c.instance_id.is_not(None))
        return {id for (id,) in await self._all(wanted)}

    async def unreachable(self, project: str) -> list[str]:
        """The ids of the active instances whose agent is silent."""
        silent = (instances.c.state == InstanceState.ACTIVE, instances.c.unreachable_since.is_not(None))
        rows = await self._all(select(instances.c.id).where(instances.c.project == project, *silent))
        return [id for (id,) in rows]

    async def instances_by_id(self, ids: Collection[str]) -> dict[str, Instance]:
        """Instances, terminated or not, by their ids."""
        found = await fetch(self._connection, Kind.INSTANCE, self._among(instances.c.id, ids))
        return {instance.id: instance for instance in found}

    async def holders_of(self, volume_ids: Collection[str]) -> dict[str, list[str]]:
        """The names of the live instances that each volume is attached to, by the volume's id."""
        found: dict[str, list[str]] = {}
        tied = and_(attachments.c.state != AttachmentState.DETACHED, LIVING)
        both = attachments.join(instances, attachments.c.instance_id == instances.c.id)
        holders = select(attachments.c.volume_id, instances.c.fleet, instances.c.node).select_from(both)
        statement = holders.where(self._among(attachments.c.volume_id, volume_ids), tied).order_by(attachments.c.id)
        for volume, fleet, node in await self._all(statement):
            found.setdefault(volume, []).append(f"{fleet}-{node}")
        return found

    async def instances_by_zone(self, project: str) -> dict[Zone, int]:
        """The number of the project's live instances in each zone."""
        living = (instances.c.project == project, LIVING)
        return await self._by_zone(instances, *living)

    async def volumes_by_zone(self, project: str) -> dict[Zone, int]:
        """The number of the project's volumes in each zone."""
        living = (volumes.c.project == project, volumes.c.state != VolumeState.DELETED, volumes.c.region.is_not(None))
        return await self._by_zone(volumes, *living)

    async def held_zones(self) -> dict[Zone, tuple[int, int]]:
        """The number of live instances and volumes of all projects in each zone."""
        machines = await self._by_zone(instances, LIVING)
        disks = await self._by_zone(volumes, volumes.c.state != VolumeState.DELETED, volumes.c.region.is_not(None))
        return {zone: (machines.get(zone, 0), disks.get(zone, 0)) for zone in sorted({*machines, *disks})}

    async def held_backends(self) -> dict[str, tuple[int, int]]:
        """The number of live instances and volumes of all projects on each backend."""
        held: dict[str, list[int]] = {}
        living = ((instances, LIVING), (volumes, volumes.c.state != VolumeState.DELETED))
        for place, (table, where) in enumerate(living):
            counted = select(table.c.backend, func.count()).where(where).group_by(table.c.backend)
            for name, count in await self._all(counted):
                held.setdefault(name, [0, 0])[place] = count
        return {name: (machines, disks) for name, (machines, disks) in held.items()}

    async def _by_zone(self, table: Table, *where: ColumnElement[bool]) -> dict[Zone, int]:
        place = (table.c.backend, table.c.region, table.c.zone)
        rows = await self._all(select(*place, func.count()).where(*where).group_by(*place))
        return {Zone(backend, region, zone): count for backend, region, zone, count in rows}

    def _among(self, column: ColumnElement[Any], ids: Collection[str]) -> ColumnElement[bool]:
        return among(column, ids, self._connection.dialect.name)

    async def _page(
        self, kind: Kind, where: list[ColumnElement[bool]], order: "_Order", after: str | None, limit: int
    ) -> list[Any]:
        table = TABLES[kind]
        columns = [table.c[name] for name in order.names]
        if after is not None:
            last = (await self._connection.execute(select(*columns).where(table.c.id == after, where[0]))).first()
            if last is None:
                return []
            beyond = tuple_(*columns) < tuple(last) if order.descending else tuple_(*columns) > tuple(last)
            where = [*where, beyond]
        by = [column.desc() if order.descending else column for column in columns]
        rows = await self._connection.execute(select(table).where(*where).order_by(*by).limit(limit))
        return records_of(kind, rows)

    async def _all(self, statement: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self._connection.execute(statement)]
