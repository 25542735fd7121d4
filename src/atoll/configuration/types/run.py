"""The runs: task, service and dev environment, with all that they share."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from atoll.configuration.types.base import (
    CountRange,
    Duration,
    Flag,
    Model,
    Name,
    Positive,
    Text,
    Texts,
    Whole,
    refusal,
    wrong_value,
)
from atoll.configuration.types.environment import Environment
from atoll.configuration.types.mount import FileMapping, Mount, RegistryAuth
from atoll.configuration.types.profile import ProfileParameters
from atoll.configuration.types.resources import Resources


class Port(Model):
    """A port to be reached at: `8000`, `80:8000`, `*:8000`, or the mapping."""

    local_port: Whole | None = None
    container_port: Positive

    short: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "integer", "minimum": 1, "maximum": 65535},
        {"type": "string", "pattern": r"^(([0-9]{1,5}|\*):)?[0-9]{1,5}$"},
    )

    @classmethod
    def expand(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return {"local_port": value, "container_port": value}
        if not isinstance(value, str):
            return value
        local, colon, inner = value.rpartition(":")
        if not inner.isdecimal() or not inner.isascii() or (colon and local != "*" and not local.isdecimal()):
            raise wrong_value("a port such as `8000` or `80:8000`")
        outer = {} if local == "*" else {"local_port": int(local[:9] or inner[:9])}
        return {**outer, "container_port": int(inner[:9])}

    @model_validator(mode="after")
    def _possible(self) -> "Port":
        if max(self.container_port, self.local_port or 0) > 65535:
            raise wrong_value("a port from 1 to 65535")
        return self


class Repository(Model):
    """A repository to be cloned: its address or folder, or the mapping."""

    url: Text | None = None
    local_path: Text | None = None
    branch: Text | None = None
    hash: Text | None = None
    path: Text | None = None
    if_exists: Literal["error", "skip"] | None = None

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string"},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return {"url" if "://" in value or value.startswith("git@") else "local_path": value}


def _version(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


MOST_MOUNTS = 100


class Run(ProfileParameters):
    """What a task, a service and a dev environment have in common."""

    name: Name | None = None
    commands: Texts = ()
    env: Environment = Field(default_factory=dict)
    image: Text | None = None
    user: Text | None = None
    privileged: Flag = False
    entrypoint: Text | None = None
    working_dir: Text | None = None
    home_dir: Text = "/root"
    registry_auth: RegistryAuth | None = None
    python: Annotated[Text, BeforeValidator(_version, json_schema_input_type=Text | float)] | None = None
    nvcc: Flag | None = None
    single_branch: Flag | None = None
    shell: Text | None = None
    resources: Resources = Field(default_factory=Resources)
    priority: Annotated[int, Field(strict=True, ge=0, le=100)] | None = None
    volumes: tuple[Mount, ...] = ()
    docker: Flag | None = None
    repos: tuple[Repository, ...] = ()
    files: tuple[FileMapping, ...] = ()
    setup: Texts = ()
    ports: tuple[Port, ...] = ()

    @model_validator(mode="after")
    def _mounts_apart(self) -> "Run":
        if len(self.volumes) > MOST_MOUNTS:
            raise wrong_value(f"at most {MOST_MOUNTS} mounts", ("volumes",))
        seen: set[str] = set()
        for index, mount in enumerate(self.volumes):
            path = mount.path.rstrip("/") or "/"
            if path in seen:
                raise refusal(
                    "duplicate-mount", f"two mounts at `{path}`", "give each mount its own path", ("volumes", index)
                )
            seen.add(path)
        return self


class Group(Model):
    """Nodes of a task that are alike."""

    name: Text | None = None
    nodes: Positive = 1
    resources: Resources = Field(default_factory=Resources)
    commands: Texts = ()
    ports: tuple[Port, ...] = ()


class Task(Run):
    """Commands that end."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [key]} for key in ("commands", "image", "groups")]}
    )

    type: Literal["task"]
    nodes: Positive = 1
    groups: tuple[Group, ...] = ()

    @model_validator(mode="after")
    def _does_something(self) -> "Task":
        if not (self.commands or self.image or self.groups):
            raise refusal("missing-key", "a task needs `commands` or `image`", "add `commands:` with a list of lines")
        return self


class Scaling(Model):
    """When a service gets more replicas."""

    metric: Literal["rps"]
    target: Annotated[float, Field(gt=0)]
    scale_up_delay: Duration = 300.0
    scale_down_delay: Duration = 600.0


class Service(Run):
    """Commands that answer requests."""

    type: Literal["service"]
    port: Port
    gateway: Flag | Text | None = None
    strip_prefix: Flag = True
    model: Any = None
    https: Any = None
    auth: Flag = True
    replicas: CountRange | None = None
    scaling: Scaling | None = None
    rate_limits: Any = None
    probes: Any = None
    router: Any = None
    cors: Any = None
    path_prefix: Text | None = None


class DevEnvironment(Run):
    """A machine for an editor."""

    type: Literal["dev-environment"]
    ide: Text | None = None
    version: Text | None = None
    init: Texts = ()
    inactivity_duration: Duration = None


class Gateway(Model):
    """The machine that requests for services come through."""

    type: Literal["gateway"]
    name: Name | None = None
    backend: Text
    region: Text
    availability_zone: Text | None = None
    instance_type: Text | None = None
    domain: Text | None = None
    public_ip: Flag = True
    certificate: Any = None
    router: Any = None
    default: Flag = False
    tags: dict[str, Text] | None = None
    backend_options: Any = None
