"""The runs: task, service and dev environment, with all that they share."""

import re
import shlex
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic import WithJsonSchema as Schema

from atoll.configuration.types.base import (
    Duration,
    Flag,
    Model,
    Name,
    Positive,
    SomeNodes,
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
from atoll.configuration.types.scalar import as_text
from atoll.configuration.types.support import IN_CONTAINER, NO_CLONES, NO_DOCKER, Later


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
    path: Text = "."
    if_exists: Literal["error", "skip"] = "error"

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string"},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        first, *rest = value.split(":")
        is_url = bool(rest) and ("@" in first or rest[0].startswith("//"))
        is_drive = bool(rest) and len(first) == 1 and first.isalpha() and rest[0][:1] in ("\\", "/")
        if is_url or is_drive:
            first, rest = f"{first}:{rest[0]}", rest[1:]
        if len(rest) > 1 or not first:
            raise wrong_value(
                "a repository such as `.`, `.:/workspace` or `https://github.com/org/repo.git:/workspace`"
            )
        return {"url" if is_url else "local_path": first, **({"path": rest[0]} if rest else {})}

    @model_validator(mode="after")
    def _one_source(self, info: ValidationInfo) -> "Repository":
        if info.context is not None and (self.url is None) == (self.local_path is None):
            raise wrong_value("one of `url` and `local_path`")
        return self


PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")


def _python(value: Any, info: ValidationInfo) -> Any:
    """The version as it was written. Specs that were saved, which have no context, may be of an older release."""
    text = as_text(value)
    if text == "3.1":
        return "3.10"  # a float loses its last digit, so that dstack 0.22.5 reads it so too
    if info.context is not None and isinstance(text, str) and text not in PYTHONS:
        raise wrong_value("a version of Python from 3.9 to 3.15, such as `3.12`")
    return text


_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}")


def _image(name: str, info: ValidationInfo) -> str:
    if info.context is not None and _IMAGE.fullmatch(name) is None:
        raise wrong_value("the name of an image, such as `ubuntu:24.04` or `ghcr.io/org/image:tag`")
    return name


def _words(text: str, info: ValidationInfo) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise wrong_value("words as a shell splits them, with closed quotes") from error
    if info.context is not None and not any(words[:1]):
        raise wrong_value("a program and its arguments")
    return text


def _not_true(value: Any) -> Any:
    """`true` is no limit, as in dstack."""
    return None if value is True else value


Python = Annotated[str, BeforeValidator(_python), Schema({"enum": [*PYTHONS, *map(float, PYTHONS)]})]

MOST_MOUNTS = 100
MOST_FILES = 100


class Run(ProfileParameters):
    """What a task, a service and a dev environment have in common."""

    name: Name | None = None
    commands: Texts = ()
    env: Environment = Field(default_factory=dict)
    image: Annotated[Text, AfterValidator(_image)] | None = None
    user: Annotated[Text | None, Later("commands run as the user of the machine's agent", beside="image")] = None
    privileged: Annotated[Flag, IN_CONTAINER] = False
    entrypoint: Annotated[Annotated[Text, AfterValidator(_words)] | None, IN_CONTAINER] = None
    working_dir: Text | None = None
    home_dir: Annotated[Text, Later("the home folder is that of the machine's user", refused=False)] = "/root"
    registry_auth: Annotated[RegistryAuth | None, IN_CONTAINER] = None
    python: Annotated[Python | None, Later("commands find the Python that the machine has")] = None
    nvcc: Annotated[Flag | None, Later("commands find the CUDA compiler that the machine has")] = None
    single_branch: Annotated[Flag | None, Later("this release clones no repository", refused=False)] = None
    shell: Text | None = None
    resources: Resources = Field(default_factory=Resources)
    priority: Annotated[
        Annotated[int, Field(strict=True, ge=0, le=100)] | None,
        Later("waiting runs start in the order of their submission", refused=False),
    ] = None
    volumes: tuple[Mount, ...] = ()
    docker: Annotated[Flag | None, NO_DOCKER] = None
    dstack: Annotated[Flag, Later("there is no dstack server that the run could reach")] = False
    repos: Annotated[tuple[Repository, ...], NO_CLONES] = ()
    files: Annotated[tuple[FileMapping, ...], Field(max_length=MOST_FILES)] = ()
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
    nodes: SomeNodes = 1
    resources: Resources = Field(default_factory=Resources)
    commands: Texts = ()
    ports: tuple[Port, ...] = ()


class TaskPlacement(Model):
    """How the nodes of a task lie to each other: a strategy's name, or the mapping."""

    strategy: Literal["region", "any", "cluster", "spread"] = "region"
    max_skew: Positive = 1

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"enum": ["region", "any", "cluster", "spread"]},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        return {"strategy": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> "TaskPlacement":
        if "max_skew" in self.model_fields_set and self.strategy != "spread":
            raise wrong_value("`strategy: spread` beside `max_skew`, which means nothing otherwise", ("max_skew",))
        return self


class Task(Run):
    """Commands that end."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [key]} for key in ("commands", "image", "groups")]}
    )

    type: Literal["task"]
    nodes: SomeNodes = 1
    placement: TaskPlacement = Field(default_factory=TaskPlacement)
    groups: Annotated[tuple[Group, ...], Later("this release starts nodes that are all alike")] = ()

    @model_validator(mode="after")
    def _sets_up_before_something(self, info: ValidationInfo) -> "Task":
        if info.context is not None and self.setup and (self.entrypoint or not self.commands):
            help = "put the lines into the image, or name the image's own command under `commands`"
            beside = "an `entrypoint`" if self.entrypoint else "an image's own command"
            raise refusal("wrong-value", f"`setup` cannot run before {beside}", help, ("setup",))
        return self

    @model_validator(mode="after")
    def _does_something(self) -> "Task":
        if not (self.commands or self.image or self.groups):
            raise refusal("missing-key", "a task needs `commands` or `image`", "add `commands:` with a list of lines")
        return self


class DevEnvironment(Run):
    """A machine for an editor."""

    later: ClassVar[Later | None] = Later("this release runs tasks")

    type: Literal["dev-environment"]
    ide: Literal["vscode", "cursor", "windsurf", "zed"] | None = None
    version: Text | None = None
    init: Texts = ()
    inactivity_duration: Annotated[Duration, BeforeValidator(_not_true)] = None
