"""Views together with what their files say, for fronts whose clients expect their own documents back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
KEYS = (
    *("type", "name", "nodes", "commands", "resources", "placement", "regions", "availability_zones", "fleets"),
    *("spot_policy", "max_price", "max_duration", "stop_duration", "idle_duration", "size", "backend", "region"),
)
"""The keys that hold no secret and no other user's text but commands."""


@dataclass(frozen=True, slots=True)
class Declared(Generic[T]):
    """A view, and the keys of its canonical configuration that may be shown."""

    view: T
    config: Mapping[str, Any]


def shown(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of a canonical configuration may be shown: never the value of a variable."""
    return {key: config[key] for key in KEYS if key in config}
