"""Instances as lists show them: only the displayed columns, with what runs on each, in one statement.

Thousands are listed while all of them change: each becomes one small tuple instead of a record, and parts
that are the same for many are created once.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    ScalarSelect,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    select,
    tuple_,
)

from atoll.model.resources import InstanceType
from atoll.model.states import JOB, AttachmentState
from atoll.model.zone import Zone
from atoll.store.connection import Connection
from atoll.store.query import among, one_value
from atoll.store.rows import ZONE_COLUMNS, instance_type_of, zone_from
from atoll.store.tables import LIVING, attachments, instances, jobs

SEPARATOR = ","
"""Between the names of one column; no name has it."""


class ShownInstance(NamedTuple):
    """One machine. `unreachable_since` is since when its agent has
    been silent, `runs` and `volumes` are the names of what is on it."""

    id: str
    fleet_id: str
    fleet: str
    node: int
    state: str
    market: str
    price: float
    created_at: datetime
    backend_id: str | None
    end_reason: str
    message: str
    unreachable_since: datetime | None
    blocks: int
    instance_type: InstanceType
    zone: Zone
    runs: tuple[str, ...]
    volumes: tuple[str, ...]
    used_blocks: int

    @property
    def name(self) -> str:
        """FLEET-NODE: what users see."""
        return f"{self.fleet}-{self.node}"


async def shown_page(connection: Connection, project: str, after: str | None, limit: int) -> list[ShownInstance]:
    """A project's instances that are not terminated, by fleet and node: all, or those after the one of an id."""
    statement, values = (_ALL, {}) if after is None else (_AFTER, {"after": after})
    return _shown((await connection.execute(statement, {"project": project, "most": limit, **values})).all())


async def shown_of(connection: Connection, fleet_ids: Collection[str]) -> dict[str, list[ShownInstance]]:
    """The instances of several fleets that are not terminated, by fleet's id; each fleet's by node."""
    found: dict[str, list[ShownInstance]] = {}
    dialect = connection.dialect.name
    rows = (await connection.execute(_of_fleets(dialect), {"ids": one_value(fleet_ids, dialect)})).all()
    for one in _shown(rows):
        found.setdefault(one.fleet_id, []).append(one)
    return found


async def shown_by_id(connection: Connection, project: str, ids: Collection[str]) -> list[ShownInstance]:
    """Those of the ids that are instances of the project and not terminated, by fleet and node."""
    dialect = connection.dialect.name
    values = {"project": project, "ids": one_value(ids, dialect)}
    return _shown((await connection.execute(_of_ids(dialect), values)).all())


def _names(table: Table, name: ColumnElement[Any], condition: ColumnElement[bool]) -> ScalarSelect[str]:
    """The names of what holds an instance, in one text."""
    held = (table.c.instance_id == instances.c.id, condition)
    return select(func.aggregate_strings(name, SEPARATOR)).where(*held).scalar_subquery()


def _order(table: Any) -> tuple[Column[Any], ...]:
    return table.c.fleet, table.c.node, table.c.id


_PLAIN = ShownInstance._fields[: ShownInstance._fields.index("instance_type")]
_MADE = len(_PLAIN)
"""From here on the columns of a row are not the fields yet."""
_BLOCKS = _PLAIN.index("blocks")
_SELECT = select(
    *(instances.c[name] for name in _PLAIN),
    cast(instances.c.instance_type, Text),
    *(instances.c[name] for name in ZONE_COLUMNS),
    _names(jobs, jobs.c.run, jobs.c.state.not_in(JOB.final)),
    _names(attachments, attachments.c.name, attachments.c.state != AttachmentState.DETACHED),
    _names(jobs, cast(jobs.c.blocks, Text), jobs.c.state.not_in(JOB.final)),
).where(LIVING)
_LAST = instances.alias("last")
_THERE = (_LAST.c.id == bindparam("after"), _LAST.c.project == bindparam("project"))
_ALL = _SELECT.where(instances.c.project == bindparam("project")).order_by(*_order(instances)).limit(bindparam("most"))
_AFTER = _ALL.where(tuple_(*_order(instances)) > select(*_order(_LAST)).where(*_THERE).scalar_subquery())


@cache
def _of_ids(dialect: str) -> Select[Any]:
    mine = (instances.c.project == bindparam("project"), among(instances.c.id, (), dialect))
    return _SELECT.where(*mine).order_by(*_order(instances))


@cache
def _of_fleets(dialect: str) -> Select[Any]:
    return _SELECT.where(among(instances.c.fleet_id, (), dialect)).order_by(instances.c.node, instances.c.id)


def _shown(rows: Iterable[Sequence[Any]]) -> list[ShownInstance]:
    return [
        ShownInstance._make(
            (
                *row[:_MADE],
                _type(row[_MADE]),
                zone_from(*row[_MADE + 1 : -3]),
                _split(row[-3]),
                _split(row[-2]),
                _used(row[_BLOCKS], row[-1]),
            )
        )
        for row in rows
    ]


def _used(blocks: int, claims: str | None) -> int:
    """How many blocks are held by claims, which are lists of numbers in one text; an empty list holds all."""
    if not claims or blocks == 1:
        return 1 if claims else 0
    held: list[list[int]] = json.loads(f"[{claims}]")
    return min(blocks, sum(len(numbers) or blocks for numbers in held))


def _split(names: str | None) -> tuple[str, ...]:
    return tuple(sorted(names.split(SEPARATOR))) if names else ()


@lru_cache(maxsize=4096)
def _type(text: str) -> InstanceType:
    return instance_type_of(json.loads(text))
