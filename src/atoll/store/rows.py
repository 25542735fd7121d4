"""Records to rows and back: the only place that maps values to columns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from enum import StrEnum
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

from atoll.model.endpoint import Endpoint, ExecStream, SshSocket, TcpSocket, UnixSocket
from atoll.model.offer import Market
from atoll.model.records import (
    Attachment,
    Closure,
    ClosureKind,
    Event,
    EventKind,
    Fleet,
    Instance,
    Job,
    Kind,
    Record,
    Run,
    Volume,
)
from atoll.model.resources import Gpu, InstanceType
from atoll.model.states import (
    AttachmentState,
    ClosureState,
    FleetState,
    InstanceState,
    JobState,
    RunState,
    VolumeState,
)
from atoll.model.zone import Zone, ZoneKind
from atoll.store.tables import TABLES

_ENDPOINT_TYPES = {UnixSocket: "unix", TcpSocket: "tcp", SshSocket: "ssh", ExecStream: "exec"}
ZONE_COLUMNS = ("backend", "region", "zone", "zone_id", "zone_kind")

RECORDS: Mapping[Kind, type[Record]] = {
    Kind.FLEET: Fleet,
    Kind.INSTANCE: Instance,
    Kind.VOLUME: Volume,
    Kind.ATTACHMENT: Attachment,
    Kind.RUN: Run,
    Kind.JOB: Job,
    Kind.CLOSURE: Closure,
}
_STATES = {
    Kind.FLEET: FleetState,
    Kind.INSTANCE: InstanceState,
    Kind.VOLUME: VolumeState,
    Kind.ATTACHMENT: AttachmentState,
    Kind.RUN: RunState,
    Kind.JOB: JobState,
    Kind.CLOSURE: ClosureState,
}

_ENUMS: Mapping[str, type[StrEnum]] = {"market": Market, "operation": ClosureKind}


def columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The column values of some fields of a record."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        if name == "zone":
            row |= zone_columns(value)
        elif isinstance(value, InstanceType):
            row[name] = asdict(value)
        elif isinstance(value, Endpoint):
            row[name] = endpoint_data(value)
        elif isinstance(value, tuple):
            row[name] = list(value)
        elif isinstance(value, Mapping):
            row[name] = dict(value)
        else:
            row[name] = value
    return row


def zone_columns(zone: Zone | None) -> dict[str, Any]:
    """The five columns of a zone. Without a zone the `backend` column is left to the record's own field."""
    if zone is None:
        return {"region": None, "zone": None, "zone_id": None, "zone_kind": None}
    return {
        "backend": zone.backend,
        "region": zone.region,
        "zone": zone.name,
        "zone_id": zone.zone_id,
        "zone_kind": zone.kind,
    }


def zone_of(row: Mapping[str, Any]) -> Zone | None:
    """The zone in a row, if it has one."""
    if row["region"] is None:
        return None
    return zone_from(row["backend"], row["region"], row["zone"], row["zone_id"], row["zone_kind"])


@lru_cache(maxsize=4096)
def zone_from(backend: str, region: str, name: str, zone_id: str | None, kind: str) -> Zone:
    """The zone in these columns."""
    return Zone(backend, region, name, zone_id, ZoneKind(kind))


def endpoint_data(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint as its JSON column has it: its fields, and its type."""
    return {"type": _ENDPOINT_TYPES[type(endpoint)], **asdict(endpoint)}


def endpoint_of(data: Mapping[str, Any] | None) -> Endpoint | None:
    """The endpoint in its JSON column."""
    match data:
        case None:
            return None
        case {"type": "unix", "path": path}:
            return UnixSocket(path)
        case {"type": "tcp", "host": host, "port": port}:
            return TcpSocket(host, port)
        case {"type": "ssh", "host": host, "path": path}:
            return SshSocket(host, path)
        case {"type": "exec", "command": command, "host": host}:
            return ExecStream(tuple(command), host)
    raise ValueError(f"no endpoint: {data}")


def instance_type_of(data: Mapping[str, Any]) -> InstanceType:
    """An instance type from its JSON column."""
    gpu = data.get("gpu")
    if gpu is None:
        return _plain_type(tuple(data), tuple(data.values()))
    capability = gpu.get("compute_capability")
    gpu = Gpu(**{**gpu, "compute_capability": tuple(capability) if capability else None})
    return InstanceType(**{**data, "gpu": gpu})


def fields_of(record: Record) -> dict[str, Any]:
    """A record's own fields by name."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def records_of(kind: Kind, rows: Iterable[Sequence[Any]]) -> list[Any]:
    """The records in whole rows of its kind's table, whose columns are in the table's order."""
    type_, readers = RECORDS[kind], _readers(kind)
    return [type_(*[read(row) for read in readers]) for row in rows]


def event_of(row: Mapping[str, Any]) -> Event:
    """The event in a row."""
    values = {field.name: row[field.name] for field in fields(Event)}
    return Event(**{**values, "kind": EventKind(row["kind"]), "zone": zone_of(row)})


@cache
def _readers(kind: Kind) -> tuple[Callable[[Sequence[Any]], Any], ...]:
    """What finds the value of each field of a record in a row."""
    at = {column.name: number for number, column in enumerate(TABLES[kind].columns)}
    place = itemgetter(*(at[name] for name in ZONE_COLUMNS)) if ZONE_COLUMNS[1] in at else None
    return tuple(_reader(kind, field.name, at, place) for field in fields(RECORDS[kind]))


def _reader(
    kind: Kind, name: str, at: Mapping[str, int], place: Callable[[Sequence[Any]], Any] | None
) -> Callable[[Sequence[Any]], Any]:
    if name == "zone":
        assert place is not None
        return lambda row: None if (values := place(row))[1] is None else zone_from(*values)
    number = at[name]
    if name == "instance_type":
        return lambda row: instance_type_of(row[number])
    if name == "endpoint":
        return lambda row: endpoint_of(row[number])
    if name == "volumes" or (kind is Kind.JOB and name == "blocks"):
        return lambda row: tuple(row[number])
    if name in _ENUMS or name == "state":
        members = {member.value: member for member in (_STATES[kind] if name == "state" else _ENUMS[name])}
        return lambda row: members[row[number]]
    return itemgetter(number)


@lru_cache(maxsize=4096)
def _plain_type(names: tuple[str, ...], values: tuple[Any, ...]) -> InstanceType:
    return InstanceType(**dict(zip(names, values, strict=True)))
