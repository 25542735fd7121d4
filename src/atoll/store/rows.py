"""Records to rows and back: the one place that knows how a value lies in its columns."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from atoll.model.offer import Market
from atoll.model.records import Attachment, Event, EventKind, Fleet, Instance, Job, Kind, Record, Run, Volume
from atoll.model.resources import Gpu, InstanceType
from atoll.model.states import AttachmentState, FleetState, InstanceState, JobState, RunState, VolumeState
from atoll.model.zone import Zone, ZoneKind

RECORDS: Mapping[Kind, type[Record]] = {
    Kind.FLEET: Fleet,
    Kind.INSTANCE: Instance,
    Kind.VOLUME: Volume,
    Kind.ATTACHMENT: Attachment,
    Kind.RUN: Run,
    Kind.JOB: Job,
}
_STATES = {
    Kind.FLEET: FleetState,
    Kind.INSTANCE: InstanceState,
    Kind.VOLUME: VolumeState,
    Kind.ATTACHMENT: AttachmentState,
    Kind.RUN: RunState,
    Kind.JOB: JobState,
}


def columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The column values of some fields of a record."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        if name == "zone":
            row |= zone_columns(value)
        elif isinstance(value, InstanceType):
            row[name] = asdict(value)
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
    return Zone(row["backend"], row["region"], row["zone"], row["zone_id"], ZoneKind(row["zone_kind"]))


def instance_type_of(data: Mapping[str, Any]) -> InstanceType:
    """An instance type from its JSON column."""
    gpu = data.get("gpu")
    if gpu is not None:
        capability = gpu.get("compute_capability")
        gpu = Gpu(**{**gpu, "compute_capability": tuple(capability) if capability else None})
    return InstanceType(**{**data, "gpu": gpu})


def fields_of(record: Record) -> dict[str, Any]:
    """A record's own fields by name."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def record_of(kind: Kind, row: Mapping[str, Any]) -> Any:
    """The record in a row of its kind's table."""
    values: dict[str, Any] = {}
    for field in fields(RECORDS[kind]):
        name = field.name
        if name == "zone":
            values[name] = zone_of(row)
        elif name == "state":
            values[name] = _STATES[kind](row[name])
        elif name == "instance_type":
            values[name] = instance_type_of(row[name])
        elif name == "market":
            values[name] = Market(row[name])
        elif name == "volumes":
            values[name] = tuple(row[name])
        else:
            values[name] = row[name]
    return RECORDS[kind](**values)


def event_of(row: Mapping[str, Any]) -> Event:
    """The event in a row."""
    values = {field.name: row[field.name] for field in fields(Event)}
    return Event(**{**values, "kind": EventKind(row["kind"]), "zone": zone_of(row)})
