"""The service: replicas of commands that answer requests, how many there are, and how requests reach them."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic import WithJsonSchema as Schema

from atoll.configuration.types.base import CountRange, Duration, Flag, Model, Text, Texts, Whole, refusal, wrong_value
from atoll.configuration.types.profile import FleetName, SpotPolicy
from atoll.configuration.types.resources import Resources
from atoll.configuration.types.run import Port, Python, Run
from atoll.configuration.types.support import Later

HEADER, PREFIX = r"^[a-zA-Z0-9_-]{1,500}$", r"^/[^\s\\{}]*$"
"""What the names of headers and the paths of rate limits look like."""
WINDOWS = (30.0, 60.0, 300.0)
"""Seconds: the windows over which requests are counted, as dstack 0.22.5 has them."""


class Scaling(Model):
    """When a service gets more replicas."""

    metric: Literal["rps"]
    target: Annotated[float, Field(gt=0)]
    window: Duration = None
    scale_up_delay: Duration = 300.0
    scale_down_delay: Duration = 600.0

    @model_validator(mode="after")
    def _counted(self) -> "Scaling":
        if self.window is not None and self.window not in WINDOWS:
            raise wrong_value("`30s`, `60s` or `300s`", ("window",))
        return self


class Router(Model):
    """The process that spreads requests over the replicas of the other groups."""

    type: Literal["smg", "sglang", "dynamo"] = "smg"


class ReplicaGroup(Model):
    """Replicas that are alike. `count` is an older name of `replicas`."""

    name: Text | None = None
    replicas: CountRange
    scaling: Scaling | None = None
    resources: Resources = Field(default_factory=Resources)
    spot_policy: SpotPolicy | None = None
    reservation: Text | None = None
    commands: Texts = ()
    image: Text | None = None
    python: Python | None = None
    nvcc: Flag | None = None
    docker: Flag | None = None
    privileged: Flag | None = None
    router: Router | None = None

    @classmethod
    def expand(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "count" not in value:
            return value
        rest = {key: inner for key, inner in value.items() if key != "count"}
        return {"replicas": value["count"], **rest}


class ChatModel(Model):
    """The model that is served: its name, or the mapping."""

    type: Literal["chat"] = "chat"
    name: Text
    format: Literal["openai", "tgi"] = "openai"
    prefix: Text = "/v1"
    chat_template: Text | None = None
    eos_token: Text | None = None

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "string"},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Header(Model):
    """A header of a probe's request."""

    name: Text
    value: Text


class Probe(Model):
    """A request that shows whether a replica is ready."""

    type: Literal["http"]
    url: Text | None = None
    method: Literal["get", "post", "put", "delete", "patch", "head"] | None = None
    headers: tuple[Header, ...] = ()
    body: Text | None = None
    timeout: Duration = None
    interval: Duration = None
    ready_after: Annotated[int, Field(strict=True, ge=1)] | None = None
    until_ready: Flag | None = None

    @model_validator(mode="after")
    def _possible(self) -> "Probe":
        if self.url is not None and not self.url.startswith("/"):
            raise wrong_value("a path that begins with `/`", ("url",))
        for key in ("timeout", "interval"):
            seconds = getattr(self, key)
            if seconds is not None and seconds < 1:
                raise wrong_value("at least `1s`", (key,))
        if self.body is not None and self.method in ("get", "head"):
            raise wrong_value(f"no `body` with `method: {self.method}`", ("body",))
        return self


def _header(value: str) -> str:
    if not re.match(HEADER, value):
        raise wrong_value("the name of a header of letters, digits, `-` and `_`, such as `X-User`")
    return value


def _prefix(value: str) -> str:
    if not re.match(PREFIX, value):
        raise wrong_value("a path that begins with `/`, without spaces, `\\`, `{` and `}`")
    return value


class LimitKey(Model):
    """What identifies the client of a request."""

    type: Literal["ip_address", "header"] = "ip_address"
    header: Annotated[str, AfterValidator(_header), Field(json_schema_extra={"pattern": HEADER})] | None = None

    @model_validator(mode="after")
    def _named(self) -> "LimitKey":
        if self.type == "header" and self.header is None:
            raise refusal("missing-key", "`header` is missing", "add `header:` with the name of a header")
        if self.type != "header" and self.header is not None:
            raise wrong_value("`header` beside `type: header` alone", ("header",))
        return self


class RateLimit(Model):
    """How many requests of one client pass, under a path."""

    prefix: Annotated[str, AfterValidator(_prefix), Field(max_length=4094, json_schema_extra={"pattern": PREFIX})] = "/"
    key: LimitKey = Field(default_factory=LimitKey)
    rps: Annotated[float, Field(ge=1 / 60, le=1e15)]
    burst: Annotated[int, Field(strict=True, ge=0, le=2**53)] = 0


class Cors(Model):
    """Which web pages may call the service from a browser."""

    allow_origins: Texts = ()
    allow_methods: Texts = ()
    allow_headers: Texts = ()
    allow_credentials: Flag = False
    max_age: Whole | None = None


def _origins(value: Any) -> Any:
    return {"allow_origins": ["*"]} if value is True else None if value is False else value


def _https(value: Any) -> Any:
    words = {"yes": True, "on": True, "no": False, "off": False}
    return words.get(value, value) if isinstance(value, str) else value


Https = Annotated[
    bool | Literal["auto"],
    BeforeValidator(_https),
    Schema({"enum": [True, False, "auto", "yes", "no", "on", "off"]}),
]


class Service(Run):
    """Commands that answer requests."""

    later: ClassVar[Later | None] = Later("this release runs tasks")

    type: Literal["service"]
    port: Port
    gateway: Flag | FleetName | None = None
    strip_prefix: Flag = True
    model: ChatModel | None = None
    https: Https | None = None
    auth: Flag = True
    replicas: CountRange | None = None
    groups: tuple[ReplicaGroup, ...] | None = None
    scaling: Scaling | None = None
    rate_limits: tuple[RateLimit, ...] = ()
    probes: tuple[Probe, ...] | None = None
    router: Router | None = None
    cors: Annotated[Cors | None, BeforeValidator(_origins, json_schema_input_type=Cors | bool | None)] = None
    path_prefix: Text | None = None

    @classmethod
    def expand(cls, value: Any) -> Any:
        """A list under `replicas` is the older form of `groups`."""
        if isinstance(value, dict) and isinstance(value.get("replicas"), list) and value.get("groups") is None:
            rest = {key: inner for key, inner in value.items() if key not in ("replicas", "groups")}
            return {**rest, "groups": value["replicas"]}
        return value

    @model_validator(mode="after")
    def _does_something(self) -> "Service":
        if not (self.commands or self.image or self.groups):
            raise refusal(
                "missing-key", "a service needs `commands` or `image`", "add `commands:` with a list of lines"
            )
        if self.groups is not None and self.replicas is not None:
            raise wrong_value("`replicas` or `groups`, not both", ("replicas",))
        if self.groups is not None and self.commands:
            raise wrong_value("`commands` in each group, not beside `groups`", ("commands",))
        return self
