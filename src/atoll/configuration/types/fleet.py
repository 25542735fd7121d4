"""The fleet: how many nodes, on which offers, and how they lie over the zones."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from atoll.configuration.types.base import (
    MOST_NODES,
    Duration,
    Model,
    Name,
    NodeCount,
    Part,
    Positive,
    Whole,
    leading_zero,
    refusal,
    wrong_type,
    wrong_value,
)
from atoll.configuration.types.disruption import Disruption
from atoll.configuration.types.environment import Environment
from atoll.configuration.types.hosts import Ssh
from atoll.configuration.types.profile import RetryOrNot, Selection
from atoll.configuration.types.resources import Resources
from atoll.configuration.types.support import Later
from atoll.model.share import most_of

DAYS_3 = 3 * 86400.0
OF_RENTED = ("regions", "availability_zones", "instance_types", "max_price")
"""Keys that select rented machines."""


class Nodes(Model):
    """How many nodes a fleet has: `3`, `2..8`, or the mapping. `target` is `min` by default; no `max` is no limit."""

    min: NodeCount = 0
    target: NodeCount = 0
    max: NodeCount | None = None

    short: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "integer", "minimum": 0, "maximum": MOST_NODES},
        {"type": "string", "pattern": r"^([0-9]{1,6}|[0-9]{0,6} ?\.\. ?[0-9]{1,6}|[0-9]{1,6} ?\.\.)$"},
    )

    @classmethod
    def expand(cls, value: Any) -> Any:
        if isinstance(value, dict):
            long = {key: bound for key, bound in value.items() if bound is not None}
            return {"target": long.get("min", 0), **long}
        if isinstance(value, int) and not isinstance(value, bool):
            return {"min": value, "target": value, "max": value}
        if not isinstance(value, str):
            raise wrong_type("a number of nodes, a range such as `2..8`, or a mapping of `min`, `target`, `max`")
        if octal := leading_zero(value.strip()):
            raise octal
        low, dots, high = (part.strip() for part in value.partition(".."))
        if not dots:
            high = low
        if not (low or high) or not all(part.isascii() and part.isdigit() for part in (low, high) if part):
            raise wrong_value("a number of nodes or a range such as `2..8`")
        least = int(low[:9]) if low else 0
        return {"min": least, "target": least, **({"max": int(high[:9])} if high else {})}

    @model_validator(mode="after")
    def _ordered(self) -> "Nodes":
        if self.target < self.min or (self.max is not None and self.target > self.max):
            raise wrong_value("`min` ≤ `target` ≤ `max`")
        return self


def _no_nodes() -> Nodes:
    return Nodes(min=0, target=0, max=0)


class Placement(Model):
    """How the nodes lie over zones: a strategy's name, or the mapping."""

    strategy: Literal["any", "cluster", "spread"] = "any"
    max_skew: Positive = 1
    min_zones: Positive | None = None
    on_shortage: Literal["reject", "best-effort"] = "reject"
    survive_zones: Whole = 0
    max_zones: Positive | None = None
    max_share: Part | None = None
    rebalance: Literal["manual", "on-recovery"] = "manual"

    short: ClassVar[tuple[dict[str, Any], ...]] = ({"enum": ["any", "cluster", "spread"]},)

    @classmethod
    def expand(cls, value: Any) -> Any:
        return {"strategy": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> "Placement":
        for key in ("max_skew", "min_zones", "on_shortage", "survive_zones"):
            if key in self.model_fields_set and self.strategy != "spread":
                raise wrong_value(f"`strategy: spread` beside `{key}`, which means nothing otherwise", (key,))
        for key in ("max_zones", "max_share", "rebalance"):
            if key in self.model_fields_set and self.strategy == "cluster":
                raise wrong_value(f"`strategy: spread` or `any` beside `{key}`: a cluster is in one zone", (key,))
        if self.min_zones is not None and self.survive_zones >= self.min_zones:
            raise wrong_value("`survive_zones` to be smaller than `min_zones`", ("survive_zones",))
        if self.max_zones is not None and self.max_zones < (self.min_zones or 0):
            raise wrong_value("`max_zones` not to be smaller than `min_zones`", ("max_zones",))
        if self.max_zones is not None and self.survive_zones >= self.max_zones:
            raise wrong_value("`survive_zones` to be smaller than `max_zones`", ("survive_zones",))
        return self

    def check_nodes(self, nodes: int) -> None:
        """Refuse a number of nodes that `max_zones` zones cannot hold with at most `max_share` of them in each."""
        if self.max_zones is None or self.max_share is None or self.survive_zones:
            return
        most = most_of(nodes, self.max_share)
        if nodes > most * self.max_zones:
            zones = f"{self.max_zones} zone{'' if self.max_zones == 1 else 's'}"
            text = f"a higher `max_share` or `max_zones`: {zones} with at most {most} of {nodes} nodes each hold fewer"
            raise wrong_value(text, ("placement", "max_share"))


class Fleet(Selection):
    """Machines, how many of them, and how they lie over zones."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [key]} for key in ("nodes", "ssh_config")]})

    type: Literal["fleet"]
    name: Name | None = None
    nodes: Nodes = Field(default_factory=_no_nodes)
    placement: Placement = Field(default_factory=Placement)
    disruption: Disruption | None = None
    resources: Resources = Field(default_factory=Resources)
    idle_duration: Duration = DAYS_3
    blocks: Positive | Literal["auto"] = 1
    retry: RetryOrNot = None
    env: Annotated[Environment, Later("the variables would be missing on the machines")] = Field(default_factory=dict)
    ssh_config: Ssh | None = None

    @model_validator(mode="after")
    def _sized(self) -> "Fleet":
        if not {"nodes", "ssh_config"} & self.model_fields_set:
            raise refusal("missing-key", "a fleet needs `nodes` or `ssh_config`", "add `nodes: 1`")
        if self.ssh_config is not None:
            for key in OF_RENTED:
                if getattr(self, key) != type(self).model_fields[key].get_default(call_default_factory=True):
                    raise wrong_value(f"no `{key}` beside `ssh_config`, which names the machines itself", (key,))
            if self.backends not in (None, ("ssh",)):
                raise wrong_value("`ssh` or nothing in `backends` beside `ssh_config`", ("backends",))
            if "nodes" not in self.model_fields_set:
                if self.placement.survive_zones:
                    text = "`nodes`, how many must remain, beside `survive_zones` and `ssh_config`"
                    raise wrong_value(text, ("placement",))
                count = len(self.ssh_config.hosts)
                # Not a key that was set: it follows from the hosts.
                self.__dict__["nodes"] = Nodes(min=count, target=count, max=count)
        return self

    @model_validator(mode="after")
    def _fits_its_zones(self) -> "Fleet":
        for nodes in (self.nodes.target, self.nodes.max or 0):
            self.placement.check_nodes(nodes)
        return self
