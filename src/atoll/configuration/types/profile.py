"""The profile parameters, which fleets share in part and runs take whole, and a profiles file's entries."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator, model_validator

from atoll.configuration.types.base import Duration, Flag, Model, Options, Price, Text, Texts, Whole, wrong_value
from atoll.configuration.types.support import NO_OPTIONS, NOT_RESERVED, NOT_TAGGED, Later

SpotPolicy = Literal["spot", "on-demand", "auto"]
RetryEvent = Literal["no-capacity", "interruption", "error"]
EVERY_EVENT: frozenset[RetryEvent] = frozenset({"no-capacity", "interruption", "error"})

MOST_ENTRIES = 500
"""Entries of a list of zones, regions and the like: each is held against everything that is known."""


def without_repeats(value: Any) -> Any:
    """A list of a fitting length whose entries all differ; other kinds are left to the next validator."""
    if isinstance(value, list) and len(value) > MOST_ENTRIES:
        raise wrong_value(f"at most {MOST_ENTRIES} entries")
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value) and len(set(value)) < len(value):
        raise wrong_value("each entry once")
    return value


Filter = Annotated[Texts, BeforeValidator(without_repeats), Field(json_schema_extra={"maxItems": MOST_ENTRIES})]
Tags = dict[str, Text]


class Retry(Model):
    """When something is tried again: `true` for every event, or the mapping."""

    on_events: Annotated[frozenset[RetryEvent], PlainSerializer(sorted)] = EVERY_EVENT
    duration: Duration = None


def _retry(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else None
    return value


RetryOrNot = Annotated[
    Retry | None,
    BeforeValidator(_retry, json_schema_input_type=Retry | bool | None),
]


class Utilization(Model):
    """The GPU utilization below which a run is ended."""

    min_gpu_utilization: Annotated[int, Field(strict=True, ge=0, le=100)]
    time_window: Duration


class Schedule(Model):
    """When a run is started again."""

    cron: Text | Texts

    @field_validator("cron")
    @classmethod
    def _check(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for times in (value,) if isinstance(value, str) else value:
            if len(times.split()) != 5:
                raise wrong_value("minute, hour, day, month and weekday, such as `0 8 * * *`")
        return value


class Selection(Model):
    """Where something may be placed, and on which offers; None is no limit."""

    backends: Filter | None = None
    regions: Filter | None = None
    availability_zones: Filter | None = None
    instance_types: Filter | None = None
    reservation: Annotated[Text | None, NOT_RESERVED] = None
    spot_policy: SpotPolicy = "on-demand"
    max_price: Price | None = None
    tags: Annotated[Tags | None, NOT_TAGGED] = None
    backend_options: Annotated[Options, NO_OPTIONS] = None


class FleetReference(Model):
    """A fleet by project and name."""

    project: Text | None = None
    name: Text


def _fleet_name(value: Any) -> Any:
    if isinstance(value, dict):
        found = FleetReference.model_validate(value)
        return f"{found.project}/{found.name}" if found.project else found.name
    return value


class InstanceReference(Model):
    """A machine: its name, its host name, or its number in a fleet."""

    name: Text | None = None
    hostname: Text | None = None
    fleet: Text | None = None
    instance: Whole | None = None

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string"},)
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["name"]}, {"required": ["hostname"]}, {"required": ["fleet", "instance"]}]
        }
    )

    @classmethod
    def expand(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_way(self) -> "InstanceReference":
        if self.model_fields_set not in ({"name"}, {"hostname"}, {"fleet", "instance"}):
            raise wrong_value("`name`, `hostname`, or `fleet` with `instance`")
        return self


FleetName = Annotated[Text, BeforeValidator(_fleet_name, json_schema_input_type=Text | FleetReference)]


class ProfileParameters(Selection):
    """What a profile can hold and every run has. Times are in seconds, None is `off`."""

    retry: RetryOrNot = None
    max_duration: Duration = None
    stop_duration: Duration = 300.0
    creation_policy: Literal["reuse", "reuse-or-create"] = "reuse-or-create"
    idle_duration: Duration = 300.0
    utilization_policy: Annotated[
        Utilization | None, Later("the run goes on however little it uses its GPUs", refused=False)
    ] = None
    startup_order: Annotated[
        Literal["any", "master-first", "workers-first"] | None,
        Later("every node starts as soon as its machine is there", refused=False),
    ] = None
    stop_criteria: Literal["all-done", "master-done"] | None = None
    schedule: Annotated[Schedule | None, Later("the run would start at once, and once")] = None
    fleets: tuple[FleetName, ...] | None = None
    instances: Annotated[
        tuple[InstanceReference, ...] | None, Later("the run would start on any machine that fits")
    ] = None


class Profile(ProfileParameters):
    """One entry of a profiles file."""

    name: Text
    default: Flag = False


class Profiles(Model):
    """A profiles file."""

    profiles: tuple[Profile, ...]
